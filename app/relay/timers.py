"""One timer for a sans-IO core, and how fast a counter grows."""

import asyncio
from collections.abc import Callable
from typing import Final

from app.core.clock import Clock

MIN_TIMER_SECONDS: Final = 0.001
"""The shortest wait: a core that asks for the past again and again must not hold the loop."""

SPAN_SECONDS: Final = 0.5
"""A rate is taken over at least this long."""


class WakeTimer:
    """The one timer of a sans-IO core: armed for the earliest moment that the core asked for."""

    def __init__(self, clock: Clock, fire: Callable[[], None]) -> None:
        self._clock = clock
        self._fire = fire
        self._handle: asyncio.TimerHandle | None = None
        self._due = float("inf")

    def arm(self, due: float | None) -> None:
        """Call ``fire`` at ``due`` (of the clock), or earlier if it was armed for earlier."""
        if due is None or (self._handle is not None and due >= self._due):
            return
        self.cancel()
        self._due = due
        delay = max(MIN_TIMER_SECONDS, due - self._clock.now())
        self._handle = asyncio.get_running_loop().call_later(delay, self._run)

    def _run(self) -> None:
        self._handle = None
        self._fire()

    def cancel(self) -> None:
        """Disarm. Safe to call at any time."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class RateMeter:
    """How fast a counter grows, per second, between readings at least ``SPAN_SECONDS`` apart."""

    def __init__(self, now: float) -> None:
        self._mark = (now, 0)
        self._rate = 0.0

    def read(self, total: int, now: float) -> float:
        since, before = self._mark
        if now - since >= SPAN_SECONDS:
            self._rate = (total - before) / (now - since)
            self._mark = (now, total)
        return self._rate
