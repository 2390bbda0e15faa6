"""Redundant audio (RED, RFC 2198 §3): payload types renamed, or only the primary block kept."""

from collections.abc import Mapping


def _headers_end(payload: memoryview) -> int:
    """Return where the last block header (one byte, F = 0) stands, or -1."""
    position = 0
    while position < len(payload):
        if not payload[position] & 0x80:
            return position
        position += 4
    return -1


def primary(payload: memoryview) -> tuple[int, memoryview] | None:
    """Return the primary block's payload type and data, or None if the payload is malformed."""
    last = _headers_end(payload)
    if last < 0:
        return None
    redundant = sum(
        int.from_bytes(payload[position + 2 : position + 4], "big") & 0x03FF
        for position in range(0, last, 4)
    )
    start = last + 1 + redundant
    if start > len(payload):
        return None
    return payload[last], payload[start:]


def renamed(payload: memoryview, names: Mapping[int, int]) -> memoryview | None:
    """Return the payload with every block's payload type replaced by ``names``.

    None if the payload is malformed or holds a type that has no name there.
    """
    last = _headers_end(payload)
    if last < 0:
        return None
    types = [payload[position] & 0x7F for position in range(0, last + 1, 4)]
    if any(kind not in names for kind in types):
        return None
    if all(names[kind] == kind for kind in types):
        return payload
    copy = bytearray(payload)
    for position in range(0, last + 1, 4):
        copy[position] = copy[position] & 0x80 | names[copy[position] & 0x7F]
    return memoryview(copy)
