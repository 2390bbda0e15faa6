"""Where each relay of a room stands in the tree of them, in Redis: who feeds whom."""

from dataclasses import dataclass
from typing import Literal, Protocol

from app.core.ids import NodeId, RoomId
from app.store.redis import Redis

GOOD_FOR_SECONDS = 15.0
"""How long a relay's word is good for; it says it again every third of that."""


@dataclass(frozen=True, slots=True)
class Place:
    """One relay's place in one room."""

    kind: Literal["gone", "none", "root", "leaf"]
    """``gone``: there is no such live room. ``none``: the room has no first relay at the moment.
    ``root``: it is the first, where the presenter is. ``leaf``: it is fed by ``upper``."""
    upper: NodeId | None = None


class Places(Protocol):
    """What a relay asks about its rooms. Every method raises Unavailable while Redis is away."""

    async def stand(self, room: RoomId, peers: int, avoid: NodeId | None) -> Place:
        """Say that this relay has ``peers`` of a room, and return its place.

        It is not fed by ``avoid`` unless that is the first relay of the room.
        """
        ...

    async def leave(self, room: RoomId) -> None:
        """Say that it has nobody of the room any more."""
        ...


class RedisPlaces:
    """``Places`` of one relay. The key goes with the room, an entry with its relay's silence."""

    def __init__(self, redis: Redis, node: NodeId, fan_out: int, region: str = "") -> None:
        """``fan_out``: relays that one relay feeds before others feed some in its stead; then
        those of its own ``region`` before all."""
        self._redis = redis
        self._node = node
        self._fan_out = fan_out
        self._region = region

    async def stand(self, room: RoomId, peers: int, avoid: NodeId | None) -> Place:
        reply = await self._redis.on_room(
            "relay_stand",
            room,
            self._node,
            peers,
            round(GOOD_FOR_SECONDS * 1000),
            self._fan_out,
            avoid or "",
            self._region,
        )
        match reply[0]:
            case b"leaf":
                return Place("leaf", NodeId(reply[1].decode()))
            case b"root":
                return Place("root")
            case b"none":
                return Place("none")
            case _:
                return Place("gone")

    async def leave(self, room: RoomId) -> None:
        _ = await self._redis.on_room("relay_leave", room, self._node)
