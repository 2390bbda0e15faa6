"""A lease in Redis: a piece of work that at most one process does at a time."""

from app.core.errors import LecternError
from app.store import keys
from app.store.redis import Redis


class Lease:
    """The right to do one thing, held by one process until ``seconds`` after it last said so.

    It saves work that is done twice; it fences nothing: a holder that was stopped for longer may
    act late, so what it does must be safe to do twice.
    """

    def __init__(self, redis: Redis, name: str, holder: str, seconds: float) -> None:
        self._redis = redis
        self._key = keys.lease(name)
        self._holder = holder
        self._milliseconds = round(seconds * 1000)

    async def hold(self) -> bool:
        """Take the lease or keep it; tell whether it is ours. Raises Unavailable."""
        reply = await self._redis.script("lease", [self._key], [self._holder, self._milliseconds])
        return bool(reply)

    async def release(self) -> None:
        """Give it up, if it is ours. Never raises: it ends by itself."""
        try:
            await self._redis.script("lease_end", [self._key], [self._holder])
        except LecternError:
            return
