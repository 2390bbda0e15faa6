"""All live rooms at a glance, for an operator."""

import asyncio
from dataclasses import dataclass

from app.core.ids import LectureId, NodeId, RoomId, is_room_id
from app.store import keys
from app.store.redis import Redis

MAX_ROOMS = 2000
"""Listed at once; ``total`` tells how many there are."""

AT_ONCE = 100

_FIELDS = ("lectureId", "status", "startTime", "listeners", "relay", "seq")


@dataclass(frozen=True, slots=True)
class RoomGlance:
    """One live room; nothing in it is personal."""

    code: RoomId
    lecture: LectureId
    status: str
    """``LIVE`` or ``AWAY``."""
    start_time: str
    """ISO 8601, UTC."""
    listeners: int
    relay: NodeId | None
    seq: int


@dataclass(frozen=True, slots=True)
class Glance:
    """The rooms, and how many there are in all."""

    rooms: list[RoomGlance]
    total: int


class Overview:
    """Raises Unavailable while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def rooms(self) -> Glance:
        """Return the live rooms by code, ``MAX_ROOMS`` of them at most."""
        names = [raw.decode() for raw in await self._redis.sorted_members(keys.DUE)]
        codes = [RoomId(name) for name in sorted(names) if is_room_id(name)]
        found: list[RoomGlance] = []
        for start in range(0, min(len(codes), MAX_ROOMS), AT_ONCE):
            some = codes[start : start + AT_ONCE]
            glances = await asyncio.gather(*(self._glance(code) for code in some))
            found += [glance for glance in glances if glance is not None]
        return Glance(found, len(codes))

    async def _glance(self, code: RoomId) -> RoomGlance | None:
        values = await self._redis.fields(keys.room(code), *_FIELDS)
        lecture, status, started, listeners, relay, seq = (
            None if value is None else value.decode() for value in values
        )
        if lecture is None or status is None:
            return None
        on = NodeId(relay) if relay else None
        return RoomGlance(
            code, LectureId(lecture), status, started or "", int(listeners or 0), on, int(seq or 0)
        )
