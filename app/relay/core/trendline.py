"""Is the queue of a link growing? The delay gradient of libwebrtc's trendline estimator.

After libwebrtc's ``trendline_estimator.cc`` and draft-ietf-rmcat-gcc-02 §5: a line is fitted
through the smoothed one-way delays of packet groups, and its slope is compared with an adaptive
threshold.
"""

import enum
from array import array
from operator import mul

WINDOW = 20
SMOOTHING = 0.9
GAIN = 4.0
K_UP, K_DOWN = 0.0087, 0.039
OVERUSE_MS = 10.0
MAX_ADAPT_OFFSET_MS = 15.0
MIN_THRESHOLD, MAX_THRESHOLD = 6.0, 600.0
_MIN_DELTAS = 60
_MAX_PAUSE_MS = 100.0
_EXACT_POINTS = 64
"""Points until sums that were only added to are taken anew: rounding must not pile up."""
_LEAST_SPREAD = 0.5
"""ms², far below that of points of which one came a quarter of a millisecond (a tick) later."""


class Usage(enum.Enum):
    """What the delays say of the link."""

    NORMAL = "normal"
    OVER = "over"
    UNDER = "under"


class Trendline:
    """Fed with the differences between consecutive groups of packets, in ms."""

    __slots__ = ("_accumulated", "_delays", "_deltas", "_first", "_last_update", "_left",
                 "_over_count", "_over_time", "_previous", "_smoothed", "_sum_x", "_sum_xx",
                 "_sum_xy", "_sum_y", "_times", "_zero", "threshold", "usage")  # fmt: skip

    def __init__(self) -> None:
        self.usage = Usage.NORMAL
        self.threshold = 12.5
        self._deltas = 0
        self._accumulated = 0.0
        self._smoothed = 0.0
        self._first: float | None = None
        self._times = array("d")
        self._delays = array("d")
        """The last ``WINDOW`` points; compact, since every subscriber has its own."""
        self._zero = (0.0, 0.0)
        """Where the sums over them count from: with large numbers they would lose digits."""
        self._sum_x = self._sum_y = self._sum_xx = self._sum_xy = 0.0
        self._left = 0
        """Points until they are taken anew."""
        self._previous = 0.0
        self._over_time = -1.0
        self._over_count = 0
        self._last_update: float | None = None

    def add(self, sent_ms: float, received_ms: float, arrival_ms: float) -> Usage:
        """Take in one group: how long after the one before it was sent and received, and when it
        arrived (on the receiver's clock)."""
        if self._first is None:
            self._first = arrival_ms
        if self._deltas < _MIN_DELTAS:
            self._deltas += 1
        self._accumulated += received_ms - sent_ms
        self._smoothed = SMOOTHING * self._smoothed + (1 - SMOOTHING) * self._accumulated
        self._move(arrival_ms - self._first, self._smoothed)
        trend = self._slope() if len(self._times) == WINDOW else self._previous
        self._detect(trend, sent_ms, arrival_ms)
        return self.usage

    @property
    def is_calm(self) -> bool:
        """The slope is far from the threshold."""
        modified = self._deltas * self._previous * GAIN
        return self.usage is Usage.NORMAL and abs(modified) < self.threshold / 2

    def _move(self, time: float, delay: float) -> None:
        """Take a point in, and the oldest out."""
        times, delays = self._times, self._delays
        times.append(time)
        delays.append(delay)
        gone = (times.pop(0), delays.pop(0)) if len(times) > WINDOW else self._zero
        self._left -= 1
        if self._left < 0:
            self._take_sums()
            return
        zero_x, zero_y = self._zero
        x, y = time - zero_x, delay - zero_y
        old_x, old_y = gone[0] - zero_x, gone[1] - zero_y
        self._sum_x += x - old_x
        self._sum_y += y - old_y
        self._sum_xx += x * x - old_x * old_x
        self._sum_xy += x * y - old_x * old_y

    def _take_sums(self) -> None:
        self._left = _EXACT_POINTS
        self._zero = zero_x, zero_y = self._times[0], self._delays[0]
        xs = [time - zero_x for time in self._times]
        ys = [delay - zero_y for delay in self._delays]
        self._sum_x, self._sum_y = sum(xs), sum(ys)
        self._sum_xx, self._sum_xy = sum(map(mul, xs, xs)), sum(map(mul, xs, ys))

    def _slope(self) -> float:
        """Return that of the line with the least squares."""
        spread = WINDOW * self._sum_xx - self._sum_x * self._sum_x
        if spread < _LEAST_SPREAD:
            return self._previous
        return (WINDOW * self._sum_xy - self._sum_x * self._sum_y) / spread

    def _detect(self, trend: float, sent_ms: float, arrival_ms: float) -> None:
        modified = self._deltas * trend * GAIN
        threshold = self.threshold
        if modified > threshold:
            # Over-use counts once it lasts: it began half a group ago.
            self._over_time = sent_ms / 2 if self._over_time < 0 else self._over_time + sent_ms
            self._over_count += 1
            if self._over_time > OVERUSE_MS and self._over_count > 1 and trend >= self._previous:
                self._over_time = 0.0
                self._over_count = 0
                self.usage = Usage.OVER
        else:
            self._over_time = -1.0
            self._over_count = 0
            self.usage = Usage.UNDER if modified < -threshold else Usage.NORMAL
        self._previous = trend
        last, self._last_update = self._last_update, arrival_ms
        size = abs(modified)
        if last is not None and size <= threshold + MAX_ADAPT_OFFSET_MS:
            self._adapt(size, arrival_ms - last)

    def _adapt(self, size: float, passed: float) -> None:
        """Let the threshold follow the slope's size, slowly up and fast down."""
        threshold = self.threshold
        k = K_DOWN if size < threshold else K_UP
        passed = min(passed, _MAX_PAUSE_MS)
        threshold += k * (size - threshold) * passed
        self.threshold = min(max(threshold, MIN_THRESHOLD), MAX_THRESHOLD)
