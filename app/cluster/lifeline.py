"""A connection to Redis that breaks at the moment its process is killed."""

import asyncio
from typing import Final

import structlog

from app.core.errors import Unavailable
from app.core.ids import NodeId
from app.core.tasks import OnCrash, Tasks
from app.store import keys
from app.store.redis import Redis

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 0.1
"""Between two tries: much less than ``registry.CUT_SECONDS``, so that a broken connection is not
taken for a killed process."""


class Lifeline:
    """Listens to a channel that nobody publishes to, until it is closed.

    The kernel closes a killed process' connections, and Redis then counts no listener: so others
    know within a beat that it is dead, where silence alone takes four seconds to mean anything
    (docs/decisions/0095).
    """

    def __init__(self, redis: Redis, node: NodeId) -> None:
        self._redis = redis
        self._channel = keys.lifeline(node)
        self._tasks = Tasks(f"lifeline.{node}")

    async def open(self) -> None:
        """Begin, also while Redis is away."""
        _ = self._tasks.start("listen", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop. Safe to call twice."""
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            try:
                await self._redis.hold(self._channel)
            except Unavailable as error:
                log.debug("the lifeline broke", reason=error.message)
            await asyncio.sleep(RETRY_SECONDS)
