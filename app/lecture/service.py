"""Start, enter, return, end: the use-cases of a live lecture that span features."""

from collections.abc import Mapping
from typing import cast

import structlog

from app.auth.principal import Account, Member, Principal
from app.core import metrics
from app.core.errors import Forbidden, Unavailable
from app.core.ids import ConnectionId, Email, NodeId, PeerId, RoomId, relay_in
from app.lecture.admission import Admissions
from app.lecture.ending import Endings
from app.lecture.entry import Entries
from app.lecture.media import Media
from app.lecture.model import (
    NOBODY,
    NOT_RECORDED,
    Entered,
    LectureConfig,
    Offer,
    Snapshot,
    Started,
)
from app.lecture.ports import CataloguePort, RecordingPort
from app.lecture.resumption import Resumptions
from app.lecture.seat import AudienceSeat, PresenterSeat, Seat
from app.lecture.start import Starts, seat_slot
from app.questions.store import read_questions
from app.recording.model import RecordingState
from app.relay.messages import Source
from app.rooms.model import holder, iso
from app.rooms.presence import Presence
from app.rooms.store import RoomStore
from app.whiteboard.model import EMPTY_HASH, Board, BoardKind, Drawers, Drawing
from app.whiteboard.service import Boards
from app.whiteboard.store import read_board

log = structlog.get_logger(__name__)

SOURCES: tuple[Source, ...] = ("microphone", "camera", "screen")


class Lectures:
    """The life of live lectures, for the connections of one process: what transport calls."""

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
        admissions: Admissions | None = None,
        recordings: RecordingPort | None = None,
    ) -> None:
        self._rooms = rooms
        self._boards = boards
        self._presence = presence
        self._media = media
        self._endings = endings
        self._node = node
        self._config = config or LectureConfig()
        self._admissions = admissions or Admissions.over(rooms, media, node)
        self._recordings = recordings
        self._starts = Starts(
            rooms,
            presence,
            media,
            endings,
            catalogue,
            node,
            self._config,
            self._admissions,
            recordings,
        )
        self._entries = Entries(rooms, media, endings, catalogue, self._admissions)
        self._resumptions = Resumptions(rooms, presence, node, self._config, self._admissions)

    # --- presenter -------------------------------------------------------------------------

    async def start(
        self, who: Account | Member, connection: ConnectionId, room: RoomId, offer: Offer
    ) -> Started:
        """Begin the owner's lecture, or return to it: ``Starts.start``."""
        with metrics.JOIN_SECONDS.labels("presenter").time():
            return await self._starts.start(who, connection, room, offer)

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

    async def record(self, seat: PresenterSeat, on: bool) -> RecordingState:
        """Record the lecture from now on, or no more, and tell everyone.

        Raises Forbidden where the server records nothing, StalePresenter, NotStarted, Ended,
        Unavailable.
        """
        if self._recordings is None:
            raise Forbidden("this server records no lectures")
        return await self._recordings.switch(seat.room, seat.epoch, on)

    async def try_claim(self, seat: PresenterSeat) -> PresenterSeat | None:
        """Take the slot without an offer, if nobody has it: ``Resumptions.try_claim``."""
        return await self._resumptions.try_claim(seat)

    # --- audience --------------------------------------------------------------------------

    async def enter(
        self, who: Principal, connection: ConnectionId, room: RoomId, offer: Offer
    ) -> Entered:
        """Let somebody in as a participant: ``Entries.enter``."""
        with metrics.JOIN_SECONDS.labels("participant").time():
            return await self._entries.enter(who, connection, room, offer)

    async def leave(self, seat: AudienceSeat, peer: PeerId | None) -> None:
        """Free the participant's media. Idempotent; its record stays while the room lives, for
        another tab of the same account may be in. Raises Unavailable."""
        self._presence.absent(seat.room, seat.connection)
        is_live, relay = await self._rooms.placement(seat.room)
        await self._admissions.depart(seat, peer)
        if not is_live:
            await self._rooms.forget(seat.identity, seat.room)
        elif relay is not None and peer is not None:
            await self._media.close_peer(relay_in(peer) or relay, seat.room, peer)

    # --- both ------------------------------------------------------------------------------

    async def resume(self, who: Principal, connection: ConnectionId, room: RoomId | None) -> Seat:
        """Seat a connection that brings no offer: ``Resumptions.resume``."""
        return await self._resumptions.resume(who, connection, room)

    async def board(self, room: RoomId) -> Board:
        """Return the newest board; the empty one before the first. Raises NotStarted, Ended."""
        live = await self._rooms.read(room)
        if live is None:
            raise await self._rooms.why_missing(room)
        return read_board(live.board_view, live.board_objects)

    async def snapshot(self, seat: Seat) -> Snapshot:
        """Return the room at one instant, with the unanswered questions for a presenter.

        Raises NotStarted, Ended, Unavailable.
        """
        presenter = isinstance(seat, PresenterSeat)
        live, entries = await self._rooms.snapshot(seat.room, questions=presenter)
        return Snapshot(
            board=read_board(live.board_view, live.board_objects),
            start_time=live.start_time,
            seq=live.seq,
            status=live.status,
            deadline=None if live.deadline_ms is None else iso(live.deadline_ms),
            listeners=live.listeners,
            sources={source: bool(live.sources.get(source)) for source in SOURCES},
            questions=read_questions(entries) if presenter else None,
            whip=live.whip is not None,
            floor=live.floor or NOBODY,
            board_kind=cast("BoardKind", live.board_kind),
            board_hash=live.board_hash or EMPTY_HASH,
            rev=live.rev,
            page=live.page,
            drawing=Drawing(cast("Drawers", live.drawers), live.drawers_list),
            recording=live.recording or NOT_RECORDED,
        )

    async def keep(self, seat: Seat) -> None:
        """Let somebody who is connected be known for another day. Raises Unavailable."""
        await self._rooms.keep(seat.identity)

    async def lost(self, seat: Seat) -> None:
        """Note that the seat's connection is gone. A presenter's room is held for the grace period.

        Fenced: the loss of a connection that no longer has the slot changes nothing (X7). Never
        raises for a Redis that is away: the lease ends by itself.
        """
        if isinstance(seat, AudienceSeat):
            self._presence.absent(seat.room, seat.connection)
            await self._admissions.depart(seat)
            return
        self._presence.drop(seat_slot(seat))
        await self._admissions.depart(seat)
        try:
            _ = await self._rooms.release(
                seat.room,
                holder(self._node, seat.connection),
                seat.epoch,
                self._config.grace_seconds,
            )
        except Unavailable:
            log.warning("a presenter's loss was not noted; the lease will end", room=seat.room)

    async def readmit(self, who: Principal, seat: Seat, peer: PeerId | None) -> None:
        """Give a connection its seat again, after the room's keys were lost and written back.

        Raises as ``Admissions.admit``.
        """
        relay = await self._rooms.relay_of(seat.room)
        media = None
        if peer is not None and relay is not None:
            media = (peer, relay_in(peer) or relay)
        role = "presenter" if isinstance(seat, PresenterSeat) else "student"
        _ = await self._admissions.admit(seat.room, who, role, seat.connection, media)

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
        self._presence.drop(seat_slot(seat))
        if ended is not None:
            await self._endings.finish(seat.room, ended)

    async def end_by_owner(self, email: Email, room: RoomId) -> None:
        """As ``Endings.by_owner``."""
        await self._endings.by_owner(email, room)

    async def end_by_service(self, room: RoomId, audio: str | None) -> None:
        """As ``Endings.by_service``."""
        await self._endings.by_service(room, audio)
