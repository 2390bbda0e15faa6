"""Which processes are alive: each says so every second, and is gone in four."""

import asyncio
from collections.abc import Sequence
from typing import Final

from app.cluster.node import KINDS, NodeInfo, read_node
from app.cluster.refusals import NoSuchWorker
from app.core.errors import LecternError
from app.core.ids import NodeId
from app.store import keys
from app.store.redis import Redis

GONE_SECONDS: Final = 3.5
"""Since the last heartbeat, by Redis' clock: three were missed, and half a second of delay."""

CUT_SECONDS: Final = 1.2
"""Since the last heartbeat of a process whose lifeline is cut: it was killed. One beat is due, and
a lifeline that only broke is mended within a fraction of this."""

LIST_SECONDS: Final = keys.TTL_SECONDS
"""For which the list of a kind outlives the last of its processes: longer than a date may jump."""

ORDER_SECONDS: Final = 600
"""For which an order to drain waits for its process."""


class Registry:
    """The live processes, in Redis. Every method raises Unavailable while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._last: dict[str, dict[NodeId, NodeInfo]] = {}
        """What the live processes of a kind said last. A date that jumps ends the lifetime of it
        before they fall silent, and they do not say it again for a second."""

    async def announce(self, kind: str, node: NodeId, info: NodeInfo) -> float | None:
        """Say once that ``node`` is alive; ``Heartbeat`` says it every second.

        Returns for how many seconds an operator lets it drain; None when nobody asked it to.
        """
        words = [word for pair in info.fields().items() for word in pair]
        gone, lives = round(GONE_SECONDS * 1000), LIST_SECONDS * 1000
        order = await self.redis.script("join", _keys(kind, node), [node, gone, lives, *words])
        return float(order) if order else None

    async def withdraw(self, kind: str, node: NodeId) -> None:
        """Say that ``node`` ends: it is not alive from now on, and nothing of it is left."""
        await self.redis.script("leave", _keys(kind, node), [node])

    async def bury(self, kind: str, node: NodeId) -> bool:
        """Remove what is left of a dead process; False, and nothing, for one that was heard of in
        the last ``CUT_SECONDS``."""
        silence = round(CUT_SECONDS * 1000)
        where = [*_keys(kind, node), keys.commands(node)]
        return bool(await self.redis.script("bury", where, [node, silence]))

    async def alive(self, kind: str) -> list[NodeInfo]:
        """Return the processes of a kind: heard of in the last ``GONE_SECONDS``, or in the last
        ``CUT_SECONDS`` where its lifeline is cut."""
        lately = round(GONE_SECONDS * 1000)
        flat = await self.redis.script("living", [keys.nodes(kind)], [lately])
        ages = {NodeId(flat[i].decode()): int(flat[i + 1]) for i in range(0, len(flat), 2)}
        hashes = await asyncio.gather(*(self.redis.hash(keys.node(kind, name)) for name in ages))
        said = {node.id: node for node in map(read_node, hashes) if node is not None}
        known = self._last.get(kind, {}) | said
        self._last[kind] = {name: known[name] for name in ages if name in known}
        nodes = list(self._last[kind].values())
        quiet = [
            node.id for node in nodes if node.has_lifeline and ages[node.id] > CUT_SECONDS * 1000
        ]
        killed = await self._cut_off(quiet)
        return [node for node in nodes if node.id not in killed]

    async def _cut_off(self, nodes: Sequence[NodeId]) -> set[NodeId]:
        try:
            listening = await self.redis.listening([keys.lifeline(node) for node in nodes])
        except LecternError:  # it does not tell us (ACL): then silence alone decides
            return set()
        return {node for node, is_up in zip(nodes, listening, strict=True) if not is_up}

    async def all(self) -> list[NodeInfo]:
        """Return every live process, api before relay, by id."""
        kinds = await asyncio.gather(*(self.alive(kind) for kind in KINDS))
        return [node for nodes in kinds for node in sorted(nodes, key=lambda node: node.id)]

    async def find(self, node: NodeId) -> NodeInfo:
        """Return one live process. Raises NoSuchWorker."""
        for found in await self.all():
            if found.id == node:
                return found
        raise NoSuchWorker(node)

    async def order_drain(self, node: NodeId, seconds: float) -> None:
        """Ask a live process to give away what it has and to end, in ``seconds`` at the latest.

        It hears of it with its next heartbeat. Raises NoSuchWorker.
        """
        found = await self.find(node)
        stands = ORDER_SECONDS * 1000
        await self.redis.script("order_drain", [keys.drain_order(found.id)], [seconds, stands])

    async def heard(self, kind: str, node: NodeId) -> int | None:
        """Return when a process was last heard of, in ms of Redis' clock; None when it is gone.

        A later answer that is greater proves that the process lived in between.
        """
        lately = round(GONE_SECONDS * 1000)
        at = await self.redis.script("heard", [keys.nodes(kind)], [node, lately])
        return int(at) if at else None


def _keys(kind: str, node: NodeId) -> list[str]:
    return [keys.nodes(kind), keys.node(kind, node), keys.drain_order(node)]
