"""What TURN keeps in Redis: each server's secrets, who is alive, and coturn's statistics."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from app.core.ids import NodeId
from app.store import keys
from app.store.redis import Redis
from app.turn.choice import TurnServer
from app.turn.rotation import Slot, read_slot
from app.turn.usage import lifetime_in

KIND = "turn"

GONE_SECONDS = 4.0
"""Since the last word of a monitor, which speaks every second."""

KNOWN_SECONDS = 24 * 60 * 60
"""For which a server that is gone is remembered: it may come back with the secrets it had."""

TTL_MS = 24 * 60 * 60 * 1000
STATUS_SECONDS = 3_600
"""How long a status lives that does not say how long."""
STATUS_SLACK_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Change:
    """One slot as it was read and as it must become."""

    before: Slot | None
    after: Slot


class TurnStore:
    """Every method raises Unavailable while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def announce(self, server: TurnServer) -> None:
        """Say once that a server is alive."""
        fields = {
            "id": server.id,
            "kind": KIND,
            "address": server.urls[0],
            "urls": json.dumps(server.urls),
            "region": server.region,
            "freeTraffic": f"{server.free_mbps:.1f}",
            "restAddr": server.rest_address,
            "longTerm": server.long_term,
        }
        node, milliseconds = NodeId(server.id), round(GONE_SECONDS * 1000)
        words = [word for pair in fields.items() for word in pair]
        await self._redis.script("describe_node", [keys.node(KIND, node)], [milliseconds, *words])
        known = KNOWN_SECONDS * 1000
        await self._redis.script("announce", [keys.nodes(KIND)], [server.id, known, known])

    async def is_announced(self, server: str) -> bool:
        """Tell whether a server was announced within ``GONE_SECONDS`` and has not left."""
        return await self._redis.exists(keys.node(KIND, NodeId(server)))

    async def withdraw(self, server: str) -> None:
        """Say that a server takes nobody from now on."""
        await self._redis.script("forget_node", [keys.node(KIND, NodeId(server))])

    async def alive(self) -> list[TurnServer]:
        """Return the servers whose monitors spoke within ``GONE_SECONDS``."""
        names = await self._names(GONE_SECONDS)
        nodes = [keys.node(KIND, NodeId(name)) for name in names]
        hashes = await asyncio.gather(*(self._redis.hash(node) for node in nodes))
        return [_server(fields) for fields in hashes if b"freeTraffic" in fields]

    async def known(self) -> list[str]:
        """Return the ids of all servers, also those that were alive within the day."""
        return await self._names(KNOWN_SECONDS)

    async def _names(self, seconds: float) -> list[str]:
        names = await self._redis.script("alive", [keys.nodes(KIND)], [round(seconds * 1000)])
        return [name.decode() for name in names]

    async def slots(self, server: str) -> dict[int, Slot]:
        """Return a server's secrets by slot."""
        found = await self._redis.hash(keys.turn_slots(server))
        return {int(index): read_slot(text) for index, text in found.items()}

    async def change(
        self, server: str, realm: str, changes: Mapping[int, Change]
    ) -> dict[int, Slot]:
        """Change slots that still are as they were read, and return all as they are then.

        What coturn takes follows in the same moment. Without changes it renews their life.
        """
        words: list[str | int] = []
        for index, change in changes.items():
            before = change.before.encoded() if change.before else ""
            words += [index, before, change.after.encoded()]
        both = [keys.turn_slots(server), keys.turn_accepted(realm)]
        flat = await self._redis.script("turn_secrets", both, [TTL_MS, *words])
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return {int(index): read_slot(text) for index, text in pairs}

    async def accepted(self, realm: str) -> list[bytes]:
        """Return the secrets that coturn must take now."""
        return list(await self._redis.script("turn_accepted", [keys.turn_accepted(realm)]))

    async def status(self, key: str, value: str) -> None:
        """Keep an allocation's status a little longer than the allocation may live."""
        lifetime = lifetime_in(value)
        seconds = STATUS_SECONDS if lifetime is None else lifetime + STATUS_SLACK_SECONDS
        await self._redis.script("turn_statistics", [key], ["set", value, seconds * 1000])

    async def forget(self, key: str) -> None:
        """Drop an allocation's status."""
        await self._redis.script("turn_statistics", [key], ["del"])

    async def publish(self, channel: str, message: str) -> None:
        """Publish what coturn says, for whoever listens."""
        await self._redis.script("turn_statistics", [channel], ["publish", message])


def _server(fields: Mapping[bytes, bytes]) -> TurnServer:
    return TurnServer(
        id=fields[b"id"].decode(),
        urls=tuple(json.loads(fields[b"urls"])),
        region=fields[b"region"].decode(),
        free_mbps=float(fields[b"freeTraffic"]),
        rest_address=fields[b"restAddr"].decode(),
        long_term=fields[b"longTerm"].decode(),
    )
