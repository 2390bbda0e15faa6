"""Copies of the rooms whose presenters this process holds, to write back what somebody deleted."""

from collections.abc import Collection
from dataclasses import dataclass

import structlog

from app.core.ids import RoomId
from app.rooms.presence import HeldSlot
from app.store.redis import Redis

log = structlog.get_logger(__name__)

MAX_BYTES = 16 * 1024 * 1024
"""Of one room in Redis. A larger one is not copied: that would hold Redis up for too long."""


@dataclass(slots=True)
class _Copy:
    seq: bytes
    dumps: list[bytes]


class Copies:
    """One copy per room, as of its last ``refresh``. Every method raises Unavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._copies: dict[RoomId, _Copy] = {}
        self._large: set[RoomId] = set()

    def __len__(self) -> int:
        return len(self._copies)

    def retain(self, rooms: Collection[RoomId]) -> None:
        """Forget the copies of all other rooms."""
        for room in self._copies.keys() - set(rooms):
            del self._copies[room]
        self._large.intersection_update(rooms)

    async def refresh(self, room: RoomId) -> bool:
        """Copy the room if it changed; False when its keys are gone though it has not ended."""
        held = self._copies.get(room)
        reply = await self._redis.on_room("copy", room, held.seq if held else "", MAX_BYTES)
        outcome = bytes(reply[0])
        if outcome == b"copy":
            newest = self._copies.get(room)
            if newest is held or newest is None or int(reply[1]) > int(newest.seq):
                self._copies[room] = _Copy(reply[1], list(reply[2:]))
        elif outcome == b"over":
            self._copies.pop(room, None)
        elif outcome == b"large" and room not in self._large:
            self._large.add(room)
            log.warning("a room is too large to be copied", room=room)
        return outcome != b"gone"

    async def restore(self, slot: HeldSlot, holder: str, lease_seconds: float) -> int:
        """Write the room back as it was copied, held by ``slot``; return its due time in ms.

        0, and nothing is changed: there is no copy, the room is there, or it has ended.
        """
        held = self._copies.get(slot.room)
        if held is None:
            return 0
        lease_ms = round(lease_seconds * 1000)
        due = await self._redis.on_room(
            "restore", slot.room, holder, slot.epoch, lease_ms, *held.dumps
        )
        return int(due)
