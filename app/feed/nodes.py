"""What becomes of our own processes, told to other systems: joined, left, another state."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping

import structlog

from app.cluster.node import NodeInfo
from app.core.clock import Clock
from app.core.errors import Unavailable
from app.core.ids import NodeId
from app.core.tasks import OnCrash, Tasks
from app.feed.model import node_event
from app.feed.stream import FeedStream

log = structlog.get_logger(__name__)

ROUND_SECONDS = 1.0


class NodeWatch:
    """Every api process looks; what has changed is told by the first that saw it, once.

    A process is told as left when two looks in a row miss it, so that a Redis that was away for a
    moment is not taken for the death of all.
    """

    def __init__(
        self, stream: FeedStream, alive: Callable[[], Awaitable[list[NodeInfo]]], clock: Clock
    ) -> None:
        self._stream = stream
        self._alive = alive
        self._clock = clock
        self._missing: set[str] = set()
        self._tasks = Tasks("nodes")

    async def open(self) -> None:
        """Begin, also while Redis is away."""
        _ = self._tasks.start("watch", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop. Safe to call twice."""
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Unavailable:
                self._missing.clear()
            await asyncio.sleep(ROUND_SECONDS)

    async def look(self) -> None:
        """Tell what has changed. Raises Unavailable."""
        now = {str(node.id): f"{node.kind}:{node.state.value}" for node in await self._alive()}
        told = await self._stream.nodes_told()
        for node, state in now.items():
            if told.get(node, "") != state:
                await self._tell(node, told.get(node, ""), state)
        missing = set(told) - set(now)
        for node in missing & self._missing:
            await self._tell(node, told[node], "")
        self._missing = missing

    async def _tell(self, node: str, before: str, now: str) -> None:
        name = "worker.joined" if not before else "worker.left" if not now else "worker.state"
        kind, _, state = (now or before).partition(":")
        data: Mapping[str, str] = {"kind": kind, "state": state if now else "gone"}
        at_ms = round(self._clock.wall() * 1000)
        event = node_event(NodeId(node), name, secrets.token_hex(8), at_ms, data)
        _ = await self._stream.tell_node(node, before, now, event)
