"""The end of a process that has something to give away first."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from app.core.clock import Clock
from app.core.errors import Unavailable

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 0.1

HEIRS_SECONDS: Final = 1.0
"""Between two looks whether there is anybody to give to."""


class Drain:
    """When a process is to end, and how long it may take.

    The first ``ask`` begins it; the second, as of an operator who presses Ctrl-C again, ends it at
    once. A deadline is never moved later.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._deadline: float | None = None
        self._begun = asyncio.Event()
        self._hurried = False

    def ask(self, seconds: float | None = None) -> None:
        """Begin to drain, in ``seconds`` at most; a repeat without seconds ends it now."""
        allowed = self._seconds if seconds is None else seconds
        if self._deadline is None:
            log.info("draining", seconds=allowed)
            self._deadline = self._clock.now() + allowed
            self._begun.set()
        elif seconds is None:
            self._hurried = True
        else:
            self._deadline = min(self._deadline, self._clock.now() + allowed)

    @property
    def is_over(self) -> bool:
        """Tell whether no time is left."""
        return self._hurried or (self._deadline is not None and self._clock.now() >= self._deadline)

    async def asked(self) -> None:
        """Wait for the first ``ask``."""
        await self._begun.wait()

    async def until_empty(
        self, is_empty: Callable[[], bool], has_heirs: Callable[[], Awaitable[bool]]
    ) -> bool:
        """Wait until there is nothing left, or nobody to leave it to, or no time.

        Returns whether it is empty. Ending with something left is no loss of what was
        acknowledged: whoever was here comes back elsewhere as after a crash.
        """
        look_again = float("-inf")
        while not (is_empty() or self.is_over):
            if self._clock.now() >= look_again:
                look_again = self._clock.now() + HEIRS_SECONDS
                if not await _answer(has_heirs):
                    log.info("there is nobody to give anything to")
                    break
            await asyncio.sleep(LOOK_SECONDS)
        return is_empty()


async def _answer(has_heirs: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await has_heirs()
    except Unavailable:  # then nobody can be told to move, either
        return False
