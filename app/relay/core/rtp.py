"""RTP packets read in place (RFC 3550 §5.1, header extensions by RFC 8285)."""

import struct
from dataclasses import dataclass

ONE_BYTE = 0xBEDE
TWO_BYTE = 0x1000
MIN_HEADER = 12

_FIXED = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")
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


@dataclass(slots=True)
class Packet:
    """One packet; the offsets point into ``data``, which is valid during one wake-up."""

    data: memoryview
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    profile: int
    """Of the header extension, or 0 if there is none."""
    extension: int
    """Where the extension's elements begin; they end where the payload begins."""
    payload: int
    """Where the payload begins: the length of the whole header."""
    end: int
    """Where the payload ends, padding not counted (once ``strip_padding`` was called)."""
    index: int = 0
    """The 48-bit packet index: sequence with rollover, known once the packet is authentic."""
    keyframe: bool = False
    """The first packet of a keyframe."""
    temporal: int = 0
    """Its temporal layer, where the codec or the dependency descriptor tells."""
    is_sync: bool = False
    """One may switch up to its temporal layer here."""
    picture_at: int = 0
    """Offset of a VP8 picture id in the payload, ``WIDE`` added if it has 15 bits; 0: none."""
    tl0_at: int = 0
    """Offset of a VP8 TL0PICIDX in the payload; 0: none."""
    is_repeat: bool = False
    """It came by RTX."""
    extension_end: int = 0
    """Where the header ends, even once a repeat's payload was moved (``publisher``)."""
    found: list[tuple[int, memoryview]] | None = None
    """What ``elements`` found."""


def parse(data: memoryview) -> Packet | None:
    """Return the packet's header, or None if it is malformed. Works on sealed packets, too."""
    length = len(data)
    if length < MIN_HEADER:
        return None
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(data)
    if first >> 6 != 2:
        return None
    offset = MIN_HEADER + 4 * (first & 0x0F)
    profile = extension = 0
    if first & 0x10:
        if length < offset + 4:
            return None
        profile, words = _EXTENSION.unpack_from(data, offset)
        extension = offset + 4
        offset = extension + 4 * words
    if length < offset:
        return None
    return Packet(
        data, second & 0x7F, second >= 0x80, sequence, timestamp, ssrc,
        profile, extension, offset, length, extension_end=offset,
    )  # fmt: skip


def strip_padding(packet: Packet) -> bool:
    """Let ``end`` leave out the padding of an opened packet; False if that is malformed."""
    data = packet.data
    packet.end = len(data)
    if not data[0] & 0x20:
        return True
    if packet.end <= packet.payload:
        return False
    padding = data[packet.end - 1]
    if not 0 < padding <= packet.end - packet.payload:
        return False
    packet.end -= padding
    return True


def elements(packet: Packet) -> list[tuple[int, memoryview]]:
    """Return (id, value) of each header extension element; a malformed rest is left out.

    They are looked for once: call it when ``data`` is the opened packet.
    """
    found = packet.found
    if found is None:
        block = packet.data[packet.extension : packet.extension_end]
        if packet.profile == ONE_BYTE:
            found = _one_byte(block)
        else:
            found = _two_byte(block) if packet.profile & 0xFFF0 == TWO_BYTE else []
        packet.found = found
    return found


def _one_byte(block: memoryview) -> list[tuple[int, memoryview]]:
    found = []
    position, end = 0, len(block)
    while position < end:
        head = block[position]
        position += 1
        if head == 0:
            continue
        if head >> 4 == 15:
            break
        stop = position + (head & 0x0F) + 1
        if stop > end:
            break
        found.append((head >> 4, block[position:stop]))
        position = stop
    return found


def _two_byte(block: memoryview) -> list[tuple[int, memoryview]]:
    found = []
    position, end = 0, len(block)
    while position < end:
        ident = block[position]
        position += 1
        if ident == 0:
            continue
        if position == end:
            break
        stop = position + 1 + block[position]
        if stop > end:
            break
        found.append((ident, block[position + 1 : stop]))
        position = stop
    return found


def pack_elements(values: list[tuple[int, bytes | memoryview]]) -> bytes:
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
