"""What happens to archived lectures by the time: they are deleted when theirs is over."""

import asyncio

import structlog

from app.archive.deletion import Deletion
from app.core.errors import Unavailable
from app.core.tasks import OnCrash, Tasks
from app.store.lease import Lease
from app.store.redis import Redis

log = structlog.get_logger(__name__)

ROUND_SECONDS = 60.0
LEASE_SECONDS = 150.0


class Caretaker:
    """Runs in every api process; one of them does the work."""

    def __init__(self, redis: Redis, deletion: Deletion, holder: str, default_days: int) -> None:
        self._deletion = deletion
        self._lease = Lease(redis, "retention", holder, LEASE_SECONDS)
        self._default_days = default_days
        self._tasks = Tasks("caretaker")

    async def open(self) -> None:
        """Begin."""
        _ = self._tasks.start("retention", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop. Safe to call twice."""
        await self._tasks.close()
        await self._lease.release()

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Unavailable as error:
                log.debug("retention waits", reason=error.message)
            await asyncio.sleep(ROUND_SECONDS)

    async def look(self) -> int:
        """Delete what is over, if this process is the one that does; return how many lectures."""
        if not await self._lease.hold():
            return 0
        return await self._deletion.sweep(self._default_days)
