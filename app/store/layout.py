"""Live rooms of an older version are brought to this one's layout."""

import re

import structlog

from app.core.errors import LecternError
from app.core.ids import RoomId
from app.store import keys
from app.store.redis import Redis

log = structlog.get_logger(__name__)

_ROOM = re.compile(rb"room:\{([0-9]{6})\}")


async def upgrade_rooms(redis: Redis) -> int:
    """Bring every live room to the layout that this version writes; return how many there are.

    Each room is upgraded by one script, which is also the beginning of every other room script: a
    room that this misses is upgraded when it is touched first. So this may run again, from several
    processes at once, and while lectures go on. It never goes back: a room of a newer version is
    left as it is, and logged.

    Raises Unavailable when Redis is away.
    """
    upgraded = 0
    cursor = 0
    while True:
        cursor, found = await redis.scan(cursor, keys.room(RoomId("?" * 6)))
        for key in found:
            match = _ROOM.fullmatch(key)
            if match is not None:
                upgraded += await _upgrade(redis, RoomId(match[1].decode()))
        if cursor == 0:
            return upgraded


async def _upgrade(redis: Redis, room: RoomId) -> int:
    try:
        return int(await redis.on_room("upgrade", room) > 0)
    except LecternError as error:
        if not await redis.ready():
            raise
        log.warning("a room was not upgraded", room=room, reason=error.message)
        return 0
