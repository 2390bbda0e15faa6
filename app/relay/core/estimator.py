"""How much one subscriber's link carries: delay gradient, loss and probes.

After draft-ietf-rmcat-gcc-02 (§5 delay, §6 loss) in libwebrtc's shape (``GoogCcNetworkController``,
``AimdRateControl``, ``SendSideBandwidthEstimation``, ``ProbeBitrateEstimator``, revision of 2023):
the rate grows while the queue does not, falls to a part of what arrived when it does, is bounded
by loss, and is set anew by a probe that arrived faster. Time is passed in.
"""

from collections import deque
from typing import NamedTuple

from app.relay.core.trendline import Trendline, Usage

START_BPS = 600_000
MIN_BPS = 40_000
"""An Opus stream with its overhead."""
MAX_BPS = 30_000_000
BETA = 0.85
GROWTH_PER_SECOND = 1.08
ACKED_SECONDS = 0.5
GROUP_SECONDS = 0.005
"""Packets sent within this time are one group."""
LOSS_HIGH, LOSS_LOW = 0.10, 0.02
LOSS_SECONDS = 0.3
"""Shortest time between two decreases by loss."""
_MIN_LOSS_PACKETS = 20
_PROBE_SHARE = 0.95
PROBE_GAIN = 3.0
HOLD_SECONDS = 0.3
"""Shortest time between two decreases by delay: what was sent before must arrive first."""
_LINK_SPREAD = 3.0


class Arrived(NamedTuple):
    """One packet that feedback spoke of."""

    sent: float
    received: float | None
    """On the receiver's clock; None: lost."""
    size: int
    is_probe: bool = False


class Acked:
    """Bits per second that arrived, over the last half second of the receiver's clock."""

    def __init__(self) -> None:
        self._window: deque[tuple[float, int]] = deque()
        self._bytes = 0

    def add(self, received: float, size: int) -> None:
        self._window.append((received, size))
        self._bytes += size
        while self._window and received - self._window[0][0] > ACKED_SECONDS:
            self._bytes -= self._window.popleft()[1]

    @property
    def bps(self) -> int | None:
        """None until there is enough to tell."""
        if len(self._window) < 4:
            return None
        span = self._window[-1][0] - self._window[0][0]
        return int(8 * self._bytes / max(span, ACKED_SECONDS / 2))


class Estimator:
    """One per subscriber with feedback. ``bps`` is the estimate."""

    def __init__(self, now: float, start_bps: int = START_BPS) -> None:
        self._trend = Trendline()
        self._acked = Acked()
        self._group: tuple[float, float, float] | None = None
        """(first sent, last sent, last received) of the group that is filling."""
        self._before: tuple[float, float] | None = None
        """(last sent, last received) of the group before it."""
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
        return int(max(MIN_BPS, min(self._delay_bps, self._loss_bps, self._cap)))

    @property
    def usage(self) -> Usage:
        return self._trend.usage

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

    def take(self, packets: list[Arrived], now: float) -> None:
        """Take in one feedback's packets, in the order in which they were sent."""
        probes: list[Arrived] = []
        for packet in packets:
            self._expected += 1
            if packet.received is None:
                self._lost += 1
                continue
            self._acked.add(packet.received, packet.size)
            if packet.is_probe:
                probes.append(packet)
            self._add_to_group(packet.sent, packet.received)
        if len(probes) > 3:
            self._take_probe(probes, now)
        self._control(now)
        if self._expected >= _MIN_LOSS_PACKETS:
            self.take_loss(self._lost / self._expected, now)
            self._lost = self._expected = 0

    def _add_to_group(self, sent: float, received: float) -> None:
        group = self._group
        if group is None:
            self._group = (sent, sent, received)
        elif sent - group[0] <= GROUP_SECONDS:
            if sent >= group[0]:
                self._group = (group[0], max(group[1], sent), max(group[2], received))
        else:
            if self._before is not None:
                sent_delta = 1e3 * (group[1] - self._before[0])
                received_delta = 1e3 * (group[2] - self._before[1])
                self._trend.add(sent_delta, received_delta, 1e3 * group[2])
            self._before = (group[1], group[2])
            self._group = (sent, sent, received)

    def _take_probe(self, probes: list[Arrived], now: float) -> None:
        """A train sent at once arrives as fast as the narrowest link lets it."""
        times = [packet.received for packet in probes if packet.received is not None]
        span = max(times) - min(times)
        size = sum(packet.size for packet in probes) - probes[0].size
        rate = _PROBE_SHARE * 8 * size / max(span, 0.001)
        if rate > self._delay_bps and self._trend.usage is not Usage.OVER:
            # A train is short: it is not believed beyond some times of what is known.
            self.believe(int(min(rate, PROBE_GAIN * self._delay_bps)))
            self._link = None
            self._last_growth = now

    def _control(self, now: float) -> None:
        """draft-ietf-rmcat-gcc-02 §5.5: increase, hold or decrease."""
        usage = self._trend.usage
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
