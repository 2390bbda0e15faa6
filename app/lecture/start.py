"""A presenter's start and return: media first, the slot last."""

import structlog

from app.auth.permissions import EVERYTHING, Permission
from app.auth.principal import Account, Member, identity_of
from app.core.errors import (
    Forbidden,
    LecternError,
    StalePresenter,
    Unauthorized,
    Unavailable,
)
from app.core.ids import ConnectionId, LectureId, NodeId, PeerId, RoomId, peer_on
from app.lecture.admission import Admissions, sources_of
from app.lecture.ending import Endings
from app.lecture.media import Media, RelayGone
from app.lecture.model import LectureConfig, Offer, Returned, Started
from app.lecture.ports import CataloguePort, RecordingPort
from app.lecture.seat import PresenterSeat
from app.questions.store import read_questions
from app.relay.messages import OpenPeer
from app.rooms.model import LiveRoom, holder
from app.rooms.presence import HeldSlot, Presence
from app.rooms.store import Claim, RoomStore
from app.whiteboard.store import read_board

log = structlog.get_logger(__name__)

START_TRIES = 4
"""Times that a start is tried when another one of the same presenter came between."""


class Starts:
    """Starts of the connections of one process.

    Media is opened under the next epoch first, and the slot is given by a compare-and-set on what
    was seen before. So a start that fails leaves the slot, and a working presenter's tab, alone
    (docs/decisions/0022).
    """

    def __init__(
        self,
        rooms: RoomStore,
        presence: Presence,
        media: Media,
        endings: Endings,
        catalogue: CataloguePort,
        node: NodeId,
        config: LectureConfig,
        admissions: Admissions,
        recordings: RecordingPort | None = None,
    ) -> None:
        self._admissions = admissions
        self._recordings = recordings
        self._rooms = rooms
        self._presence = presence
        self._media = media
        self._endings = endings
        self._catalogue = catalogue
        self._node = node
        self._config = config

    async def start(
        self, who: Account | Member, connection: ConnectionId, room: RoomId, offer: Offer
    ) -> Started:
        """Begin the owner's lecture, or return to it, and answer the offer.

        A member of a service's room presents as the service's account, if its role may publish.

        A newer start takes the slot from an older connection of the same owner. When this raises,
        the slot is where it was, but for Unavailable after the relay answered: then it may be
        ours, and frees itself when its lease ends.

        Raises:
            NotFound: no open lecture has the code.
            Forbidden: it is another's lecture, or this member may not publish what it offers.
            Unauthorized: the token is expired and there is no live room to return to.
            Ended: the lecture is over.
            BadOffer: the relay cannot answer the offer.
            Unavailable: Redis, SQL or every relay is away.
        """
        if isinstance(who, Member):
            await self._admissions.check(who, room)
            check_publishing(who, offer)
        for _ in range(START_TRIES):
            live = await self._rooms.read(room)
            lecture = await self._owned(_account(who), room, live)
            started = await self._try_start(who, connection, room, offer, lecture, live)
            if started is not None:
                return started
        raise Unavailable("the lecture is being started elsewhere at this moment")

    async def _owned(self, who: Account, room: RoomId, live: LiveRoom | None) -> LectureId:
        if live is not None:  # its presenter came from SQL when the room was made (X3)
            if live.presenter != who.email:
                raise Forbidden("only the lecture's owner presents")
            return live.lecture
        if who.expired:
            raise Unauthorized("the token has expired")
        lecture = await self._catalogue.open_by_code(room)
        if lecture is None:
            raise await self._endings.why_unknown(room)
        if lecture.owner_email != who.email:
            raise Forbidden("only the lecture's owner presents")
        return lecture.id

    async def _try_start(
        self,
        who: Account | Member,
        connection: ConnectionId,
        room: RoomId,
        offer: Offer,
        lecture: LectureId,
        live: LiveRoom | None,
    ) -> Started | None:
        """Open media, then claim; None when another claim came between."""
        seen = (live.epoch, live.relay) if live else (0, None)
        has_program = live is not None and live.whip is not None
        relay = await self._media.relay_for(room, seen[1])
        is_p2p = isinstance(who, Member) and who.p2p
        peer = None if is_p2p else peer_on(relay, offer.peer)
        command = _opening(who, room, peer, offer, seen[0] + 1, has_program)
        try:
            answer = None if command is None else await self._media.open(relay, command)
        except RelayGone:
            return None
        except StalePresenter:
            # A newer start was faster, or an older lecture's room is still there.
            if live is None:
                await self._media.close_room(relay, room)
            return None
        account, permission = _account(who), EVERYTHING
        try:
            await self._rooms.remember(identity_of(who), "PRESENTER", room)
            if live is not None:  # before the slot is taken from anybody
                permission = await self._admit(who, connection, room, peer, relay)
            claim = await self._rooms.claim(
                room,
                lecture,
                account.email,
                holder(self._node, connection),
                self._config.lease_seconds,
                seen=seen,
                relay=relay,
                record=live is None and await self._is_recorded(lecture),
            )
            if claim is not None and live is None:
                permission = await self._admit(who, connection, room, peer, relay)
        except BaseException:
            # A working peer whose ICE was restarted is left alone.
            if peer is not None and peer != offer.peer:
                self._media.close_peer_soon(relay, room, peer)
            raise
        if claim is None:
            if peer is not None and peer != offer.peer:
                await self._media.close_peer(relay, room, peer)
            return None
        member = identity_of(who) if isinstance(who, Member) else ""
        seat = PresenterSeat(
            room,
            connection,
            account.email,
            account.username,
            claim.epoch,
            member,
            permission,
            is_p2p,
        )
        self._presence.hold(seat_slot(seat))
        await self._note_start(lecture)
        return Started(seat, answer, peer, None if claim.first else _returned(claim))

    async def _admit(
        self,
        who: Account | Member,
        connection: ConnectionId,
        room: RoomId,
        peer: PeerId | None,
        relay: NodeId,
    ) -> Permission:
        media = None if peer is None else (peer, relay)
        return await self._admissions.admit(room, who, "presenter", connection, media)

    async def _is_recorded(self, lecture: LectureId) -> bool:
        return self._recordings is not None and await self._recordings.begin_if_wanted(lecture)

    async def _note_start(self, lecture: LectureId) -> None:
        """Tell SQL, on every start, for the first may have found it away; it keeps the first."""
        try:
            await self._catalogue.started(lecture)
        except LecternError as error:
            log.warning("a start was not noted", lecture=lecture, reason=error.message)


def _opening(
    who: Account | Member,
    room: RoomId,
    peer: PeerId | None,
    offer: Offer,
    epoch: int,
    has_program: bool,
) -> OpenPeer | None:
    if peer is None:
        return None
    return OpenPeer(
        room=room,
        peer=peer,
        role="presenter",
        sdp=offer.sdp,
        sources=offer.sources,
        epoch=epoch,
        # Ours hears of the session's end and offers again; an existing client cannot.
        idle=has_program and bool(offer.sources),
        waits=has_program and not offer.sources,
        publish=sources_of(who.permission) if isinstance(who, Member) else None,
    )


def check_publishing(who: Member, offer: Offer) -> None:
    """Raise Forbidden for one whose role may not send what it offers."""
    permission = who.permission
    unfit = [source for source in offer.sources.values() if source not in permission.sources]
    if unfit or not permission.sends_media:
        raise Forbidden(f"your role may not publish {', '.join(sorted(set(unfit))) or 'media'}")


def _account(who: Account | Member) -> Account:
    return who.account if isinstance(who, Member) else who


def seat_slot(seat: PresenterSeat) -> HeldSlot:
    """Return the slot that a presenter's seat is, for ``Presence``."""
    return HeldSlot(seat.room, seat.connection, seat.epoch)


def _returned(claim: Claim) -> Returned:
    return Returned(
        read_board(claim.board_view, claim.board_objects),
        claim.start_time,
        read_questions(claim.questions),
    )
