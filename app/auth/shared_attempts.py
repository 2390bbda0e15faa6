"""Attempts as all api processes count them, in Redis: sign-ins that may fail, and sign-ups.

While Redis is away each process counts for itself, as ``attempts.Attempts`` does: signing in needs
the database alone, and must not need more.
"""

import hashlib
from typing import Protocol

import structlog

from app.auth.attempts import AttemptLimits, Attempts, TooManyAttempts, network
from app.core.clock import Clock
from app.core.errors import Unavailable
from app.store import keys
from app.store.redis import Redis

log = structlog.get_logger(__name__)

SIGN_UP_LIMITS = AttemptLimits(
    window_seconds=600.0, per_email_and_address=300, per_email=300, per_address=300
)
"""A lecture hall behind one address signs up in ten minutes; a script does not go on all night."""


class Counter(Protocol):
    """Something that is counted per person and place; in this process or in all."""

    async def spend(self, email: str, address: str) -> None:
        """Count one attempt. Raises TooManyAttempts, and then counts nothing."""

    async def refund(self, email: str, address: str) -> None:
        """Take one attempt back: it was none."""


class LocalAttempts:
    """Counts in this process alone."""

    def __init__(self, clock: Clock, limits: AttemptLimits) -> None:
        self._attempts = Attempts(clock, limits)

    async def spend(self, email: str, address: str) -> None:
        """As ``Counter.spend``."""
        self._attempts.spend(email, address)

    async def refund(self, email: str, address: str) -> None:
        """As ``Counter.refund``."""
        self._attempts.refund(email, address)


class SharedAttempts:
    """Counts for all processes, in windows that begin with their first attempt."""

    def __init__(self, redis: Redis, kind: str, clock: Clock, limits: AttemptLimits) -> None:
        self._redis = redis
        self._kind = kind
        self._limits = limits
        self._alone = LocalAttempts(clock, limits)

    async def spend(self, email: str, address: str) -> None:
        """As ``Counter.spend``; the script counts all or nothing."""
        limits = self._limits
        said = (limits.per_email_and_address, limits.per_email, limits.per_address)
        window_ms = round(limits.window_seconds * 1000)
        try:
            wait_ms = await self._redis.script(
                "attempt", self._windows(email, address), ["spend", window_ms, *said]
            )
        except Unavailable as error:
            log.warning("attempts are counted by each process", reason=error.message)
            await self._alone.spend(email, address)
            return
        if wait_ms:
            seconds = max(1, -(-int(wait_ms) // 1000))
            raise TooManyAttempts(f"too many attempts, try again in {seconds} seconds", seconds)

    async def refund(self, email: str, address: str) -> None:
        """As ``Counter.refund``."""
        try:
            windows = self._windows(email, address)
            _ = await self._redis.script("attempt", windows, ["refund", 0])
        except Unavailable:
            await self._alone.refund(email, address)

    def _windows(self, email: str, address: str) -> list[str]:
        place = network(address)
        return [
            keys.attempts(self._kind, hashlib.sha256("\n".join(who).encode()).hexdigest()[:32])
            for who in ((email, place), (email, ""), ("", place))
        ]
