"""One stream that somebody publishes: what it is, how it arrives, when to ask for a keyframe."""

from dataclasses import dataclass
from typing import Protocol

from app.core.ids import PeerId
from app.relay.core import vp8
from app.relay.core.keyframe import detector
from app.relay.core.layers import MAX_TEMPORAL, DependencyReader, read_vp8, read_vp9
from app.relay.core.media import Codec, Section, SourceName
from app.relay.core.missing import Missing
from app.relay.core.replay import ReplayWindow
from app.relay.core.rtp import DEPENDENCY_URI, LEVEL_URI, Packet, elements

ACTIVE_SECONDS = 2.0
"""A track whose last packet is older counts as stopped: the screen then gives way to the camera."""
KEYFRAME_SECONDS = 1.0
"""Shortest time between two keyframe requests: a keyframe costs as much as a second of video."""
OVERHEAD_BYTES = 44
"""What a payload costs on the wire besides itself: RTP with extensions, and the SRTP tag."""
MIN_LAYER_BPS = 1_000.0
_NEVER = float("-inf")


class KeyframeRequests:
    """When to send a PLI for one track: at once if none was sent for a second, else then.

    A newcomer within that second begins at the keyframe that the last request brought
    (``Line.catch_up``), so that nobody waits for longer and a hundred cost two keyframes at most.
    """

    __slots__ = ("_last", "is_wanted")

    def __init__(self) -> None:
        self._last = _NEVER
        self.is_wanted = False

    def ask(self) -> None:
        """Want a keyframe; ``due`` tells when to ask the publisher for it."""
        self.is_wanted = True

    def due(self) -> float | None:
        """Return when a request is to be sent, or None while nobody wants one."""
        return self._last + KEYFRAME_SECONDS if self.is_wanted else None

    def satisfied(self) -> None:
        """A keyframe begins: who asked before has it. Who loses it will ask again."""
        self.is_wanted = False

    def sent(self, now: float) -> None:
        self._last = now
        self.is_wanted = False


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

    def add(self, packet: Packet, size: int, now: float) -> None:
        """Count a packet with ``size`` bytes of payload."""
        self.packets += 1
        self.bytes += size
        index = packet.index
        if index > self._highest:
            if self._base < 0:
                self._base = index
            self._highest = index
        elif index < self._base:
            self._base = index
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


class LayerRates:
    """How many bits per second each temporal layer of a track has, smoothed over some seconds."""

    __slots__ = ("_bits", "_frames", "_frequencies", "_rates", "_since", "top")

    def __init__(self) -> None:
        self._frames = [0] * (MAX_TEMPORAL + 1)
        self._frequencies = [0.0] * (MAX_TEMPORAL + 1)
        self._bits = [0] * (MAX_TEMPORAL + 1)
        self._rates = [0.0] * (MAX_TEMPORAL + 1)
        self.top = 0
        """The highest temporal layer that carries anything."""
        self._since: float | None = None

    def add(self, temporal: int, size: int, ends_frame: bool = False) -> None:
        self._bits[temporal] += 8 * (size + OVERHEAD_BYTES)
        self._frames[temporal] += ends_frame

    def measure(self, now: float) -> None:
        """Take what came since the last call into account; call it about twice a second."""
        since, self._since = self._since, now
        if since is None or now <= since or not any(self._bits):
            # What has stopped would cost as much again.
            return
        for layer, bits in enumerate(self._bits):
            rate = bits / (now - since)
            old = self._rates[layer]
            self._rates[layer] = rate if not old else old + (rate - old) * 0.5
            often = self._frames[layer] / (now - since)
            seen = self._frequencies[layer]
            self._frequencies[layer] = often if not seen else seen + (often - seen) * 0.5
        self._bits = [0] * len(self._bits)
        self._frames = [0] * len(self._frames)
        self._note_top()

    def up_to(self, temporal: int) -> int:
        """Return the rate of the layers up to ``temporal`` together."""
        return int(sum(self._rates[: temporal + 1]))

    def fps_up_to(self, temporal: int) -> float:
        """Return how many frames a second the layers up to ``temporal`` have together."""
        return sum(self._frequencies[: temporal + 1])

    def _note_top(self) -> None:
        carrying = (n for n, rate in enumerate(self._rates) if rate > MIN_LAYER_BPS)
        self.top = max(carrying, default=0)


@dataclass(frozen=True, slots=True)
class ClockReport:
    """The pair of clocks from a sender report, and when it came."""

    ntp: int
    """64-bit NTP timestamp of the presenter's clock."""
    timestamp: int
    arrived: float


class Follower(Protocol):
    """A line, as the track that feeds it sees it."""

    temporal: int

    @property
    def is_empty(self) -> bool: ...
    @property
    def has_waiting(self) -> bool: ...
    def forward(self, now: float) -> None: ...
    def report_all(self, now: float) -> None: ...


class Track:
    """One SSRC of a publisher's section: a source, or a simulcast layer of it."""

    def __init__(
        self, peer: PeerId, section: Section, source: SourceName, ssrc: int, rid: str = ""
    ) -> None:
        self.peer = peer
        self.section = section
        self.is_video = section.kind == "video"
        self.source = source
        self.ssrc = ssrc
        self.rid = rid
        self.codecs: dict[int, Codec] = {codec.payload_type: codec for codec in section.codecs}
        self._detectors = {codec.payload_type: detector(codec.key) for codec in section.codecs}
        self.codec: Codec | None = None
        """Of the last packet."""
        first = next((codec for codec in section.codecs if codec.key not in ("rtx", "red")), None)
        self.clock_rate = first.clock_rate if first else 90_000
        self.reception = Reception(self.clock_rate)
        self.keyframes = KeyframeRequests()
        self.keyframes_received = 0
        self.clock: ClockReport | None = None
        self.last_packet = _NEVER
        self.pending: list[Packet] = []
        """Packets of this wake-up, in the order of arrival."""
        self.lines: list[Follower] = []
        """Whom it feeds."""
        self.seen = ReplayWindow()
        self.missing = Missing() if "nack" in section.feedback else None
        self.rates = LayerRates()
        self.width = 0
        self.height = 0
        self._dependency_id = section.extension_id(DEPENDENCY_URI)
        self._dependencies = DependencyReader()
        self._level_id = section.extension_id(LEVEL_URI)
        self.level = 127
        """The loudest since it was last taken, in -dBov (RFC 6464); 127 is silence."""

    def is_active(self, now: float) -> bool:
        return now - self.last_packet < ACTIVE_SECONDS

    def take(self, packet: Packet, now: float) -> bool:
        """Count an authentic packet and keep it for the end of this wake-up.

        False for one that came before, as itself or as a repeat.
        """
        if not self.seen.take(packet.index):
            return False
        self.codec = codec = self.codecs.get(packet.payload_type)
        self.last_packet = now
        size = packet.end - packet.payload
        self.reception.add(packet, size, now)
        if self.missing is not None:
            self.missing.came(packet.index, now)
        if self.is_video:
            self._read_video(packet, codec.key if codec is not None else "")
        elif self._level_id:
            self._read_level(packet)
        self.rates.add(packet.temporal, size, packet.marker)
        self.pending.append(packet)
        return True

    def _read_video(self, packet: Packet, key: str) -> None:
        if key == "vp8":
            read_vp8(packet)
        else:
            is_start = self._detectors.get(packet.payload_type)
            payload = packet.data[packet.payload : packet.end]
            packet.keyframe = is_start is not None and is_start(payload)
            if self._dependency_id:
                self._read_dependency(packet)
            elif key.startswith("vp9"):
                read_vp9(packet)
        if packet.keyframe:
            self.keyframes.satisfied()
            self.keyframes_received += 1
            if key == "vp8":
                self._read_size(packet)

    def _read_size(self, packet: Packet) -> None:
        payload = packet.data[packet.payload : packet.end]
        size = vp8.frame_size(payload, vp8.header_length(payload))
        self.width, self.height = size if size[0] else (self.width, self.height)

    def _read_dependency(self, packet: Packet) -> None:
        for ident, value in elements(packet):
            if ident == self._dependency_id:
                self._dependencies.read(value, packet)

    def _read_level(self, packet: Packet) -> None:
        if packet.layout is not None and self._level_id in packet.layout.octets:
            level = packet.values[packet.layout.octets[self._level_id]] & 0x7F
            if level < self.level:
                self.level = level

    @property
    def tells_level(self) -> bool:
        return bool(self._level_id)

    def take_level(self) -> int:
        """Return the loudest level since the last call, in -dBov."""
        level, self.level = self.level, 127
        return level

    def stop(self) -> None:
        """The publisher said goodbye to this stream (RTCP BYE); a later packet revives it."""
        self.last_packet = _NEVER
