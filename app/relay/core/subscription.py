"""One send section of one subscriber: which line it is on, and where its numbers stand."""

from typing import NamedTuple

from app.core.ids import PeerId
from app.relay.core.form import Form
from app.relay.core.line import WRAP_MARGIN, Line
from app.relay.core.media import Section, SourceName
from app.relay.core.numbering import Position
from app.relay.core.ring import Sent
from app.relay.core.rtp import Packet
from app.relay.core.sink import Sink, Variant
from app.relay.core.track import Track
from app.relay.core.wish import SLIDE_SECONDS, Alarm, Wish, slide_seconds

_START_MASK = 0x3FFF


class Bound(NamedTuple):
    """Whose track a section carries."""

    owner: PeerId
    source: SourceName


class Subscription:
    """It has one ``Sink`` for good, and is on at most one line at a time."""

    __slots__ = (
        "_is_frozen",
        "_next_slide",
        "_packets_seen",
        "_stand",
        "_stand_time",
        "alarm",
        "bound",
        "form",
        "former",
        "fraction_lost",
        "freezes",
        "is_barred",
        "is_broken",
        "is_paused",
        "is_sliding",
        "is_spare",
        "is_starved",
        "jitter",
        "keyframe_requests",
        "limit",
        "line",
        "lost",
        "nacked",
        "peer",
        "repeated",
        "repeated_bytes",
        "section",
        "shown",
        "sink",
        "target",
        "wish",
    )

    def __init__(self, peer: PeerId, section: Section, sink: Sink) -> None:
        self.peer = peer
        self.section = section
        self.sink = sink
        self.form = Form.of(section)
        self.line: Line | None = None
        self.target: Line | None = None
        """The line it waits for."""
        self.former: tuple[Line, Variant, int] | None = None
        """(line, variant, first SRTP index) that it was on before, for repeats."""
        self.is_spare = section.is_spare
        self.bound: Bound | None = None
        self.is_paused = False
        """By its subscriber's wish."""
        self.is_barred = False
        """Its subscriber may not have media of this kind, whatever it wishes."""
        self.wish = Wish()
        self.limit: tuple[int, int] | None = None
        """(layer, temporal layer) that its link allows; None: no bound."""
        self.is_starved = False
        """Its link does not carry it at all, or its wish allows no layer that there is."""
        self.alarm = Alarm()
        self.is_broken = False
        """Ended by its scheme, for want of bandwidth."""
        self.is_sliding = False
        """A slide show, since its link carries no better."""
        self._next_slide = 0.0
        self.shown = (0, 0, False)
        """(layer, temporal, paused) last told."""
        self.keyframe_requests = 0
        self.freezes = 0
        self.nacked = 0
        self.repeated = 0
        self.repeated_bytes = 0
        self.lost = 0
        self.fraction_lost = 0.0
        self.jitter = 0
        self._stand: Position | None = None
        self._stand_time = 0.0
        self._packets_seen = 0
        self._is_frozen = False

    @property
    def is_video(self) -> bool:
        return self.section.kind == "video"

    @property
    def is_off(self) -> bool:
        """Nothing is to be sent, by its subscriber's wish or against it."""
        return self.is_paused or self.is_barred

    @property
    def shows_slides(self) -> bool:
        """It gets keyframes alone."""
        return self.is_video and (self.wish.slides is not None or self.is_sliding)

    @property
    def bound_bps(self) -> int | None:
        """What it may get at most: the least of its offer's and its wish's bounds."""
        bounds = [bps for bps in (self.section.max_bps, self.wish.max_bps) if bps is not None]
        return min(bounds, default=None)

    @property
    def is_given_up(self) -> bool:
        """Ended by its scheme, until it is asked for anew."""
        return self.is_broken and self.wish.scheme == "notify-break"

    @property
    def tells_nobody(self) -> bool:
        """Its requests are its own for now, by its scheme: its publisher does not hear of them."""
        return self.alarm.is_on and self.wish.scheme == "notify-stop-feedback"

    def hope(self, wish: Wish) -> None:
        """Take a wish, in place of the one before."""
        self.wish = wish
        self.alarm = Alarm()
        self.limit = None
        self.is_starved = self.is_broken = self.is_sliding = False
        self._next_slide = 0.0

    def sound(self) -> None:
        """Do what the scheme says: the alarm has changed."""
        scheme, is_short = self.wish.scheme, self.alarm.is_on
        if scheme == "notify-slideshow":
            self.is_sliding = is_short
        elif scheme == "notify-break-recover":
            self.is_broken = is_short
        elif scheme == "notify-break":
            self.is_broken |= is_short

    def needs_slide(self, now: float) -> bool:
        """Tell whether the next picture of a slide show is due; each is asked for once."""
        if not self.shows_slides or now < self._next_slide:
            return False
        wanted = self.wish.slides
        self._next_slide = now + (SLIDE_SECONDS if wanted is None else slide_seconds(wanted))
        return True

    # Lines -----------------------------------------------------------------------------------

    def wait_for(self, line: Line) -> None:
        """Go over to ``line`` where a decoder can; until then it stays where it is."""
        if self.target is not None:
            self.stop_waiting()
        self.target = line
        line.waiting.append(self)

    def stop_waiting(self) -> None:
        if self.target is not None and self in self.target.waiting:
            self.target.waiting.remove(self)
        self.target = None

    def leave(self) -> None:
        """Get nothing from now on; numbers go on where they stand if it comes back."""
        self.stop_waiting()
        line = self.line
        if line is not None:
            self._stand = self._next_on(line, None)
            self._stand_time = line.last_time
            self.sink.floor = self._stand.number
            self.sink.octets += line.payload_bytes
            line.leave(self)
            self.line = None
        self.former = None

    def _next_on(self, line: Line, timestamp: int | None) -> Position:
        """Return what comes after the last packet of its line in its own numbers."""
        variant = self.sink.variant
        picture, tl0 = line.last_picture, line.last_tl0
        stamp = line.last_timestamp if timestamp is None else timestamp
        return Position(
            line.next_index + variant.shift,
            stamp + variant.timestamp & 0xFFFFFFFF,
            picture if picture < 0 else picture + variant.picture + 1 & 0x7FFF,
            tl0 if tl0 < 0 else tl0 + variant.tl0 + 1 & 0xFF,
        )

    def expected(self, track: Track, packet: Packet, now: float) -> Position | None:
        """Return the place that ``track``'s packet should have; None for a newcomer."""
        if self.line is not None:
            place = self._next_on(self.line, self.line.timestamp_at(track, packet, now))
            if packet.temporal and place.tl0 >= 0:
                # Only base frames count on.
                place = place._replace(tl0=place.tl0 - 1 & 0xFF)
            return place
        stand = self._stand
        if stand is None:
            return None
        elapsed = max(1, int((now - self._stand_time) * track.clock_rate))
        return stand._replace(timestamp=stand.timestamp + elapsed & 0xFFFFFFFF)

    def enter(self, line: Line, place: Position, packet: Packet, now: float) -> None:
        """Come to ``line`` with the packet at ``place`` as the first one."""
        self.come(line, place, self.expected(line.track, packet, now))

    @property
    def is_new(self) -> bool:
        """It never got a packet."""
        return self.sink.first_index < 0

    def come(self, line: Line, place: Position, expected: Position | None = None) -> None:
        """Come to ``line`` at ``place``, which is ``expected`` in its own numbers."""
        if expected is None:
            index = place.number
            is_near_wrap = index & 0xFFFF >= 0x10000 - WRAP_MARGIN
            shift = (index & _START_MASK) - index if is_near_wrap else -(index & ~0xFFFF)
            variant = Variant(shift)
        else:
            self.sink.floor = expected.number
            variant = _between(expected, place)
        held = self.line
        self.sink.octets -= line.payload_bytes
        if held is not None:
            self.sink.octets += held.payload_bytes
            began = self.sink.first_index + self.sink.variant.shift
            self.former = (held, self.sink.variant, began)
            held.audience.remove({self.sink})
        self.line = line
        self.target = None
        self._stand = None
        self.sink.begin(place.number, variant)

    # Repeats ---------------------------------------------------------------------------------

    def find(self, sequence: int) -> tuple[Sent, Variant] | None:
        """Return the packet that this subscriber got under a sequence number, if it is kept."""
        line = self.line
        if line is None or self.sink.first_index < 0:
            return None
        variant = self.sink.variant
        newest = line.next_index - 1 + variant.shift
        index = newest - (newest - sequence & 0xFFFF)
        if index >= self.sink.first_index + variant.shift:
            sent = line.ring.find(index - variant.shift)
            return (sent, variant) if sent is not None else None
        if self.former is None or index < self.former[2]:
            return None
        former, variant, _ = self.former
        sent = former.ring.find(index - variant.shift)
        return (sent, variant) if sent is not None else None

    # Figures ---------------------------------------------------------------------------------

    def watch(self, is_due: bool) -> None:
        """Count a freeze where packets were due since the last call, and none was sent."""
        packets = self.sink.packets
        is_frozen = is_due and packets == self._packets_seen and packets > 0
        if is_frozen and not self._is_frozen:
            self.freezes += 1
        self._is_frozen = is_frozen
        self._packets_seen = packets


def _between(expected: Position, place: Position) -> Variant:
    """Return what turns a line's numbers at ``place`` into the expected ones."""
    has_picture = expected.picture >= 0 and place.picture >= 0
    has_tl0 = expected.tl0 >= 0 and place.tl0 >= 0
    return Variant(
        expected.number - place.number,
        expected.timestamp - place.timestamp & 0xFFFFFFFF,
        expected.picture - place.picture & 0x7FFF if has_picture else 0,
        expected.tl0 - place.tl0 & 0xFF if has_tl0 else 0,
    )
