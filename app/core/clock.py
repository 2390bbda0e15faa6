"""Time as a value that is handed in, so that a test may own it."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks: one for durations, one for dates."""

    def now(self) -> float:
        """Return monotonic seconds; only differences mean anything."""

    def wall(self) -> float:
        """Return seconds since the epoch, which an operator may set back."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()
