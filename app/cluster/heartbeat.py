"""One process' place in the registry: told every second, and at once when something changes."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from app.cluster.node import NodeInfo
from app.cluster.registry import Registry
from app.core.errors import Unavailable
from app.core.tasks import OnCrash, Tasks

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS: Final = 1.0

RETRY_SECONDS: Final = 0.25
"""Between two tries while Redis is away: once it is back, nobody must be missed for long."""

MIN_SECONDS: Final = 0.05
"""Between two beats, however often something changes."""


class Heartbeat:
    """Announces one process until it is closed, then withdraws it.

    ``describe`` is called for each beat, so that the load is current. ``on_drain`` is called, once,
    with the seconds that an operator gives the process to drain.

    Guarantees that nothing is announced once ``close`` has begun to withdraw: a beat under way is
    waited for, since cancelling it would not call back what it has sent.
    """

    def __init__(
        self,
        registry: Registry,
        describe: Callable[[], NodeInfo],
        on_drain: Callable[[float], None] | None = None,
    ) -> None:
        self._registry = registry
        self._describe = describe
        self._on_drain = on_drain
        self._beating = asyncio.Lock()
        self._changed = asyncio.Event()
        self._is_closed = False
        self._is_away = False
        self._tasks = Tasks("heartbeat")

    async def open(self) -> None:
        """Begin, also while Redis is away."""
        _ = self._tasks.start("beat", self._run, OnCrash.RESTART)

    def changed(self) -> None:
        """Beat soon, for something is other than it was told."""
        self._changed.set()

    async def close(self) -> None:
        """Stop and withdraw. Safe to call twice, and while Redis is away."""
        if self._is_closed:
            return
        self._is_closed = True
        async with self._beating:
            pass
        await self._tasks.close()
        info = self._describe()
        try:
            await self._registry.withdraw(info.kind, info.id)
        except Unavailable:
            log.warning("could not withdraw", node=info.id)

    async def beat(self) -> bool:
        """Announce now; return whether that was taken."""
        async with self._beating:
            if self._is_closed:
                return False
            info = self._describe()
            try:
                order = await self._registry.announce(info.kind, info.id, info)
            except Unavailable as error:
                if not self._is_away:
                    log.warning("no heartbeat", node=info.id, reason=error.message)
                self._is_away = True
                return False
            self._is_away = False
        if order is not None and self._on_drain is not None:
            on_drain, self._on_drain = self._on_drain, None
            on_drain(order)
        return True

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            pause = HEARTBEAT_SECONDS if await self.beat() else RETRY_SECONDS
            await asyncio.sleep(MIN_SECONDS)
            try:
                async with asyncio.timeout(pause - MIN_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                continue
