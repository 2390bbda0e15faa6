"""A room's event log: the truth that fan-out heals from."""

from dataclasses import replace

from app.core.ids import RoomId
from app.store import keys
from app.store.events import RoomEvent, read_logged
from app.store.redis import Redis

BATCH = 200
"""Events read at once; the reader asks again after these."""


class EventLog:
    """Reads of the log. Raises Unavailable while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def end(self, room: RoomId) -> int:
        """Return the ``seq`` of the room's newest event; 0 where there was none."""
        last = await self._redis.last_entry(keys.events(room))
        if last is not None:
            return int(last[0].partition(b"-")[0])
        (seq,) = await self._redis.fields(keys.room(room), "seq")
        return int(seq or 0)

    async def after(self, room: RoomId, seq: int) -> list[RoomEvent]:
        """Return up to ``BATCH`` events after ``seq``, in order.

        Boards come without objects, which means "unchanged"; the newest of these comes with the
        objects that stand in the room now.
        """
        entries = await self._redis.stream_after(keys.events(room), seq, BATCH)
        events = [read_logged(room, entry, fields) for entry, fields in entries]
        boards = [i for i, event in enumerate(events) if event.type == "board"]
        if boards:
            (objects,) = await self._redis.fields(keys.room(room), "whiteboardObjects")
            events[boards[-1]] = replace(events[boards[-1]], blob=objects or b"")
        return events
