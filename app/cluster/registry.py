"""Which processes are alive: each says so every second, and is gone in four."""

import asyncio
from collections.abc import Callable

import structlog

from app.cluster.node import NodeInfo, read_node
from app.core.errors import Unavailable
from app.core.ids import NodeId
from app.core.tasks import OnCrash, Tasks
from app.store import keys
from app.store.redis import Redis

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 1.0

GONE_SECONDS = 3.5
"""Since the last heartbeat, by Redis' clock: three were missed, and half a second of delay."""

FORGOTTEN_SECONDS = 60
"""Until a dead process' name is dropped from the list, and the list with the last of them."""


class Registry:
    """The live processes, in Redis. Every method raises Unavailable while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def announce(self, kind: str, node: NodeId, info: NodeInfo) -> None:
        """Say once that ``node`` is alive; ``Heartbeat`` says it every second."""
        milliseconds = FORGOTTEN_SECONDS * 1000
        words = [word for pair in info.fields().items() for word in pair]
        await self._redis.script("describe_node", [keys.node(kind, node)], [milliseconds, *words])
        await self._redis.script("announce", [keys.nodes(kind)], [node, milliseconds, milliseconds])

    async def withdraw(self, kind: str, node: NodeId) -> None:
        """Say that ``node`` ends: it is not alive from now on."""
        await self._redis.script("withdraw", [keys.nodes(kind)], [node])

    async def alive(self, kind: str) -> list[NodeInfo]:
        """Return the processes of a kind whose last heartbeat is younger than ``GONE_SECONDS``."""
        lately = round(GONE_SECONDS * 1000)
        names = await self._redis.script("alive", [keys.nodes(kind)], [lately])
        hashes = await asyncio.gather(
            *(self._redis.hash(keys.node(kind, NodeId(name.decode()))) for name in names)
        )
        nodes = (read_node(fields) for fields in hashes)
        return [node for node in nodes if node is not None]

    async def heard(self, kind: str, node: NodeId) -> int | None:
        """Return when a process was last heard of, in ms of Redis' clock; None when it is gone.

        A later answer that is greater proves that the process lived in between.
        """
        lately = round(GONE_SECONDS * 1000)
        at = await self._redis.script("heard", [keys.nodes(kind)], [node, lately])
        return int(at) if at else None


class Heartbeat:
    """Announces one process every second until it is closed, then withdraws it.

    ``describe`` is called for each heartbeat, so that the load is current.
    """

    def __init__(self, registry: Registry, describe: Callable[[], NodeInfo]) -> None:
        self._registry = registry
        self._describe = describe
        self._tasks = Tasks("heartbeat")

    async def open(self) -> None:
        """Begin, also while Redis is away."""
        _ = self._tasks.start("beat", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop and withdraw. Safe to call twice, and while Redis is away."""
        await self._tasks.close()
        info = self._describe()
        try:
            await self._registry.withdraw(info.kind, info.id)
        except Unavailable:
            log.warning("could not withdraw", node=info.id)

    async def _run(self) -> None:
        away = False
        while True:
            info = self._describe()
            try:
                await self._registry.announce(info.kind, info.id, info)
                away = False
            except Unavailable as error:
                if not away:
                    log.warning("no heartbeat", node=info.id, reason=error.message)
                away = True
            await asyncio.sleep(HEARTBEAT_SECONDS)
