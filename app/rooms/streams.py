"""What senders of media say along with it, and their streams' attributes: in Redis, by script."""

from collections.abc import Mapping
from typing import Any

import orjson

from app.core.ids import RoomId
from app.store.redis import Redis

PRESENTER = "presenter"
"""The name of the presenter's stream; a speaker's is its member id."""

SIGNALS_PER_SECOND, SIGNALS_BURST = 10.0, 60
"""Of one person: a connection between two browsers takes an offer or answer and some candidates."""


class StreamStore:
    """Every method raises NotStarted, Ended, Unavailable.

    With an epoch it is the presenter who acts (StalePresenter), else the member, who must be
    sending media (Forbidden): nobody names a stream that it says something by.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def say(self, room: RoomId, epoch: int | None, member: str, message: bytes) -> int:
        """Append a message (JSON) for those who follow the caller's stream; return its ``seq``."""
        return await self._do(room, "data", epoch, member, message)

    async def describe(self, room: RoomId, epoch: int | None, member: str, text: bytes) -> int:
        """Replace the attributes (a JSON object) of the caller's stream; return the ``seq``."""
        return await self._do(room, "attributes", epoch, member, text)

    async def signal(self, room: RoomId, sender: str, to: str, message: bytes) -> int:
        """Pass a message (JSON) to one person, or whoever presents (``PRESENTER``); return its
        ``seq``. Raises NotFound for somebody who is not in, RateLimited."""
        args = (sender, to, message, SIGNALS_PER_SECOND, SIGNALS_BURST)
        return int(await self._redis.on_room("signal", room, *args))

    async def _do(
        self, room: RoomId, what: str, epoch: int | None, member: str, text: bytes
    ) -> int:
        who = "" if epoch is None else epoch
        return int(await self._redis.on_room("stream", room, what, who, member, text))

    async def look(self, room: RoomId, stream: str) -> Mapping[str, Any]:
        """Return a stream's attributes. Raises NotFound where there is no such stream."""
        found = await self._redis.on_room("stream", room, "look", "", stream)
        return dict(orjson.loads(found))
