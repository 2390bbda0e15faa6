"""Makes the files forget what was deleted, soon after somebody was erased."""

import asyncio

import structlog

from app.archive.erasure import Erasure
from app.core.errors import Unavailable
from app.core.tasks import OnCrash, Tasks
from app.store import keys
from app.store.lease import Lease
from app.store.redis import Redis

log = structlog.get_logger(__name__)

ROUND_SECONDS = 5.0
LEASE_SECONDS = 900.0
"""Longer than rewriting everything may take."""


class Scrubber:
    """Runs in every api process. That somebody asked is kept in Redis, so that it outlives us."""

    def __init__(self, redis: Redis, erasure: Erasure, url: str, holder: str) -> None:
        self._redis = redis
        self._erasure = erasure
        self._url = url
        self._lease = Lease(redis, "scrub", holder, LEASE_SECONDS)
        self._asked = False
        self._tasks = Tasks("scrubber")

    async def open(self) -> None:
        """Begin."""
        _ = self._tasks.start("scrub", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop. What was asked for is done by whoever runs next. Safe to call twice."""
        await self._tasks.close()
        await self._lease.release()

    def ask(self) -> None:
        """Have it done soon. Never blocks."""
        self._asked = True

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Unavailable as error:
                log.debug("scrubbing waits", reason=error.message)
            await asyncio.sleep(ROUND_SECONDS)

    async def look(self) -> bool:
        """Do what was asked for; tell whether anything was done."""
        if self._asked:
            await self._redis.script("scrub_ask", [keys.SCRUB], [keys.TTL_SECONDS])
            self._asked = False
        wanted = await self._redis.text(keys.SCRUB)
        if not wanted or not await self._lease.hold():
            return False
        done = await self._erasure.scrub(self._url)
        await self._redis.script("scrub_done", [keys.SCRUB], [wanted])
        await self._lease.release()
        log.info("files were written anew", complete=done)
        return True
