"""Passwords: Argon2id hashes, made in few threads, so that a flood of them stays a queue."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from app.core.errors import Unavailable
from app.core.metrics import PASSWORDS_WAITING, QUEUE_DROPS

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PasswordConfig:
    """What a hash costs, and how many there may be at once."""

    memory_kib: int = 19_456
    """Per running hash (OWASP's first choice for Argon2id: 19 MiB, two passes, one lane)."""

    passes: int = 2

    threads: int = 2
    """Hashes that run at once: the most memory they take is ``threads * memory_kib``."""

    waiting: int = 256
    """Hashes that may wait for a thread; one more is refused as ``unavailable``."""

    timeout_seconds: float = 15.0
    """How long one may wait and run before its caller is told to try again."""


class Passwords:
    """Hashes and checks passwords off the event loop. The owner calls ``close``.

    Making one takes the time of one hash.
    """

    def __init__(self, config: PasswordConfig | None = None) -> None:
        self._config = config or PasswordConfig()
        self._hash = PasswordHash(
            (
                Argon2Hasher(
                    time_cost=self._config.passes,
                    memory_cost=self._config.memory_kib,
                    parallelism=1,
                ),
            )
        )
        self._threads = ThreadPoolExecutor(self._config.threads, thread_name_prefix="password")
        self._pending = 0
        # What unknown accounts are checked against; made now, so that the first costs no more.
        self._nobody = self._hash.hash("nobody has this account")

    async def hash(self, password: str) -> str:
        """Return a salted hash. Raises Unavailable when too many are waiting."""
        return await self._run(functools.partial(self._hash.hash, password))

    async def matches(self, password: str, stored: str | None) -> bool:
        """Tell whether ``stored`` was made from ``password``.

        With no hash at all (an unknown account) the answer is no, and takes as long as any other.
        Raises Unavailable when too many are waiting.
        """
        check = functools.partial(self._matches, password, stored or self._nobody)
        return await self._run(check) and stored is not None

    def close(self) -> None:
        """Drop what waits; what runs ends by itself. Safe to call twice."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, password: str, stored: str) -> bool:
        try:
            return self._hash.verify(password, stored)
        except UnknownHashError:
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._pending >= self._config.threads + self._config.waiting:
            QUEUE_DROPS.labels("passwords").inc()
            raise Unavailable("too many people are signing in at this moment, try again")
        loop = asyncio.get_running_loop()
        try:
            future = loop.run_in_executor(self._threads, work)
        except RuntimeError as fault:  # shut down
            raise Unavailable("the server is going down") from fault
        self._pending += 1
        PASSWORDS_WAITING.inc()
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(future, self._config.timeout_seconds)
        except TimeoutError as fault:
            raise Unavailable("too many people are signing in at this moment, try again") from fault

    def _done(self, future: asyncio.Future[T]) -> None:
        self._pending -= 1
        PASSWORDS_WAITING.dec()
        if not future.cancelled():
            # Looked at, so that a fault whose caller has gone is not reported as never retrieved.
            future.exception()
