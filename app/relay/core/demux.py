"""What a datagram is, by its first bytes (RFC 7983 §7, RFC 5761 §4)."""

import enum


class DatagramKind(enum.Enum):
    """The protocols that share the media port."""

    STUN = "stun"
    DTLS = "dtls"
    RTP = "rtp"
    RTCP = "rtcp"
    EMPTY = "empty"
    UNKNOWN = "unknown"


RTP, RTCP = DatagramKind.RTP, DatagramKind.RTCP


def _kind(first: int) -> DatagramKind:
    if 128 <= first <= 191:
        return RTP
    if first <= 3:
        return DatagramKind.STUN
    return DatagramKind.DTLS if 20 <= first <= 63 else DatagramKind.UNKNOWN


_KINDS = tuple(_kind(first) for first in range(256))


def classify(data: memoryview | bytearray) -> DatagramKind:
    """Return the protocol of ``data``; the rest of the datagram is not looked at."""
    if not data:
        return DatagramKind.EMPTY
    kind = _KINDS[data[0]]
    # RFC 5761 §4: with the marker bit, RTCP's types 192 to 223 are payload types 64 to 95.
    if kind is RTP and len(data) >= 2 and 192 <= data[1] <= 223:
        return RTCP
    return kind


_RECORD_HEADER = 13
_CONTENT_TYPES = range(20, 27)


def is_sound_dtls(data: memoryview | bytearray) -> bool:
    """Tell whether ``data`` is DTLS 1.0 to 1.2 records and nothing else (RFC 6347 §4.1).

    An empty or cut-off datagram must not reach the DTLS library, which may take it for an end.
    """
    position = 0
    while position < len(data):
        if len(data) - position < _RECORD_HEADER or data[position + 1] != 0xFE:
            return False
        if data[position] not in _CONTENT_TYPES:
            return False
        length = data[position + 11] << 8 | data[position + 12]
        if not length:
            return False
        position += _RECORD_HEADER + length
    return position == len(data) and position > 0
