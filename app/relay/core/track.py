"""One stream that a presenter sends: what it is, how it arrives, when to ask for a keyframe."""

from dataclasses import dataclass

from app.core.ids import PeerId
from app.relay.core.keyframe import detector
from app.relay.core.media import Codec, Section, SourceName
from app.relay.core.rtp import Packet

ACTIVE_SECONDS = 2.0
"""A track whose last packet is older counts as stopped: the screen then gives way to the camera."""
KEYFRAME_SECONDS = 1.0
"""Shortest time between two keyframe requests of one kind: a keyframe costs as much as a second."""
_NEVER = float("-inf")


class KeyframeRequests:
    """When to send a PLI for one track (media-plane rule: once a second, at once for a newcomer).

    Ordinary wishes (a decoder lost its place) and newcomers' are throttled apart, so that a
    newcomer does not wait for somebody else's second, and a hundred of them cost two at most.
    """

    __slots__ = ("_last", "_last_newcomer", "_wanted")

    def __init__(self) -> None:
        self._last = _NEVER
        self._last_newcomer = _NEVER
        self._wanted = False

    def ask(self, now: float, newcomer: bool) -> None:
        """Want a keyframe; ``due`` tells when to ask the presenter for it."""
        self._wanted = True
        if newcomer and now - self._last_newcomer >= KEYFRAME_SECONDS:
            self._last_newcomer = now
            self._last = _NEVER

    def due(self) -> float | None:
        """Return when a request is to be sent, or None while nobody wants one."""
        return self._last + KEYFRAME_SECONDS if self._wanted else None

    def satisfied(self) -> None:
        """A keyframe begins: who asked before has it. Who loses it will ask again."""
        self._wanted = False

    def sent(self, now: float) -> None:
        self._last = now
        self._wanted = False


class Reception:
    """How one track arrives, for receiver reports (RFC 3550 appendices A.3 and A.8)."""

    __slots__ = ("_base", "_clock_rate", "_highest", "_reported_expected", "_reported_received",
                 "_transit", "bytes", "jitter", "packets")  # fmt: skip

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._base = -1
        self._highest = -1
        self._transit: int | None = None
        self._reported_expected = 0
        self._reported_received = 0
        self.packets = 0
        self.bytes = 0
        self.jitter = 0.0
        """In units of the RTP clock."""

    def add(self, packet: Packet, now: float) -> None:
        self.packets += 1
        self.bytes += packet.end - packet.payload
        if self._base < 0 or packet.index < self._base:
            self._base = packet.index
        if packet.index > self._highest:
            self._highest = packet.index
        transit = int(now * self._clock_rate) - packet.timestamp
        if self._transit is not None:
            # Timestamps wrap: the difference is read as a signed 32-bit number.
            difference = (transit - self._transit + 0x80000000 & 0xFFFFFFFF) - 0x80000000
            self.jitter += (abs(difference) - self.jitter) / 16
        self._transit = transit

    @property
    def lost(self) -> int:
        """Packets that never came; duplicates are no packets here."""
        return max(0, self._highest - self._base + 1 - self.packets) if self._base >= 0 else 0

    @property
    def highest(self) -> int:
        """The extended highest sequence number received."""
        return max(0, self._highest) & 0xFFFFFFFF

    def take_fraction_lost(self) -> int:
        """Return the loss since the last call as a fraction of 256."""
        expected = self._highest - self._base + 1 if self._base >= 0 else 0
        new_expected = expected - self._reported_expected
        new_lost = new_expected - (self.packets - self._reported_received)
        self._reported_expected = expected
        self._reported_received = self.packets
        if new_expected <= 0 or new_lost <= 0:
            return 0
        return min(255, (new_lost << 8) // new_expected)


@dataclass(frozen=True, slots=True)
class ClockReport:
    """The pair of clocks from a sender report, and when it came."""

    ntp: int
    """64-bit NTP timestamp of the presenter's clock."""
    timestamp: int
    arrived: float


class Track:
    """One SSRC of one presenter's section. Codecs are found by payload type."""

    def __init__(self, peer: PeerId, section: Section, source: SourceName, ssrc: int) -> None:
        self.peer = peer
        self.section = section
        self.source = source
        self.ssrc = ssrc
        self.codecs: dict[int, Codec] = {codec.payload_type: codec for codec in section.codecs}
        self._detectors = {codec.payload_type: detector(codec.key) for codec in section.codecs}
        self.codec: Codec | None = None
        """Of the last packet."""
        first = next((codec for codec in section.codecs if codec.key not in ("rtx", "red")), None)
        self.clock_rate = first.clock_rate if first else 90_000
        self.reception = Reception(self.clock_rate)
        self.keyframes = KeyframeRequests()
        self.clock: ClockReport | None = None
        self.last_packet = _NEVER
        self.pending: list[Packet] = []
        """Packets of this wake-up, in the order of arrival."""

    @property
    def is_video(self) -> bool:
        return self.section.kind == "video"

    def is_active(self, now: float) -> bool:
        return now - self.last_packet < ACTIVE_SECONDS

    def take(self, packet: Packet, now: float) -> None:
        """Count an authentic packet and keep it for the end of this wake-up."""
        self.codec = self.codecs.get(packet.payload_type)
        self.last_packet = now
        self.reception.add(packet, now)
        is_start = self._detectors.get(packet.payload_type)
        if is_start is not None:
            packet.keyframe = is_start(packet.data[packet.payload : packet.end])
            if packet.keyframe:
                self.keyframes.satisfied()
        self.pending.append(packet)

    def stop(self) -> None:
        """The presenter said goodbye to this stream (RTCP BYE); a later packet revives it."""
        self.last_packet = _NEVER
