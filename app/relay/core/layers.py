"""A packet's temporal layer: by payload (VP8, VP9) or by dependency descriptor (AV1)."""

from app.relay.core import vp8
from app.relay.core.rtp import Packet

MAX_TEMPORAL = 3
"""The highest temporal layer told apart; what is above counts as this one."""
_SWITCH = 2
_MAX_TEMPLATES = 64


def read_vp8(packet: Packet) -> None:
    """Note a VP8 packet's layer, its numbers and where they stand; whether a keyframe begins."""
    payload = packet.data[packet.payload : packet.end]
    found = vp8.read(payload)
    if found is None:
        return
    picture_at, tl0_at, temporal, packet.is_sync, length = found
    packet.temporal = temporal
    if picture_at:
        packet.picture_at = picture_at
        packet.picture = vp8.picture_of(payload, picture_at)
    if tl0_at:
        packet.tl0_at = tl0_at
        packet.tl0 = payload[tl0_at]
    packet.keyframe = payload[0] & 0x17 == 0x10 and not payload[length] & 1


def read_vp9(packet: Packet) -> None:
    """Note a VP9 packet's layer (RFC 9628 §4.2: TID and U of the layer indices)."""
    payload = packet.data[packet.payload : packet.end]
    if not payload or not payload[0] & 0x20:
        return
    position = 1
    if payload[0] & 0x80:
        position += 2 if len(payload) > 1 and payload[1] & 0x80 else 1
    if position < len(payload):
        packet.temporal = min(payload[position] >> 5, MAX_TEMPORAL)
        packet.is_sync = bool(payload[position] & 0x10)


class _Bits:
    """Reads big-endian bit fields; IndexError past the end."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0

    def take(self, count: int) -> int:
        value = 0
        for _ in range(count):
            byte = self._data[self._position >> 3]
            value = value << 1 | byte >> (7 - (self._position & 7)) & 1
            self._position += 1
        return value


class DependencyReader:
    """Dependency descriptors of one stream (AV1 RTP specification, appendix A.8).

    The structure comes with keyframes; until it came, every packet is of layer 0.
    """

    def __init__(self) -> None:
        self._offset = 0
        self._templates: list[tuple[int, bool]] = []
        """(temporal layer, is a switching point) of each template."""

    def read(self, value: memoryview, packet: Packet) -> None:
        """Note the packet's layer; a malformed descriptor changes nothing."""
        if len(value) < 3:
            return
        if len(value) > 3:
            try:
                self._read_structure(_Bits(value[3:]))
            except IndexError:
                return
        template = (value[0] & 0x3F) - self._offset & 0x3F
        if template < len(self._templates):
            packet.temporal, packet.is_sync = self._templates[template]

    def _read_structure(self, bits: _Bits) -> None:
        has_structure = bits.take(1)
        bits.take(4)
        if not has_structure:
            return
        offset = bits.take(6)
        targets = bits.take(5) + 1
        layers: list[int] = []
        temporal = 0
        for _ in range(_MAX_TEMPLATES):
            layers.append(temporal)
            step = bits.take(2)
            if step == 3:
                break
            temporal = temporal + 1 if step == 1 else 0 if step == 2 else temporal
        self._templates = [
            (
                min(layer, MAX_TEMPORAL),
                any([bits.take(2) == _SWITCH for _ in range(targets)]),  # noqa: C419  (reads all)
            )
            for layer in layers
        ]
        self._offset = offset
