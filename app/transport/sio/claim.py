"""A presenter who came back while the slot was still held by its own lost connection."""

import asyncio

import structlog

from app.core.errors import LecternError
from app.core.ids import ConnectionId, RoomId
from app.core.tasks import Tasks
from app.lecture.seat import PresenterSeat
from app.transport.sio.config import SioConfig
from app.transport.sio.connection import Connection, Seated
from app.transport.sio.ports import LecturesPort

log = structlog.get_logger(__name__)

CLAIM_SECONDS = 1.0
"""Between two tries; an event of the room (``presenter_away``) brings the next one forward."""


class SlotClaims:
    """Asks for the slot on behalf of the presenters that wait for it, for a bounded time."""

    def __init__(self, config: SioConfig, lectures: LecturesPort, tasks: Tasks) -> None:
        self._tries = config.claim_tries
        self._lectures = lectures
        self._tasks = tasks
        self._waiting: dict[ConnectionId, tuple[RoomId, asyncio.Event]] = {}

    def begin(self, connection: Connection, seat: PresenterSeat) -> None:
        """Start asking for ``connection``; on success its seat has an epoch and it is told."""
        if connection.id in self._waiting:
            return
        wake = asyncio.Event()
        self._waiting[connection.id] = (seat.room, wake)

        async def run() -> None:
            try:
                await self._ask(connection, seat, wake)
            finally:
                del self._waiting[connection.id]

        _ = self._tasks.start("claim", run)

    def hasten(self, room: RoomId) -> None:
        """Try at once: the slot of ``room`` became free."""
        for waiting_for, wake in self._waiting.values():
            if waiting_for == room:
                wake.set()

    async def _ask(self, connection: Connection, seat: PresenterSeat, wake: asyncio.Event) -> None:
        for _ in range(self._tries):
            try:
                async with asyncio.timeout(CLAIM_SECONDS):
                    await wake.wait()
            except TimeoutError:
                pass
            wake.clear()
            if connection.seat != seat or not connection.is_open:
                return
            try:
                claimed = await self._lectures.try_claim(seat)
            except LecternError as error:
                if not error.retryable:
                    return
                continue
            if claimed is not None:
                await self._give(connection, seat, claimed)
                return

    async def _give(
        self, connection: Connection, seat: PresenterSeat, claimed: PresenterSeat
    ) -> None:
        place = connection.place
        if connection.is_open and isinstance(place, Seated) and place.seat == seat:
            connection.place = Seated(claimed, place.peer, place.returned, place.shown)
            connection.emit("/lecture", "presenting", {"epoch": claimed.epoch})
        else:
            await self._lectures.lost(claimed)
