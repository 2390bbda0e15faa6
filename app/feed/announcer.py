"""What one process tells the feed by itself: who comes and goes on its connections."""

import asyncio
import secrets
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from app.core import metrics
from app.core.clock import Clock
from app.core.errors import Unavailable
from app.core.ids import LectureId, RoomId
from app.core.tasks import OnCrash, Tasks
from app.feed.model import FeedEvent, member_event
from app.feed.stream import FeedStream

log = structlog.get_logger(__name__)

MAX_WAITING = 20_000
"""Events that wait while Redis is away; more are dropped, the oldest first, and counted."""

MAX_ROOMS = 10_000
"""Whose lecture is remembered."""

BATCH = 200
ROUND_SECONDS = 0.1
RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Notice:
    room: RoomId
    at_ms: int
    unique: str
    joined: bool
    member: Mapping[str, str]


class Announcer:
    """Tells the feed, off the path of whoever announces. At least once: after a time-out an event
    may stand there twice, with one ``id``. Events of one process keep their order. A process that
    is killed tells nobody that its members are gone."""

    def __init__(self, stream: FeedStream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._here: dict[tuple[RoomId, str], Mapping[str, str]] = {}
        self._waiting: deque[_Notice] = deque()
        self._lectures: OrderedDict[RoomId, LectureId] = OrderedDict()
        self._dropped = 0
        self._tasks = Tasks("announcer")

    async def open(self) -> None:
        """Begin, also while Redis is away."""
        _ = self._tasks.start("tell", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Tell what waits, if Redis is there, and stop. Safe to call twice."""
        await self._tasks.close()
        try:
            while self._waiting:
                await self._tell()
        except Unavailable:
            metrics.QUEUE_DROPS.labels("feed_members").inc(len(self._waiting))
            log.warning("comings and goings were not told", count=len(self._waiting))
            self._waiting.clear()

    def came(self, room: RoomId, seat: str, member: Mapping[str, str]) -> None:
        """Announce a seat; one that was announced already is not again. Never blocks or raises."""
        if (room, seat) not in self._here:
            self._here[room, seat] = member
            self._note(room, member, joined=True)

    def went(self, room: RoomId, seat: str) -> None:
        """Announce that a seat is empty, if it was announced."""
        member = self._here.pop((room, seat), None)
        if member is not None:
            self._note(room, member, joined=False)

    def _note(self, room: RoomId, member: Mapping[str, str], *, joined: bool) -> None:
        at_ms = round(self._clock.wall() * 1000)
        if len(self._waiting) >= MAX_WAITING:
            metrics.QUEUE_DROPS.labels("feed_members").inc()
            _ = self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(_Notice(room, at_ms, secrets.token_hex(8), joined, member))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            try:
                while self._waiting:
                    await self._tell()
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)

    async def _tell(self) -> None:
        batch = [self._waiting[place] for place in range(min(BATCH, len(self._waiting)))]
        dropped = self._dropped
        events = [event for event in [await self._event(one) for one in batch] if event is not None]
        if events:
            await self._stream.add(events)
        for _ in range(len(batch) - (self._dropped - dropped)):
            _ = self._waiting.popleft()

    async def _event(self, notice: _Notice) -> FeedEvent | None:
        lecture = await self._lecture(notice)
        if lecture is None:  # over before anybody could ask which it was
            return None
        return member_event(
            notice.room,
            lecture,
            notice.unique,
            notice.at_ms,
            joined=notice.joined,
            member=notice.member,
        )

    async def _lecture(self, notice: _Notice) -> LectureId | None:
        """Return which lecture a room is: as it is now for one who comes, as it was for one who
        goes, since the room may be over by then."""
        known = self._lectures.get(notice.room)
        if known is None or notice.joined:
            found = await self._stream.lecture_of(notice.room)
            if found is not None:
                known = self._lectures[notice.room] = found
                self._lectures.move_to_end(notice.room)
            while len(self._lectures) > MAX_ROOMS:
                _ = self._lectures.popitem(last=False)
        return known
