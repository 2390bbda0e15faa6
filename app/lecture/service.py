"""Start, enter, return, end: the use-cases of a live lecture that span features."""

from collections.abc import Mapping

import structlog

from app.auth.principal import Account, Guest, Principal
from app.core.errors import (
    Ended,
    Forbidden,
    LecternError,
    NotFound,
    NotJoined,
    NotStarted,
    Unauthorized,
    Unavailable,
)
from app.core.ids import ConnectionId, Email, LectureId, NodeId, PeerId, RoomId, new_peer_id
from app.lecture.ending import Endings
from app.lecture.media import Media
from app.lecture.model import Entered, LectureConfig, Offer, Returned, Snapshot, Started
from app.lecture.ports import CataloguePort
from app.lecture.seat import AudienceSeat, PresenterSeat, Seat
from app.questions.store import read_questions
from app.relay.messages import OpenPeer, PeerOpened, Source
from app.rooms.model import LiveRoom, holder, iso
from app.rooms.presence import HeldSlot, Presence
from app.rooms.store import Claim, RoomStore
from app.whiteboard.model import Board
from app.whiteboard.service import Boards
from app.whiteboard.store import read_board

log = structlog.get_logger(__name__)

START_TRIES = 4
"""Times that a start is tried when another one of the same presenter came between."""

SOURCES: tuple[Source, ...] = ("microphone", "camera", "screen")


class Lectures:
    """The life of live lectures, for the connections of one process.

    The presenter's slot is taken last: media is opened under the next epoch first, and the slot
    is given by a compare-and-set on what was seen before. So a start that fails leaves the slot,
    and a working presenter's tab, alone (docs/decisions/0022).
    """

    def __init__(
        self,
        rooms: RoomStore,
        boards: Boards,
        presence: Presence,
        media: Media,
        endings: Endings,
        catalogue: CataloguePort,
        node: NodeId,
        config: LectureConfig | None = None,
    ) -> None:
        self._rooms = rooms
        self._boards = boards
        self._presence = presence
        self._media = media
        self._endings = endings
        self._catalogue = catalogue
        self._node = node
        self._config = config or LectureConfig()

    # --- presenter -------------------------------------------------------------------------

    async def start(
        self, who: Account, connection: ConnectionId, room: RoomId, offer: Offer
    ) -> Started:
        """Begin the owner's lecture, or return to it, and answer the offer.

        A newer start takes the slot from an older connection of the same owner. When this raises,
        the slot is where it was, but for Unavailable after the relay answered: then it may be
        ours, and frees itself when its lease ends.

        Raises:
            NotFound: no open lecture has the code.
            Forbidden: it is another's lecture.
            Unauthorized: the token is expired and there is no live room to return to.
            Ended: the lecture is over.
            BadOffer: the relay cannot answer the offer.
            Unavailable: Redis, SQL or every relay is away.
        """
        for _ in range(START_TRIES):
            live = await self._rooms.read(room)
            lecture = await self._owned(who, room, live)
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
            raise await self._why_unknown(room)
        if lecture.owner_email != who.email:
            raise Forbidden("only the lecture's owner presents")
        return lecture.id

    async def _try_start(
        self,
        who: Account,
        connection: ConnectionId,
        room: RoomId,
        offer: Offer,
        lecture: LectureId,
        live: LiveRoom | None,
    ) -> Started | None:
        """Open media, then claim; None when another claim came between."""
        seen = (live.epoch, live.relay) if live else (0, None)
        relay = await self._media.relay_for(seen[1])
        peer = offer.peer or new_peer_id()
        command = OpenPeer(
            room=room,
            peer=peer,
            role="presenter",
            sdp=offer.sdp,
            sources=offer.sources,
            epoch=seen[0] + 1,
        )
        answer = await self._media.open(relay, command)
        try:
            await self._rooms.remember(who.email, "PRESENTER", room)
            claim = await self._rooms.claim(
                room,
                lecture,
                who.email,
                holder(self._node, connection),
                self._config.lease_seconds,
                seen=seen,
                relay=relay,
            )
        except BaseException:
            self._media.close_peer_soon(relay, room, peer)
            raise
        if claim is None:
            await self._media.close_peer(relay, room, peer)
            return None
        seat = PresenterSeat(room, connection, who.email, who.username, claim.epoch)
        self._presence.hold(_slot(seat))
        await self._note_start(lecture)
        return Started(seat, answer, peer, None if claim.first else _returned(claim))

    async def _note_start(self, lecture: LectureId) -> None:
        """Tell SQL, on every start, for the first may have found it away; it keeps the first."""
        try:
            await self._catalogue.started(lecture)
        except LecternError as error:
            log.warning("a start was not noted", lecture=lecture, reason=error.message)

    async def init_board(self, seat: PresenterSeat, board: Board) -> bool:
        """Make ``board`` the first board; False, and nothing, when there is one (X8).

        Raises StalePresenter, NotStarted, Ended, TooLarge, Unavailable.
        """
        return await self._boards.begin(seat.room, seat.epoch, board)

    async def set_sources(self, seat: PresenterSeat, sources: Mapping[Source, bool]) -> None:
        """Note what the presenter shows now, and tell everyone; what is not named is off.

        Raises StalePresenter, NotStarted, Ended, Unavailable.
        """
        state: dict[str, bool] = {source: bool(sources.get(source)) for source in SOURCES}
        _ = await self._rooms.set_sources(seat.room, seat.epoch, state)

    async def try_claim(self, seat: PresenterSeat) -> PresenterSeat | None:
        """Take the slot for a presenter's connection without an offer, if nobody has it.

        Returns the seat with its new epoch (or the one it has already), None while another
        connection has the slot. Raises Forbidden, NotStarted, Ended, Unavailable.
        """
        epoch = await self._rooms.try_claim(
            seat.room,
            seat.email,
            holder(self._node, seat.connection),
            self._config.lease_seconds,
        )
        if epoch is None:
            return None
        claimed = PresenterSeat(seat.room, seat.connection, seat.email, seat.name, epoch)
        self._presence.hold(_slot(claimed))
        return claimed

    # --- audience --------------------------------------------------------------------------

    async def enter(
        self, who: Principal, connection: ConnectionId, room: RoomId, offer: Offer
    ) -> Entered:
        """Let somebody in as a participant, answer the offer, and give the newest board.

        Raises:
            NotFound: no open lecture has the code.
            NotStarted: the lecture has no live room yet.
            Ended: the lecture is over.
            Unauthorized: the token is expired and its owner was not in this room.
            BadOffer: the relay cannot answer the offer.
            Unavailable: Redis, SQL or every relay is away.
        """
        live = await self._rooms.read(room)
        if live is None:
            raise await self._why_closed(room)
        seat = await self._audience_seat(who, connection, room)
        relay = await self._media.relay_for(live.relay)
        if relay != live.relay:
            relay = await self._rooms.place(room, live.relay, relay)
        peer = offer.peer or new_peer_id()
        command = OpenPeer(
            room=room, peer=peer, role="participant", sdp=offer.sdp, sources=offer.sources
        )
        answer = await self._media.open(relay, command)
        try:
            return await self._entered(seat, answer, peer)
        except BaseException:
            self._media.close_peer_soon(relay, room, peer)
            raise

    async def _audience_seat(
        self, who: Principal, connection: ConnectionId, room: RoomId
    ) -> AudienceSeat:
        if isinstance(who, Guest):
            return AudienceSeat(room, connection, "GUEST", who.id, who.name)
        if who.expired and room not in (await self._rooms.membership(who.email)).kinds:
            raise Unauthorized("the token has expired")
        return AudienceSeat(room, connection, "STUDENT", who.email, who.username)

    async def _entered(self, seat: AudienceSeat, answer: PeerOpened, peer: PeerId) -> Entered:
        await self._rooms.remember(seat.identity, seat.kind, seat.room)
        live = await self._rooms.read(seat.room)  # again: the board may have changed meanwhile
        if live is None:
            raise await self._rooms.why_missing(seat.room)
        if seat.kind == "STUDENT":
            await self._catalogue.attend(live.lecture, Email(seat.identity))
        return Entered(seat, answer, peer, _board(live), live.start_time, live.status == "LIVE")

    async def leave(self, seat: AudienceSeat, peer: PeerId | None) -> None:
        """Free the participant's media. Idempotent; its record stays while the room lives, for
        another tab of the same account may be in. Raises Unavailable."""
        self._presence.absent(seat.room, seat.connection)
        live_relay = await self._rooms.relay_of(seat.room)
        if live_relay is None:
            await self._rooms.forget(seat.identity, seat.room)
        elif peer is not None:
            await self._media.close_peer(live_relay, seat.room, peer)

    # --- both ------------------------------------------------------------------------------

    async def resume(self, who: Principal, connection: ConnectionId, room: RoomId | None) -> Seat:
        """Seat a connection that brings no offer: its media is elsewhere, or never stopped.

        Without ``room`` it is the newest that they are in. The owner gets the slot when it is
        free or theirs already, else a seat of epoch 0 (see ``try_claim``).

        Raises:
            NotJoined: they are in no such room.
            Unauthorized: the token is expired and the room is not live.
            NotStarted, Ended: the room is not live.
            Unavailable: Redis is away.
        """
        identity = who.id if isinstance(who, Guest) else who.email
        member = await self._rooms.membership(identity)
        code = room if room is not None else member.newest
        kind = member.kinds.get(code) if code is not None else None
        if code is None or kind is None:
            if isinstance(who, Account) and who.expired:
                raise Unauthorized("the token has expired")
            raise NotJoined("enter the lecture first")
        room = RoomId(code)
        try:
            if isinstance(who, Account) and kind == "PRESENTER":
                return await self._resume_presenter(who, connection, room)
            if not await self._rooms.is_live(room):
                raise await self._rooms.why_missing(room)
        except (NotStarted, Ended):
            if isinstance(who, Account) and who.expired:
                raise Unauthorized("the token has expired") from None
            raise
        if isinstance(who, Guest):
            return AudienceSeat(room, connection, "GUEST", who.id, who.name)
        return AudienceSeat(room, connection, "STUDENT", who.email, who.username)

    async def _resume_presenter(
        self, who: Account, connection: ConnectionId, room: RoomId
    ) -> PresenterSeat:
        seat = PresenterSeat(room, connection, who.email, who.username, 0)
        try:
            return await self.try_claim(seat) or seat
        except Forbidden:  # the code is another lecture's by now
            raise NotJoined("enter the lecture first") from None

    async def board(self, room: RoomId) -> Board:
        """Return the newest board; the empty one before the first. Raises NotStarted, Ended."""
        live = await self._rooms.read(room)
        if live is None:
            raise await self._rooms.why_missing(room)
        return _board(live)

    async def snapshot(self, seat: Seat) -> Snapshot:
        """Return the room at one instant, with the unanswered questions for a presenter.

        Raises NotStarted, Ended, Unavailable.
        """
        presenter = isinstance(seat, PresenterSeat)
        live, entries = await self._rooms.snapshot(seat.room, questions=presenter)
        return Snapshot(
            board=_board(live),
            start_time=live.start_time,
            seq=live.seq,
            status=live.status,
            deadline=None if live.deadline_ms is None else iso(live.deadline_ms),
            listeners=live.listeners,
            sources={source: bool(live.sources.get(source)) for source in SOURCES},
            questions=read_questions(entries) if presenter else None,
        )

    async def lost(self, seat: Seat) -> None:
        """Note that the seat's connection is gone. A presenter's room is held for the grace period.

        Fenced: the loss of a connection that no longer has the slot changes nothing (X7). Never
        raises for a Redis that is away: the lease ends by itself.
        """
        if isinstance(seat, AudienceSeat):
            self._presence.absent(seat.room, seat.connection)
            return
        self._presence.drop(_slot(seat))
        try:
            _ = await self._rooms.release(
                seat.room,
                holder(self._node, seat.connection),
                seat.epoch,
                self._config.grace_seconds,
            )
        except Unavailable:
            log.warning("a presenter's loss was not noted; the lease will end", room=seat.room)

    def present(self, room: RoomId, connection: ConnectionId) -> None:
        """Count a listener; everyone is told within about a second."""
        self._presence.present(room, connection)

    def absent(self, room: RoomId, connection: ConnectionId) -> None:
        """Count a listener no more."""
        self._presence.absent(room, connection)

    # --- the end ---------------------------------------------------------------------------

    async def end(self, seat: PresenterSeat) -> None:
        """End the lecture by its presenter. A second end is fine.

        Raises StalePresenter, NotStarted, Unavailable.
        """
        ended = await self._rooms.end(seat.room, seat.epoch, "presenter")
        self._presence.drop(_slot(seat))
        if ended is not None:
            await self._endings.finish(seat.room, ended)

    async def end_by_owner(self, email: Email, room: RoomId) -> None:
        """As ``Endings.by_owner``."""
        await self._endings.by_owner(email, room)

    async def end_by_service(self, room: RoomId, audio: str | None) -> None:
        """As ``Endings.by_service``."""
        await self._endings.by_service(room, audio)

    # --- refusals --------------------------------------------------------------------------

    async def _why_unknown(self, room: RoomId) -> LecternError:
        if await self._rooms.ended_lecture(room) is not None:
            return Ended("the lecture is over")
        return NotFound("there is no such lecture")

    async def _why_closed(self, room: RoomId) -> LecternError:
        lecture = await self._catalogue.open_by_code(room)
        if lecture is None:
            return await self._why_unknown(room)
        if await self._rooms.ended_lecture(room) == lecture.id:
            return Ended("the lecture is over")
        return NotStarted("the lecture has not started")


def _slot(seat: PresenterSeat) -> HeldSlot:
    return HeldSlot(seat.room, seat.connection, seat.epoch)


def _board(live: LiveRoom) -> Board:
    return read_board(live.board_view, live.board_objects)


def _returned(claim: Claim) -> Returned:
    return Returned(
        read_board(claim.board_view, claim.board_objects),
        claim.start_time,
        read_questions(claim.questions),
    )
