"""What one process tells the feed by itself: who comes and goes on its connections."""

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping
from typing import Any

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

BATCH = 200
ROUND_SECONDS = 0.1
RETRY_SECONDS = 1.0


class Announcer:
    """Tells the feed, off the path of whoever announces. At least once: after a time-out an event
    may stand there twice, with one ``id``. Events of one process keep their order."""

    def __init__(self, stream: FeedStream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._waiting: deque[FeedEvent] = deque()
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

    def member(
        self, room: RoomId, lecture: LectureId, member: Mapping[str, Any], *, joined: bool
    ) -> None:
        """Announce that a connection came to a lecture, or is gone. Never blocks or raises."""
        at_ms, unique = round(self._clock.wall() * 1000), secrets.token_hex(8)
        event = member_event(room, lecture, unique, at_ms, joined=joined, member=member)
        if len(self._waiting) >= MAX_WAITING:
            metrics.QUEUE_DROPS.labels("feed_members").inc()
            _ = self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(event)

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
        await self._stream.add(batch)
        for _ in range(len(batch) - (self._dropped - dropped)):
            _ = self._waiting.popleft()
