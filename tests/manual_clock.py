"""A clock that stands still until a test moves it."""

START_WALL = 1_750_000_000.0
"""An arbitrary date (June 2025), so that a test that mixes up the two clocks sees it."""


class ManualClock:
    """An ``app.core.clock.Clock`` whose hands the test owns."""

    def __init__(self, now: float = 1000.0, wall: float = START_WALL) -> None:
        self._now = now
        self._wall = wall

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._wall

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on both clocks. Raises ValueError for a negative number."""
        if seconds < 0:
            raise ValueError("time does not run backwards; see set_wall")
        self._now += seconds
        self._wall += seconds

    def set_wall(self, wall: float) -> None:
        """Set the date alone, as an operator or NTP may; ``now`` is unmoved."""
        self._wall = wall
