"""Calls one webhook: every event it wants, each lecture's in order, again until it was taken."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable

import orjson
import structlog

from app.core import metrics
from app.core.clock import Clock
from app.core.errors import Unavailable
from app.core.tasks import OnCrash, Tasks
from app.feed import retries, signature
from app.feed.door import Door
from app.feed.hooks import Hook
from app.feed.stream import Entry, FeedStream
from app.store.lease import Lease

log = structlog.get_logger(__name__)

MAX_IN_HAND = 1000
"""Events that wait here for their turn or for another try; the rest waits in the feed."""

MAX_AT_ONCE = 8
"""Calls of one webhook at a time, each of another source."""

BATCH = 100
PAUSE_SECONDS = 0.25
"""Between two looks at a feed that had nothing new."""

RETRY_SECONDS = 1.0

OwnerOf = Callable[[str], Awaitable[str | None]]
"""From an event's source to the service whose it is; None: the operator's own."""


def group_of(hook: str) -> str:
    """Return the name of a webhook's group of the feed."""
    return f"hook:{hook}"


class Courier:
    """Guarantees that each event that the hook wants is sent until its receiver takes it (2xx), or
    it is a day old: at least once, and of one source never a later one before an earlier one.
    Another source does not wait. Only the holder of the hook's lease works; whoever takes it over
    begins with what was not acknowledged.
    """

    def __init__(
        self,
        hook: Hook,
        stream: FeedStream,
        door: Door,
        clock: Clock,
        lease: Lease,
        owner_of: OwnerOf,
        gone: Callable[[Hook], Awaitable[None]],
    ) -> None:
        self._hook = hook
        self._stream = stream
        self._door = door
        self._clock = clock
        self._lease = lease
        self._owner_of = owner_of
        self._gone = gone
        self._group = group_of(hook.id)
        self._lanes: dict[str, deque[Entry]] = {}
        self._in_hand = 0
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._tasks = Tasks("courier")
        self.is_done = False

    def open(self) -> None:
        """Begin. The lease must be held."""
        _ = self._tasks.start("read", self._read, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop; what is being sent may be sent again by another process. Safe to call twice."""
        self.is_done = True
        await self._tasks.close()
        await self._lease.release()

    async def _read(self) -> None:
        first = True
        while not self.is_done:
            try:
                if not await self._lease.hold():
                    self.is_done = True
                    return
                room = min(BATCH, MAX_IN_HAND - self._in_hand)
                count = MAX_IN_HAND if first else room
                if count > 0:
                    taken = await self._stream.take(self._group, "courier", count, old=first)
                    first = False
                    await self._sort(taken)
                    if len(taken) == room:
                        continue
                await asyncio.sleep(PAUSE_SECONDS)
            except Unavailable as error:
                log.debug("a webhook waits", hook=self._hook.id, reason=error.message)
                await asyncio.sleep(RETRY_SECONDS)

    async def _sort(self, taken: list[Entry]) -> None:
        """Give each event to its source's lane; let those go that the hook does not want."""
        unwanted = []
        for entry in taken:
            if entry.body is None:
                metrics.WEBHOOKS.labels("lost").inc()
                unwanted.append(entry.id)
            elif not self._hook.wants(entry.type) or not await self._is_ours(entry.source):
                unwanted.append(entry.id)
            else:
                self._in_hand += 1
                lane = self._lanes.get(entry.source)
                if lane is None:
                    lane = self._lanes[entry.source] = deque()
                    self._walk(entry.source, lane)
                lane.append(entry)
        await self._stream.acknowledge(self._group, unwanted)

    async def _is_ours(self, source: str) -> bool:
        return self._hook.service is None or await self._owner_of(source) == self._hook.service

    def _walk(self, source: str, lane: deque[Entry]) -> None:
        async def walk() -> None:
            while lane:
                entry = lane[0]
                await self._carry(entry)
                await self._acknowledge(entry)
                _ = lane.popleft()
                self._in_hand -= 1
            del self._lanes[source]

        _ = self._tasks.start("lane", walk)

    async def _carry(self, entry: Entry) -> None:
        """Send one event until it is taken, or given up."""
        failures = 0
        happened_ms = int(entry.id.partition("-")[0])
        while True:
            status, why = await self._try(entry)
            if status is not None and retries.is_taken(status):
                metrics.WEBHOOKS.labels("taken").inc()
                return
            if status is not None and retries.is_gone(status):
                metrics.WEBHOOKS.labels("gone").inc()
                self.is_done = True
                await self._gone(self._hook)
                return
            metrics.WEBHOOKS.labels("refused").inc()
            failures += 1
            if retries.gives_up(happened_ms, round(self._clock.wall() * 1000)):
                metrics.WEBHOOKS.labels("given_up").inc()
                log.warning("an event was given up", hook=self._hook.id, event=entry.id, why=why)
                return
            await asyncio.sleep(retries.pause(failures, random.random))

    async def _try(self, entry: Entry) -> tuple[int | None, str]:
        if self._hook.secret is None:
            return None, "the server's secret has changed"
        body = entry.body or b""
        unique = str(orjson.loads(body)["id"])
        at = int(self._clock.wall())
        async with self._turns:
            try:
                headers = signature.headers(self._hook.secret, unique, at, body)
                status = await self._door.post(self._hook.url, headers, body)
            except (ConnectionError, TimeoutError) as error:
                return None, str(error)
        return status, f"status {status}"

    async def _acknowledge(self, entry: Entry) -> None:
        while True:
            try:
                await self._stream.acknowledge(self._group, [entry.id])
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return
