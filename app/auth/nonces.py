"""Nonces of signed requests, in Redis: what was taken once is refused by every process."""

import hashlib

from app.auth.signatures import WINDOW_SECONDS
from app.store import keys
from app.store.redis import Redis

KEEP_MS = round(2 * WINDOW_SECONDS * 1000)
"""A timestamp may be a window ahead of us, and is good until it is a window behind."""


class Nonces:
    """Each (service, timestamp, nonce) is good once; in which order they come says nothing (L5)."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def use(self, service: str, timestamp: str, nonce: str) -> bool:
        """Note that a request was taken; False for one that was taken before.

        Raises Unavailable: then nobody can tell, and the request is to be refused.
        """
        said = f"{service}\n{timestamp}\n{nonce}".encode()
        name = hashlib.sha256(said).hexdigest()[:32]
        return bool(await self._redis.script("nonce", [keys.nonce(name)], [KEEP_MS]))
