"""How long a child that died stays down. Pure."""

FIRST_SECONDS = 3.0
MOST_SECONDS = 60.0

CALM_SECONDS = 60.0
"""A child that lived this long has recovered from what ended it before."""


class Restarts:
    """3 s after the first death, then twice as long each time, up to a minute (seed row T8)."""

    def __init__(self) -> None:
        self._next = FIRST_SECONDS

    def delay(self, lived: float) -> float:
        """Return the seconds to wait after a life of ``lived`` seconds."""
        if lived >= CALM_SECONDS:
            self._next = FIRST_SECONDS
        delay, self._next = self._next, min(self._next * 2, MOST_SECONDS)
        return delay
