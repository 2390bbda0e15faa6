"""AV1 temporal units from RTP payloads (AV1 RTP specification §4), as a container holds them."""

from collections.abc import Iterator, Sequence

_CONTINUES, _CONTINUED = 0x80, 0x40
_EXTENSION, _HAS_SIZE = 0x04, 0x02
_DROPPED = frozenset({2, 8, 15})
"""Temporal delimiters, tile lists and padding: they are not stored (ISOBMFF binding §2.4)."""


def join(payloads: Sequence[bytes]) -> bytes | None:
    """Return the temporal unit, or None where it is malformed or a fragment is missing."""
    units: list[bytearray] = []
    is_open = False
    for payload in payloads:
        if not payload or bool(payload[0] & _CONTINUES) != is_open:
            return None
        try:
            elements = list(_elements(payload))
        except IndexError:
            return None
        if not elements:
            return None
        if is_open:
            units[-1] += elements.pop(0)
        units += map(bytearray, elements)
        is_open = bool(payload[0] & _CONTINUED)
    if is_open:
        return None
    return b"".join(map(_sized, filter(None, units))) or None


def _elements(payload: bytes) -> Iterator[bytes]:
    count = payload[0] >> 4 & 3
    """0: every element tells its length; else the last of so many does not."""
    position = 1
    number = 0
    while position < len(payload):
        number += 1
        size = len(payload) - position
        if not count or number < count:
            size, position = _leb128(payload, position)
        if position + size > len(payload):
            raise IndexError("an element is cut short")
        yield payload[position : position + size]
        position += size


def _leb128(data: bytes, position: int) -> tuple[int, int]:
    """Return (number, where it ends)."""
    value = 0
    for place in range(8):
        byte = data[position + place]
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, position + place + 1
    raise IndexError("a number is too long")


def _to_leb128(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _sized(unit: bytearray) -> bytes:
    """Return an OBU with its size in it; empty for one that is not stored."""
    head = unit[0]
    if head >> 3 & 0x0F in _DROPPED:
        return b""
    if head & _HAS_SIZE:
        return bytes(unit)
    start = 2 if head & _EXTENSION else 1
    return (
        bytes((head | _HAS_SIZE,))
        + unit[1:start]
        + _to_leb128(len(unit) - start)
        + bytes(unit[start:])
    )
