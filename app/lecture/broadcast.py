"""Media over HTTP: a presenter from a broadcasting program (WHIP), a listener from a player (WHEP).

A WHIP session is the presenter's media and nothing else. Board, questions and the end stay with
the web client of the same account, which holds the slot whenever it is there; a WHIP session keeps
the slot only where nobody else does, so that a lecture that is heard is never taken for an
abandoned one (docs/decisions/0050).
"""

from dataclasses import dataclass, replace

import structlog

from app.auth.room_tokens import RoomGrant
from app.core.errors import (
    Ended,
    Forbidden,
    LecternError,
    NotFound,
    StalePresenter,
    Unauthorized,
    Unavailable,
)
from app.core.ids import LectureId, NodeId, PeerId, RoomId, new_peer_id
from app.lecture.admission import Admissions
from app.lecture.descriptions import etag_of, received_sources, ufrag_of
from app.lecture.ending import Endings
from app.lecture.media import Media, RelayGone
from app.lecture.model import LectureConfig
from app.lecture.ports import CataloguePort
from app.lecture.session_watch import LISTENERS_NODE, SessionWatch
from app.relay.answers import IceRestarted, PeerOpened
from app.relay.messages import OpenPeer, RestartIce
from app.rooms.model import LiveRoom
from app.rooms.sessions import Session, SessionRole, SessionStore
from app.rooms.store import RoomStore

log = structlog.get_logger(__name__)

START_TRIES = 4
_HOLDER = "whip/"


@dataclass(frozen=True, slots=True)
class Opened:
    """A session was made."""

    session: Session
    answer: PeerOpened


@dataclass(frozen=True, slots=True)
class Restarted:
    """A session has new ICE credentials, and a new entity tag."""

    session: Session
    ice: IceRestarted


class Broadcasts:
    """WHIP and WHEP sessions. Any api process serves any session; ``open`` looks after them all."""

    def __init__(
        self,
        rooms: RoomStore,
        sessions: SessionStore,
        media: Media,
        endings: Endings,
        catalogue: CataloguePort,
        config: LectureConfig | None = None,
    ) -> None:
        self._admissions = Admissions.over(rooms, media, LISTENERS_NODE)
        self._rooms = rooms
        self._sessions = sessions
        self._media = media
        self._endings = endings
        self._catalogue = catalogue
        self._config = config or LectureConfig()
        self._watch = SessionWatch(rooms, sessions, media, self._admissions, self._config)

    async def open(self) -> None:
        """Begin to look after sessions, also while Redis is away."""
        await self._watch.open()

    async def close(self) -> None:
        """Stop. Sessions go on, and other processes look after them. Safe to call twice."""
        await self._watch.close()

    # --- presenter -------------------------------------------------------------------------

    async def publish(self, grant: RoomGrant, sdp: str) -> Opened:
        """Let a broadcasting program carry the presenter's media; starts the lecture if need be.

        A newer session replaces an older one. Raises as ``Lectures.start`` does.
        """
        await self._check_token(grant)
        for _ in range(START_TRIES):
            live = await self._rooms.read(grant.room)
            await self._check_presenter(grant, live)
            opened = await self._try_publish(grant, sdp, live)
            if opened is not None:
                return opened
        raise Unavailable("the lecture is being started elsewhere at this moment")

    async def _check_token(self, grant: RoomGrant) -> None:
        if grant.generation != await self._sessions.revocations(grant.lecture, grant.role):
            raise Unauthorized("this room token was revoked")

    async def generation(self, lecture: LectureId, role: SessionRole) -> int:
        """Return the generation of a room token that is given now."""
        return await self._sessions.revocations(lecture, role)

    async def revoke(self, room: RoomId, lecture: LectureId, role: SessionRole) -> None:
        """Let every room token of a role be good no more, and end what was made with them."""
        _ = await self._sessions.revoke(lecture, role)
        live = await self._rooms.read(room)
        if live is None or live.lecture != lecture:
            return
        ended = [one for one in await self._sessions.all(room) if one.role == role]
        for session in ended:
            await self._media.close_peer(session.relay, room, session.peer)
        await self._watch.forget(room, ended)

    async def _check_presenter(self, grant: RoomGrant, live: LiveRoom | None) -> None:
        if live is not None:
            if live.lecture != grant.lecture:
                raise Ended("the lecture of this token is over")
            if live.presenter != grant.email:
                raise Forbidden("only the lecture's owner presents")
            return
        lecture = await self._catalogue.open_by_code(grant.room)
        if lecture is None or lecture.id != grant.lecture:
            raise Ended("the lecture of this token is over")

    async def _try_publish(
        self, grant: RoomGrant, sdp: str, live: LiveRoom | None
    ) -> Opened | None:
        """Open media, then note the session; None when the room changed in between."""
        room, peer = grant.room, new_peer_id()
        relay = await self._media.relay_for(room, live.relay if live is not None else None)
        has_slot = live is not None and live.status == "LIVE"
        epoch = (live.epoch if live is not None else 0) + (0 if has_slot else 1)
        command = OpenPeer(
            room=room, peer=peer, role="presenter", sdp=sdp, epoch=epoch, beside=True
        )
        try:
            answer = await self._media.open(relay, command)
        except RelayGone:
            return None
        except StalePresenter:  # as in Starts: a newer start, or what an older lecture left
            if live is None:
                await self._media.close_room(relay, room)
            return None
        try:
            session = _session(grant, peer, relay, sdp, answer)
            if await self._note_publisher(grant, session, live, answer):
                return Opened(session, answer)
        except BaseException:
            self._media.close_peer_soon(relay, room, peer)
            raise
        await self._media.close_peer(relay, room, peer)
        return None

    async def _note_publisher(
        self, grant: RoomGrant, session: Session, live: LiveRoom | None, answer: PeerOpened
    ) -> bool:
        room, lease = grant.room, self._config.lease_seconds
        await self._rooms.remember(grant.email, "PRESENTER", room)
        if live is None or live.status != "LIVE":
            claim = await self._rooms.claim(
                room,
                grant.lecture,
                grant.email,
                _HOLDER + session.peer,
                lease,
                seen=(live.epoch, live.relay) if live is not None else (0, None),
                relay=session.relay,
            )
            if claim is None:
                return False
        elif live.relay != session.relay:
            placed = await self._rooms.place(room, live.relay, session.relay)
            if placed != session.relay:
                return False
        await self._admit(grant, session)
        await self._keep(room, session)
        held, before = await self._rooms.hold_whip(
            room, session.peer, session.relay, lease, received_sources(answer.sdp)
        )
        if not held:
            _ = await self._sessions.drop(room, [session.peer])
            return False
        if before is not None:
            _ = await self._sessions.drop(room, [before])
            self._media.close_peer_soon(session.relay, room, before)
        await self._note_start(grant.lecture)
        return True

    async def _admit(self, grant: RoomGrant, session: Session) -> None:
        """Refuse who was removed, and whoever comes without a ticket where one is needed."""
        media = (session.peer, session.relay)
        await self._admissions.admit_session(grant.room, grant.email, grant.name, grant.role, media)

    async def _keep(self, room: RoomId, session: Session) -> None:
        if not await self._sessions.put(room, session):
            raise Unavailable("this lecture has as many media sessions as it may have")

    async def _note_start(self, lecture: LectureId) -> None:
        try:
            await self._catalogue.started(lecture)
        except LecternError as error:
            log.warning("a start was not noted", lecture=lecture, reason=error.message)

    # --- listener --------------------------------------------------------------------------

    async def play(self, grant: RoomGrant, sdp: str) -> Opened:
        """Let a player hear and see the lecture; it counts as a listener.

        Raises NotStarted, Ended, BadOffer, Unavailable.
        """
        await self._check_token(grant)
        room = grant.room
        live = await self._rooms.read(room)
        if live is None:
            raise await self._endings.why_closed(room)
        if live.lecture != grant.lecture:
            raise Ended("the lecture of this token is over")
        first = await self._media.relay_for(room, live.relay)
        if first != live.relay:
            first = await self._rooms.place(room, live.relay, first)
        spanned = await self._rooms.relays(room)
        relay = await self._media.relay_for_participant(room, first, spanned)
        peer = new_peer_id(relay)
        answer = await self._media.open(
            relay, OpenPeer(room=room, peer=peer, role="participant", sdp=sdp)
        )
        try:
            session = _session(grant, peer, relay, sdp, answer)
            await self._admit(grant, session)
            await self._keep(room, session)
            await self._watch.count_listeners(room, await self._sessions.all(room))
            await self._catalogue.attend(live.lecture, grant.email)
        except BaseException:
            self._media.close_peer_soon(relay, room, peer)
            raise
        return Opened(session, answer)

    # --- both ------------------------------------------------------------------------------

    async def session(self, grant: RoomGrant, peer: PeerId) -> Session:
        """Return the grant's session. Raises NotFound for one that is gone, or another's, and
        Unauthorized where its token was revoked."""
        await self._check_token(grant)
        session = await self._sessions.get(grant.room, peer)
        if session is None or (session.role, session.email) != (grant.role, grant.email):
            raise NotFound("there is no such session")
        return session

    async def restart(
        self, grant: RoomGrant, session: Session, ufrag: str, password: str
    ) -> Restarted:
        """Give a session's peer new ICE credentials. Raises NotFound where it is gone."""
        command = RestartIce(room=grant.room, peer=session.peer, ufrag=ufrag, password=password)
        ice = await self._media.restart_ice(session.relay, command)
        renewed = replace(session, etag=etag_of(ice.ufrag), ufrag=ufrag)
        _ = await self._sessions.put(grant.room, renewed)
        return Restarted(renewed, ice)

    async def end(self, grant: RoomGrant, session: Session) -> None:
        """End a session at once. Of the presenter's, the grace period begins where no web client
        presents. A repeat changes nothing."""
        await self._media.close_peer(session.relay, grant.room, session.peer)
        await self._watch.forget(grant.room, [session])


def _session(
    grant: RoomGrant, peer: PeerId, relay: NodeId, offer: str, answer: PeerOpened
) -> Session:
    return Session(
        peer, grant.role, grant.email, relay, etag_of(ufrag_of(answer.sdp)), ufrag_of(offer)
    )
