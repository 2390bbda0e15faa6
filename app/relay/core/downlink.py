"""What one subscriber's link does: round trip, repeats, how much it carries, and probes of that."""

from collections.abc import Callable, Mapping

from app.relay.core import transport
from app.relay.core.estimator import MAX_BPS, START_BPS, Estimator, Points
from app.relay.core.repeats import Repeats
from app.relay.core.sent import SentLog
from app.relay.core.track import OVERHEAD_BYTES
from app.relay.core.trendline import Usage

PROBE_SECONDS = 1.0
MAX_PROBE_SECONDS = 4.0
"""Between probes: doubled after each that showed nothing new. A link that has recovered is found
within two or three."""
PROBE_TIME = 0.02
"""How long a train lasts at the rate that it probes."""
PROBE_GROWTH = 3.0
"""At most this many times the estimate: more would fill the queue that audio waits in."""
TRIAL_SECONDS = 6.0
"""Without RTX there is nothing to probe with: media is tried this often."""
FREE_SECONDS = 3.0
"""A link on which everything has fitted for so long is not thought of as narrow any more."""
LATE_SECONDS = 0.3
"""A packet that comes so long after it was missed counts as lost."""
MAX_MISSING = 256
"""Numbers that are missed at once: some 20 KB at worst, for a link that loses much."""
CALM_SECONDS = 0.48
"""Between two feedbacks that are read while nothing speaks of a queue: reading one costs as much as
forwarding five packets."""
_MIN_PROBE_PACKETS, _MAX_PROBE_PACKETS = 6, 40


class Downlink:
    """One per peer. Until its link shows that it is narrow, it is not limited: a start at a low
    estimate would cost every newcomer the picture."""

    def __init__(self) -> None:
        self.serial = 0
        """In the room's log of sent packets, for repeats and probes."""
        self.rtt: float | None = None
        self.is_limited = False
        self.padding_bytes = 0
        self._repeats: Repeats | None = None
        self._estimator: Estimator | None = None
        self.has_transport = False
        self._decreased = float("-inf")
        """When the estimate last fell: what was sent before says nothing of the rate since."""
        self._missing: dict[int, float] = {}
        """Numbers of its own that did not come, and since when that is known. They are lost when
        they have not come in a while: reordering is no loss."""
        self._probes = range(0)
        """Transport-wide numbers of the last train that no feedback spoke of yet."""
        self._probe_size = 0
        self.calm_until = 0.0
        """Until then a feedback need not be opened: nothing speaks of a queue, of loss or of a
        limit, and a few a second do."""
        self._ended = (-1, 0.0)
        """(number behind it, receiver's clock at its end) of the last feedback."""
        self._probed_from = 0
        self._probe_pause = PROBE_SECONDS
        self._next_probe = 0.0
        self._free_since: float | None = None

    @property
    def repeats(self) -> Repeats:
        if self._repeats is None:
            self._repeats = Repeats()
        return self._repeats

    @property
    def estimate_bps(self) -> int | None:
        """What the link carries; None without feedback."""
        return self._estimator.bps if self._estimator is not None else None

    # Feedback --------------------------------------------------------------------------------

    def take_transport(
        self,
        body: bytes,
        log: SentLog,
        begun: Callable[[], Mapping[int, int]],
        sending: Callable[[], int],
        now: float,
    ) -> None:
        """Take in transport-wide feedback.

        ``begun`` tells, by the serial of each line (and of this peer), the first index sent to
        this peer, -1 where losses are not to be counted; ``sending`` what it is being sent.
        """
        told = transport.read(body)
        base = log.unwrap(told.base) if told is not None else -1
        if told is not None and base >= 0:
            self._take_told(told, base, log, begun, sending, now)
        self.calm_until = now + CALM_SECONDS if self._is_calm else 0.0

    @property
    def _is_calm(self) -> bool:
        if self._estimator is None or not self.has_transport:
            return False
        has_trouble = self._missing or self._probes or self.is_limited
        return not has_trouble and self._estimator.is_calm

    def _take_told(
        self,
        told: transport.Told,
        base: int,
        log: SentLog,
        begun: Callable[[], Mapping[int, int]],
        sending: Callable[[], int],
        now: float,
    ) -> None:
        if base < self._ended[0]:
            told = self._news(told, base)
        if not told.offsets:
            return
        estimator = self._estimator
        if estimator is None or not self.has_transport:
            self.has_transport = True
            estimator = self._estimator = Estimator(now, max(START_BPS, sending()))
        before = estimator.bps
        if self._probes:
            self._take_probe(told, base, estimator, now)
        estimator.take(self._points(told, base, log, begun, now), now)
        if estimator.bps < before:
            self._decreased = now
            self._note_limit(before, sending(), now)

    def _news(self, told: transport.Told, base: int) -> transport.Told:
        """Leave out what a former feedback told already.

        A receiver tells what came late with all that followed it.
        """
        known = self._ended[0] - base
        new = [
            (offset, tick)
            for offset, tick in zip(told.offsets, told.ticks, strict=True)
            if offset >= known or self._missing.pop(base + offset, None) is not None
        ]
        lost = [offset for offset in told.lost if offset >= known]
        offsets, ticks = [offset for offset, _ in new], [tick for _, tick in new]
        return told._replace(offsets=offsets, ticks=ticks, lost=lost)

    def _points(
        self,
        told: transport.Told,
        base: int,
        log: SentLog,
        begun: Callable[[], Mapping[int, int]],
        now: float,
    ) -> Points:
        offsets, ticks = told.offsets, told.ticks
        came = len(offsets)
        times, sizes = log.span(base, offsets[-1] + 1)
        groups: list[tuple[float, float]] = []
        for place in sorted({came // 3, 2 * came // 3, came - 1}):
            sent = times[offsets[place]]
            while place + 1 < came and times[offsets[place + 1]] == sent:
                place += 1  # noqa: PLW2901  (the last of its burst)
            groups.append((sent, ticks[place] * transport.DELTA_SECONDS))
        size = sum(map(sizes.__getitem__, offsets)) + OVERHEAD_BYTES * came
        end = max(ticks) * transport.DELTA_SECONDS
        if base <= self._ended[0]:
            seconds = max(0.0, end - self._ended[1])
        else:
            # Some were passed over. Between n packets are n - 1 pauses; the one before the first
            # is as long as they are.
            span = end - min(ticks) * transport.DELTA_SECONDS
            seconds = span * came / (came - 1) if came > 1 else 0.0
        last = max(offsets[-1], told.lost[-1]) if told.lost else offsets[-1]
        if base + last >= self._ended[0]:
            # Its clock wraps once in six days.
            is_wrapped = end < self._ended[1] - 60
            self._ended = (base + last + 1, end if is_wrapped else max(end, self._ended[1]))
        if told.lost:
            self._note_missing(told, base, log, begun(), now)
        return Points(groups, size, seconds, came, self._take_lost(now) if self._missing else 0)

    def _note_missing(
        self,
        told: transport.Told,
        base: int,
        log: SentLog,
        begun: Mapping[int, int],
        now: float,
    ) -> None:
        """Note the missing numbers that were sent to this peer."""
        for offset in told.lost:
            owner, index, _, _ = log.of(base + offset)
            is_own = 0 <= begun.get(owner, -1) <= index
            if is_own and log.sent_at(base + offset) >= self._decreased:
                self._missing[base + offset] = now

    def _take_lost(self, now: float) -> int:
        """Count the numbers that are missing for so long that they will not come."""
        before = len(self._missing)
        for number, since in list(self._missing.items()):
            if now - since < LATE_SECONDS and len(self._missing) <= MAX_MISSING:
                break
            del self._missing[number]
        return before - len(self._missing)

    def _take_probe(
        self, told: transport.Told, base: int, estimator: Estimator, now: float
    ) -> None:
        received = [
            tick * transport.DELTA_SECONDS
            for offset, tick in zip(told.offsets, told.ticks, strict=True)
            if base + offset in self._probes
        ]
        spoken = told.offsets[-1] if not told.lost else max(told.offsets[-1], told.lost[-1])
        expected = len(self._probes)
        self._probes = range(max(self._probes.start, base + spoken + 1), self._probes.stop)
        expected -= len(self._probes)
        # A train of which a part is lost says nothing good of the link.
        if len(received) > 3 and len(received) >= 0.9 * expected:
            estimator.take_probe(received, self._probe_size, now)
        if received:
            # A probe that brought something new is followed by the next one soon.
            has_grown = estimator.bps > 1.1 * self._probed_from
            pause = PROBE_SECONDS if has_grown else min(MAX_PROBE_SECONDS, 2 * self._probe_pause)
            self._probe_pause = pause
            self._next_probe = min(self._next_probe, now + pause)

    def take_loss(self, fraction: float, sending_bps: int, now: float) -> None:
        """Take in the loss that a receiver report tells, where there is no better feedback."""
        if self.has_transport:
            return
        if self._estimator is None:
            self._estimator = Estimator(now, max(START_BPS, 2 * sending_bps))
        before = self._estimator.bps
        self._estimator.take_loss(fraction, now)
        self._note_limit(before, sending_bps, now)

    def take_estimate(self, bps: int, sending_bps: int, now: float) -> None:
        """Take in a REMB. It grows with what arrives, so only one below that says anything."""
        if self.has_transport:
            return
        if self._estimator is None:
            self._estimator = Estimator(now, MAX_BPS)
        before = self._estimator.bps
        self._estimator.cap(bps if bps < 0.8 * sending_bps else max(2 * bps, before))
        self._note_limit(before, sending_bps, now)

    def _note_limit(self, before: int, sending_bps: int, now: float) -> None:
        if self._estimator is None:
            return
        is_falling = self._estimator.bps < before
        if is_falling and (sending_bps > self._estimator.bps or self.is_over):
            self.is_limited = True
            self.calm_until = 0.0
            self._free_since = None
            self._next_probe = max(self._next_probe, now + PROBE_SECONDS)

    @property
    def is_over(self) -> bool:
        """Its queue grows now."""
        return self._estimator is not None and self._estimator.usage is Usage.OVER

    # Budget ----------------------------------------------------------------------------------

    @property
    def budget_bps(self) -> int:
        """What may be sent."""
        if not self.is_limited or self._estimator is None:
            return MAX_BPS
        return self._estimator.bps

    def note_fit(self, everything_bps: int, now: float) -> None:
        """Everything wanted costs ``everything_bps``: lift the limit if that fits for a while."""
        if not self.is_limited or self._estimator is None:
            return
        if self._estimator.bps < 1.2 * everything_bps or self.is_over:
            self._free_since = None
        elif self._free_since is None:
            self._free_since = now
        elif now - self._free_since >= FREE_SECONDS:
            self.is_limited = False
            self._free_since = None
            self._probe_pause = PROBE_SECONDS

    def probe_bps(self, wanted_bps: int, now: float) -> int:
        """Return the rate to probe now for a budget of ``wanted_bps``, 0 for none."""
        if self._estimator is None or not self.has_transport or not self.is_limited:
            return 0
        if now < self._next_probe or self.is_over or wanted_bps <= self._estimator.bps:
            return 0
        return int(min(1.3 * wanted_bps, PROBE_GROWTH * self._estimator.bps))

    def probe_packets(self, rate_bps: int, size: int) -> int:
        """Return how many packets of ``size`` bytes make a train of that rate."""
        count = int(rate_bps * PROBE_TIME / 8 / size)
        return max(_MIN_PROBE_PACKETS, min(_MAX_PROBE_PACKETS, count))

    def probed(self, numbers: range, size: int, now: float) -> None:
        """Note a train that was sent: its transport-wide numbers and all its bytes."""
        self._probes = numbers
        self.calm_until = 0.0
        self._probe_size = size // max(1, len(numbers))
        self._probed_from = self.estimate_bps or 0
        self._next_probe = now + self._probe_pause
        self.padding_bytes += size

    def try_media(self, wanted_bps: int, now: float) -> None:
        """Where nothing can be probed with: believe now and then that the link has recovered."""
        if self._estimator is not None and self.is_limited and now >= self._next_probe:
            if wanted_bps > self._estimator.bps and not self.is_over:
                self._estimator.believe(wanted_bps)
            self._next_probe = now + TRIAL_SECONDS
