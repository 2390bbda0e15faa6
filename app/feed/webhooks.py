"""All webhooks: each is called by one process at a time, whichever has its lease."""

import asyncio

import structlog

from app.core.clock import Clock
from app.core.errors import Unavailable
from app.core.tasks import OnCrash, Tasks
from app.feed.courier import Courier, OwnerOf, group_of
from app.feed.door import Door
from app.feed.hooks import Hook, Hooks
from app.feed.stream import FeedStream
from app.store.lease import Lease
from app.store.redis import Redis

log = structlog.get_logger(__name__)

ROUND_SECONDS = 1.0
"""Between two looks at who wants to be called."""

LEASE_SECONDS = 5.0
"""After which another process goes on for one that died."""


class Webhooks:
    """Makes, lists, removes and calls webhooks."""

    def __init__(
        self,
        redis: Redis,
        hooks: Hooks,
        stream: FeedStream,
        door: Door,
        clock: Clock,
        owner_of: OwnerOf,
        holder: str,
    ) -> None:
        self._redis = redis
        self._hooks = hooks
        self._stream = stream
        self._door = door
        self._clock = clock
        self._owner_of = owner_of
        self._holder = holder
        self._couriers: dict[str, Courier] = {}
        self._tasks = Tasks("webhooks")

    async def open(self) -> None:
        """Begin, also while Redis or the database is away."""
        _ = self._tasks.start("look", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop, and let other processes go on at once. Safe to call twice."""
        await self._tasks.close()
        await asyncio.gather(*(courier.close() for courier in self._couriers.values()))
        self._couriers.clear()
        await self._door.close()

    async def create(self, service: str | None, url: str, types: frozenset[str]) -> Hook:
        """Make a webhook that hears of what happens from now on: ``Hooks.create``."""
        hook = await self._hooks.create(service, url, types)
        await self._stream.begin(group_of(hook.id))
        return hook

    async def of(self, service: str | None) -> list[Hook]:
        """Return a service's webhooks, or the operator's."""
        return await self._hooks.of(service)

    async def remove(self, service: str | None, hook: str) -> None:
        """Call it no more: within about a second also where another process does. Raises
        NotFound."""
        await self._hooks.remove(service, hook)
        courier = self._couriers.pop(hook, None)
        if courier is not None:
            await courier.close()
        await self._stream.drop(group_of(hook))

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except Unavailable as error:
                log.debug("webhooks wait", reason=error.message)
            await asyncio.sleep(ROUND_SECONDS)

    async def _look(self) -> None:
        working = {hook.id: hook for hook in await self._hooks.working()}
        for name, courier in list(self._couriers.items()):
            if name not in working or courier.is_done:
                del self._couriers[name]
                await courier.close()
                if name not in working:
                    await self._stream.drop(group_of(name))
        for name, hook in working.items():
            if name not in self._couriers:
                await self._take_up(hook)

    async def _take_up(self, hook: Hook) -> None:
        lease = Lease(self._redis, group_of(hook.id), self._holder, LEASE_SECONDS)
        if await lease.hold():
            courier = Courier(
                hook, self._stream, self._door, self._clock, lease, self._owner_of, self._gone
            )
            self._couriers[hook.id] = courier
            courier.open()

    async def _gone(self, hook: Hook) -> None:
        """Its receiver answered 410: it is never called again; its owner sees that."""
        log.info("a webhook wants no more", hook=hook.id)
        try:
            await self._hooks.end(hook.id, "the receiver answered 410 Gone")
            await self._stream.drop(group_of(hook.id))
        except Unavailable as error:
            log.warning("a webhook's end was not noted", hook=hook.id, reason=error.message)
