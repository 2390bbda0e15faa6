"""Which of a relay's rooms are to be recorded: looked up, so that no lost message and no restart of
anything leaves a lecture unrecorded."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import structlog

from app.core.errors import LecternError, Unavailable
from app.core.ids import LectureId, NodeId, RoomId
from app.core.tasks import OnCrash, Tasks
from app.recording.model import FaultReason
from app.recording.state import RecordingStates, View

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 0.5
"""What the beginning of a recording may come late; the file says when it really began."""


class FeedPort(Protocol):
    """``feed.Feed``."""

    @property
    def rooms(self) -> dict[RoomId, LectureId]: ...
    def begin(self, room: RoomId, lecture: LectureId, elapsed: float) -> None: ...
    def end(self, room: RoomId) -> None: ...


class Watch:
    """Begins and ends a relay's recordings by what its rooms say in Redis.

    A room is recorded by the relay that it is placed on, which its presenter is on. While Redis is
    away everything stays as it is.
    """

    def __init__(
        self, states: RecordingStates, node: NodeId, rooms: Callable[[], Iterable[RoomId]]
    ) -> None:
        self._states = states
        self._node = node
        self._rooms = rooms
        self._tasks = Tasks("recording-watch")
        self._feed: FeedPort | None = None
        self._faults: dict[RoomId, tuple[LectureId, FaultReason | None]] = {}

    def attach(self, feed: FeedPort) -> None:
        """Say which feed is to be told; once, before ``open``."""
        self._feed = feed

    async def open(self) -> None:
        """Begin to look."""
        _ = self._tasks.start("look", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop looking. Safe to call twice."""
        await self._tasks.close()

    def note_fault(self, room: RoomId, lecture: LectureId, reason: FaultReason | None) -> None:
        """Keep what the room must hear; the newest of a room counts."""
        self._faults[room] = (lecture, reason)

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Unavailable as error:
                log.debug("recordings stay as they are", reason=error.message)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Bring the feed up to date once. Raises Unavailable."""
        feed = self._feed
        if feed is None:
            return
        for room in {*self._rooms(), *feed.rooms}:
            await self._look_at(feed, room, await self._states.view(room))
        await self._tell_faults()

    async def _look_at(self, feed: FeedPort, room: RoomId, view: View | None) -> None:
        recorded = feed.rooms.get(room)
        wanted = None
        if view is not None and view.recording.is_wanted and view.relay == self._node:
            wanted = view.lecture
        if recorded == wanted:
            return
        if recorded is not None:
            feed.end(room)
        if wanted is not None and view is not None:
            feed.begin(room, wanted, await self._states.elapsed(view))
            log.info("recording", room=room)
        else:
            log.info("recording no more", room=room)

    async def _tell_faults(self) -> None:
        faults, self._faults = self._faults, {}
        for room, (lecture, reason) in faults.items():
            try:
                _ = await self._states.note_fault(room, lecture, reason)
            except Unavailable:
                self._faults.setdefault(room, (lecture, reason))
                raise
            except LecternError:  # the lecture is over: nobody is left to tell
                continue
