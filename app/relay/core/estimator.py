"""How much one subscriber's link carries: delay gradient, loss and probes.

After draft-ietf-rmcat-gcc-02 (§5 delay, §6 loss) in libwebrtc's shape (``GoogCcNetworkController``,
``AimdRateControl``, ``SendSideBandwidthEstimation``, ``ProbeBitrateEstimator``, revision of 2023):
the rate grows while the queue does not, falls to a part of what arrived when it does, is bounded
by loss, and is set anew by a probe that arrived faster. Time is passed in.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from app.relay.core.trendline import Trendline, Usage

START_BPS = 600_000
MIN_BPS = 40_000
"""An Opus stream with its overhead."""
MAX_BPS = 30_000_000
BETA = 0.85
GROWTH_PER_SECOND = 1.08
ACKED_SECONDS = 0.5
LOSS_HIGH, LOSS_LOW = 0.10, 0.02
LOSS_SECONDS = 0.3
"""Shortest time between two decreases by loss."""
_MIN_LOSS_PACKETS = 100
_MAX_LOSS_PACKETS = 400
"""How many are looked at before loss counts: fewer where it is beyond doubt, more where chance may
be at work. Random loss of a twentieth looks like a tenth in every hundredth lot of a hundred."""
_PROBE_SHARE = 0.95
PROBE_GAIN = 3.0
CALM_QUEUE_SECONDS = 0.05
"""A queue of this length is looked at closely, whatever its slope: a feedback tells little of a
link that has become narrow, and the slope of few points would be found late."""
LONG_QUEUE_SECONDS = 0.25
LONG_QUEUE_GROWTHS = 3
"""What was held up once, by a machine or an access point that stood still, comes ever less late."""
LEAST_DELAY_RISE = 0.0001
HOLD_SECONDS = 0.3
"""Shortest time between two decreases by delay: what was sent before must arrive first."""
_LINK_SPREAD = 3.0


class Points(NamedTuple):
    """What one feedback says of the packets that were sent to its sender."""

    groups: Sequence[tuple[float, float]]
    """(sent, received on the receiver's clock) of some packets, each the last of its burst."""
    size: int
    """Bytes that came."""
    seconds: float
    """In which they came, the pause before the first included."""
    came: int
    lost: int


class Acked:
    """Bits per second that arrived, over the last half second of the receiver's clock.

    Feedbacks that were passed over leave holes: neither their bytes nor their time counts.
    """

    def __init__(self) -> None:
        self._window: list[tuple[float, float, int]] = []
        """(when it ended, seconds, bytes) of each feedback."""

    def add(self, end: float, seconds: float, size: int) -> None:
        self._window.append((end, seconds, size))
        while len(self._window) > 2 and end - self._window[0][0] > ACKED_SECONDS:
            del self._window[0]

    @property
    def bps(self) -> int | None:
        """None until there is enough to tell."""
        seconds = 0.0
        octets = 0
        for _, passed, size in self._window:
            seconds += passed
            octets += size
        return int(8 * octets / seconds) if seconds >= ACKED_SECONDS / 5 else None


class Estimator:
    """One per subscriber with feedback. ``bps`` is the estimate."""

    def __init__(self, now: float, start_bps: int = START_BPS) -> None:
        self._trend = Trendline()
        self._acked = Acked()
        self._growths = 0
        """Feedbacks in a row that told of a long queue which had grown."""
        self._delay = self._least_delay = 0.0
        """Between the clocks of both ends: of the last group, and the least lately."""
        self._before: tuple[float, float] | None = None
        """(sent, received) of the last group."""
        self._delay_bps = float(start_bps)
        self._loss_bps = float(MAX_BPS)
        self._link: tuple[float, float] | None = None
        """Mean and deviation of what arrived at over-use: about what the link carries."""
        self._last_growth = now
        self._last_decrease = float("-inf")
        self._last_loss_decrease = float("-inf")
        self._lost = 0
        self._expected = 0
        self._cap = float(MAX_BPS)

    @property
    def bps(self) -> int:
        bps = self._delay_bps
        if self._loss_bps < bps:
            bps = self._loss_bps
        if self._cap < bps:
            bps = self._cap
        return int(bps) if bps > MIN_BPS else MIN_BPS

    @property
    def is_calm(self) -> bool:
        """Nothing speaks of a queue, be it short, or of loss that would matter (below
        ``LOSS_LOW``): every feedback need not be read."""
        if self._lost > LOSS_LOW * max(self._expected, _MIN_LOSS_PACKETS):
            return False
        has_queue = self._delay - self._least_delay > CALM_QUEUE_SECONDS
        return self._trend.is_calm and not has_queue

    @property
    def usage(self) -> Usage:
        """As the slope of the delays says; a long queue that grows is over-use, however few its
        points are."""
        return Usage.OVER if self._growths >= LONG_QUEUE_GROWTHS else self._trend.usage

    @property
    def acked_bps(self) -> int | None:
        return self._acked.bps

    def believe(self, bps: int) -> None:
        """Raise the estimate to ``bps`` without evidence."""
        self._delay_bps = max(self._delay_bps, float(bps))
        self._loss_bps = max(self._loss_bps, float(bps))

    def cap(self, bps: int) -> None:
        """Bound the estimate by what the receiver itself says (REMB)."""
        self._cap = float(bps)

    def take(self, points: Points, now: float) -> None:
        """Take in one feedback."""
        self._note_delay(points.groups[-1])
        for sent, received in points.groups:
            before, self._before = self._before, (sent, received)
            # What was sent in one burst is one group; a group that overtook says nothing.
            if before is not None and sent > before[0]:
                self._trend.add(
                    1e3 * (sent - before[0]), 1e3 * (received - before[1]), 1e3 * received
                )
        if points.seconds > 0:
            self._acked.add(points.groups[-1][1], points.seconds, points.size)
        self._control(now)
        self._lost += points.lost
        self._expected += points.lost + points.came
        if self._expected >= _MIN_LOSS_PACKETS and not self._is_in_doubt:
            self.take_loss(self._lost / self._expected, now)
            self._lost = self._expected = 0

    def _note_delay(self, group: tuple[float, float]) -> None:
        """Take a group's delay in; clocks drift, so the least rises a little each time."""
        if self._before is None:
            self._delay = self._least_delay = group[1] - group[0]
        before, self._delay = self._delay, group[1] - group[0]
        is_longer = before < self._delay > self._least_delay + LONG_QUEUE_SECONDS
        self._growths = self._growths + 1 if is_longer else 0
        least = self._least_delay + LEAST_DELAY_RISE
        self._least_delay = min(self._delay, least)

    @property
    def _is_in_doubt(self) -> bool:
        """More than a tenth was lost, but within two deviations of a tenth or less."""
        bound = LOSS_HIGH * self._expected
        is_sure = self._lost - 2 * math.sqrt(self._lost) > bound
        return self._expected < _MAX_LOSS_PACKETS and self._lost > bound and not is_sure

    def take_probe(self, received: Sequence[float], size: int, now: float) -> None:
        """Take in a train: a few packets sent at once, ``size`` bytes each.

        They arrive as fast as the narrowest link lets them.
        """
        span = max(received) - min(received)
        rate = _PROBE_SHARE * 8 * size * (len(received) - 1) / max(span, 0.001)
        if rate > self.bps and self.usage is not Usage.OVER:
            # A train is short: it is not believed beyond some times of what is known.
            self.believe(int(min(rate, PROBE_GAIN * self.bps)))
            self._link = None
            self._last_growth = now

    def _control(self, now: float) -> None:
        """draft-ietf-rmcat-gcc-02 §5.5: increase, hold or decrease."""
        usage = self.usage
        acked = self._acked.bps
        if usage is Usage.OVER:
            self._decrease(acked, now)
        elif usage is Usage.NORMAL:
            self._increase(acked, now)
        self._last_growth = now

    def _decrease(self, acked: int | None, now: float) -> None:
        if now - self._last_decrease < HOLD_SECONDS:
            return
        self._last_decrease = now
        arrived = acked if acked is not None else self._delay_bps
        self._delay_bps = max(MIN_BPS, min(self._delay_bps, BETA * arrived))
        mean, deviation = self._link or (arrived, 0.1 * arrived)
        if abs(arrived - mean) > _LINK_SPREAD * deviation:
            mean, deviation = arrived, 0.1 * arrived
        mean += 0.05 * (arrived - mean)
        self._link = (mean, max(0.05 * mean, deviation))

    def _increase(self, acked: int | None, now: float) -> None:
        passed = min(now - self._last_growth, 1.0)
        grown = self._delay_bps
        if self._link is not None and abs(grown - self._link[0]) < _LINK_SPREAD * self._link[1]:
            # Near what the link carries: one packet per round trip or so.
            grown += max(4_000.0, 1200 * 8 / 0.2) * passed
        else:
            grown *= GROWTH_PER_SECOND**passed
        if acked is not None:
            # What is not sent is not known to fit; what arrives, with no queue growing, is.
            grown = min(grown, max(self._delay_bps, 1.5 * acked + 10_000))
            grown = max(grown, BETA * acked)
        self._delay_bps = min(grown, MAX_BPS)

    def take_loss(self, fraction: float, now: float) -> None:
        """draft-ietf-rmcat-gcc-02 §6, with the fraction lost of a report or of a feedback."""
        if fraction > LOSS_HIGH:
            if now - self._last_loss_decrease >= LOSS_SECONDS:
                self._last_loss_decrease = now
                base = min(self._loss_bps, self._delay_bps)
                self._loss_bps = max(MIN_BPS, base * (1 - 0.5 * fraction))
        elif fraction < LOSS_LOW:
            self._loss_bps = min(MAX_BPS, max(self._loss_bps * 1.05, self._loss_bps + 1_000))
