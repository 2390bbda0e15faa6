"""RTP packets read in place (RFC 3550 §5.1, header extensions by RFC 8285)."""

import struct
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

ONE_BYTE = 0xBEDE
TWO_BYTE = 0x1000
MIN_HEADER = 12

PADDED = 0x20
"""In the first byte: the payload is followed by padding."""
MAX_LAYOUTS = 64
"""Kept per sender: a stream has two or three."""

_FIXED = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")
_USUAL = struct.Struct("!BBHIIHH")
_EXTENDED = 0x90
"""The first byte of a packet with an extension, without padding and contributing sources."""
_HEADS = tuple(bytes((number,)) for number in range(256))

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
ABS_SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_WIDE_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
DEPENDENCY_URI = (
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
)
HOP_BY_HOP_URIS = frozenset({MID_URI, RID_URI, REPAIRED_RID_URI})
"""Extensions that mean something between two neighbours only: never passed on. (Transport-wide
numbers do, too: a line writes its own.)"""


class Packet:
    """One packet; the offsets point into ``data``, which is valid during one wake-up."""

    __slots__ = ("data", "end", "extension", "header_end", "index", "is_repeat", "is_sync",
                 "keyframe", "layout", "marker", "payload", "payload_type", "picture",
                 "picture_at", "profile", "sequence", "ssrc", "temporal", "timestamp", "tl0",
                 "tl0_at", "values")  # fmt: skip

    def __init__(
        self, data: memoryview, second: int, sequence: int, timestamp: int, ssrc: int,
        profile: int, extension: int, header_end: int, end: int,
    ) -> None:  # fmt: skip
        self.data = data
        self.payload_type = second & 0x7F
        self.marker = second >= 0x80
        self.sequence = sequence
        self.timestamp = timestamp
        self.ssrc = ssrc
        self.profile = profile
        """Of the header extension, or 0 if there is none."""
        self.extension = extension
        """Where the extension's elements begin; they end with the header."""
        self.payload = self.header_end = header_end
        """Where the payload begins. (A repeat's moves, its header's end does not.)"""
        self.end = end
        """Where the payload ends, padding not counted (once ``strip_padding`` was called)."""
        self.index = 0
        """The 48-bit packet index: sequence with rollover, known once the packet is authentic."""
        self.layout: Layout | None = None
        """Where the extension's elements stand, once that was looked at (``Layouts``),"""
        self.values: tuple[Any, ...] = ()
        """and with it their values (and heads): numbers of one or two bytes, else bytes."""
        self.keyframe = self.is_sync = self.is_repeat = False
        """The first packet of a keyframe; one may switch up to its temporal layer here; it came
        by RTX."""
        self.temporal = self.picture_at = self.tl0_at = 0
        """Its temporal layer, where the codec or the dependency descriptor tells. Offsets of a VP8
        picture id (``WIDE`` added if it has 15 bits) and TL0PICIDX in the payload; 0: none."""
        self.picture = self.tl0 = -1
        """These two, -1 for none."""


def parse(data: memoryview) -> Packet | None:
    """Return the packet's header, or None if it is malformed. Works on sealed packets, too."""
    length = len(data)
    if length < MIN_HEADER:
        return None
    offset = MIN_HEADER
    profile = extension = 0
    if data[0] == _EXTENDED and length >= _USUAL.size:  # nearly every packet
        _, second, sequence, timestamp, ssrc, profile, words = _USUAL.unpack_from(data)
        extension = _USUAL.size
        offset = extension + 4 * words
    else:
        first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(data)
        if first >> 6 != 2:
            return None
        offset += 4 * (first & 0x0F)
        if first & 0x10:
            if length < offset + 4:
                return None
            profile, words = _EXTENSION.unpack_from(data, offset)
            extension = offset + 4
            offset = extension + 4 * words
    if length < offset:
        return None
    return Packet(data, second, sequence, timestamp, ssrc, profile, extension, offset, length)


def strip_padding(packet: Packet) -> bool:
    """Let ``end`` leave out the padding of an opened packet; False if that is malformed."""
    data = packet.data
    packet.end = len(data)
    if not data[0] & PADDED:
        return True
    if packet.end <= packet.payload:
        return False
    padding = data[packet.end - 1]
    if not 0 < padding <= packet.end - packet.payload:
        return False
    packet.end -= padding
    return True


def field(size: int) -> str:
    """Return how ``struct`` is told of a value: one or two bytes are a number."""
    return {1: "B", 2: "H"}.get(size, f"{size}s")


class Layout:
    """Where the elements of a header extension stand; a malformed rest is left out.

    A stream's packets have the same for long: one unpacking reads their values, and shows that.
    """

    __slots__ = ("_heads", "_heads_of", "_profile", "_start", "_unpack", "count", "elements",
                 "octets", "places", "words")  # fmt: skip

    def __init__(self, data: memoryview | bytes, profile: int, start: int, end: int) -> None:
        heads = bytearray(end - start)
        """1 where a byte says what stands behind it."""
        self._profile = profile
        self.elements: list[tuple[int, int, int]] = []
        """(id, begin, end) of each value, from the packet's begin."""
        if profile == ONE_BYTE:
            self.elements = _one_byte(data, start, end, heads)
        elif profile & 0xFFF0 == TWO_BYTE:
            self.elements = _two_byte(data, start, end, heads)
        self._start = start
        self.places: list[int] = []
        """Of each value in ``Packet.values``."""
        self.count = 0
        """How long those are: heads stand among them."""
        form, told, position = "!", [], start
        for begin, stop in [*((begin, stop) for _, begin, stop in self.elements), (end, -1)]:
            for is_head in heads[position - start : begin - start]:
                form += "B" if is_head else "x"
                told += [self.count] if is_head else []
                self.count += is_head
            if stop >= 0:
                form += field(stop - begin)
                self.places.append(self.count)
                self.count += 1
                position = stop
        self.octets, self.words = self._small(1), self._small(2)
        """Places of the values of one and of two bytes, by id."""
        self._unpack = struct.Struct(form).unpack_from
        self._heads_of = itemgetter(*told) if told else _nothing
        self._heads = self._heads_of(self._unpack(data, start))

    def _small(self, size: int) -> dict[int, int]:
        placed = reversed(list(zip(self.elements, self.places, strict=True)))
        # The first one counts; 0 is no id (RFC 8285 §4.2).
        return {ident: at for (ident, begin, stop), at in placed if ident and stop - begin == size}

    def read(self, packet: Packet) -> bool:
        """Note the values of a packet whose extension is at this place; False, and nothing is known
        of them, unless all heads are the same."""
        values = packet.values = self._unpack(packet.data, self._start)
        return packet.profile == self._profile and self._heads_of(values) == self._heads


def _nothing(_: tuple[Any, ...]) -> tuple[Any, ...]:
    return ()


def _one_byte(
    data: memoryview | bytes, start: int, end: int, heads: bytearray
) -> list[tuple[int, int, int]]:
    found = []
    position = start
    while position < end:
        head = data[position]
        heads[position - start] = 1
        position += 1
        if head == 0:
            continue
        if head >> 4 == 15:
            break
        stop = position + (head & 0x0F) + 1
        if stop > end:
            break
        found.append((head >> 4, position, stop))
        position = stop
    return found


def _two_byte(
    data: memoryview | bytes, start: int, end: int, heads: bytearray
) -> list[tuple[int, int, int]]:
    found = []
    position = start
    while position < end:
        ident = data[position]
        heads[position - start] = 1
        position += 1
        if ident == 0:
            continue
        if position == end:
            break
        heads[position - start] = 1
        stop = position + 1 + data[position]
        if stop > end:
            break
        found.append((ident, position + 1, stop))
        position = stop
    return found


NO_ELEMENTS = Layout(bytes(4), 0, 4, 4)
"""Of a packet without a header extension."""


class Layouts:
    """The layouts of one sender's streams, by SSRC and place; a few, the rest is read anew."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, Layout] = {}

    def find(self, packet: Packet) -> Layout:
        """Return where the elements of an opened packet stand, and note it there."""
        if not packet.profile:
            packet.layout = NO_ELEMENTS
            return NO_ELEMENTS
        key = packet.ssrc << 32 | packet.extension << 16 | packet.header_end
        layout = self._known.get(key)
        if layout is None or not layout.read(packet):
            if len(self._known) >= MAX_LAYOUTS:
                self._known.clear()
            layout = Layout(packet.data, packet.profile, packet.extension, packet.header_end)
            layout.read(packet)
            self._known[key] = layout
        packet.layout = layout
        return layout


def elements(packet: Packet) -> list[tuple[int, memoryview]]:
    """Return (id, value) of each header extension element of an opened packet."""
    layout = packet.layout
    if layout is None:
        if not packet.profile:
            return []
        layout = Layout(packet.data, packet.profile, packet.extension, packet.header_end)
        packet.layout = layout
    return [(ident, packet.data[begin:stop]) for ident, begin, stop in layout.elements]


def pack_elements(values: Sequence[tuple[int, bytes | memoryview]]) -> bytes:
    """Return a whole extension block, its header included; one-byte form where it fits."""
    profile = ONE_BYTE
    body = b""
    for ident, value in values:
        size = len(value)
        if ident >= 15 or not 0 < size <= 16:
            profile = TWO_BYTE
            break
        body += _HEADS[ident << 4 | size - 1] + value
    if profile == TWO_BYTE:
        body = b"".join(bytes((ident, len(value))) + value for ident, value in values)
    words = (len(body) + 3) // 4
    return _EXTENSION.pack(profile, words) + body.ljust(4 * words, b"\0")
