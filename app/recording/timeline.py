"""When a sample was taken: RTP timestamps on the lecture's own clock.

Arrival times jitter, RTP timestamps do not, but they begin anywhere and run by the publisher's
crystal, and only sender reports tell how two of its tracks stand to each other (RFC 3550 §6.4.1).
So a track's place is its RTP time plus an offset. The offset is what the fastest packets of the
last seconds say; once there are sender reports, the publisher's tracks share one, and are in step.
"""

WINDOW_SECONDS = 5.0
"""The offset is the least of the last one to two windows: old enough to hold a fast packet, young
enough to follow a crystal that is 200 ppm off within 2 ms."""
SLEW = 0.01
"""Share of the time that passes by which the offset may move: ears do not notice 1 %."""
JUMP_SECONDS = 0.25
"""An offset that is farther off than this is taken at once: a clock was set, a device slept."""
_NEVER = float("inf")


class Least:
    """The least of what was seen in the last one to two windows."""

    def __init__(self) -> None:
        self._since = -_NEVER
        self._former = _NEVER
        self._current = _NEVER

    def see(self, value: float, now: float) -> float:
        """Take a value in; return the least."""
        age = now - self._since
        if age >= WINDOW_SECONDS:
            self._former = self._current if age < 2 * WINDOW_SECONDS else _NEVER
            self._current = _NEVER
            self._since = now
        self._current = min(self._current, value)
        return min(self._current, self._former)


class TrackTime:
    """One track's RTP timestamps as seconds of the machine's monotonic clock.

    ``shared`` is the offset of the publisher's clock, one object for all of its tracks.
    """

    def __init__(self, clock_rate: int, shared: Least) -> None:
        self._rate = clock_rate
        self._shared = shared
        self._own = Least()
        self._last: int | None = None
        self._ticks = 0
        self._skew: float | None = None
        """The publisher's clock less this track's RTP time, in seconds."""
        self._offset: float | None = None
        self._placed = 0.0

    def report(self, ntp: int, timestamp: int) -> None:
        """Take a sender report in; one that comes before any packet is of no use."""
        if self._last is not None:
            ticks = self._ticks + _signed(timestamp - self._last)
            self._skew = ntp / (1 << 32) - ticks / self._rate

    def place(self, timestamp: int, arrived: float) -> float:
        """Return when the sample with this timestamp was taken (plus the fastest packet's way)."""
        if self._last is not None:
            self._ticks += _signed(timestamp - self._last)
        self._last = timestamp
        media = self._ticks / self._rate
        target = self._own.see(arrived - media, arrived)
        if self._skew is not None:
            target = self._skew + self._shared.see(arrived - media - self._skew, arrived)
        if self._offset is None or abs(target - self._offset) > JUMP_SECONDS:
            self._offset = target
        else:
            most = SLEW * max(0.0, media - self._placed)
            self._offset += max(-most, min(most, target - self._offset))
        self._placed = media
        return media + self._offset


def _signed(difference: int) -> int:
    """Return a difference of 32-bit timestamps, which wrap, as a signed number."""
    return (difference + 0x80000000 & 0xFFFFFFFF) - 0x80000000
