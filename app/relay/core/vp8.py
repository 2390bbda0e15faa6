"""The VP8 payload descriptor (RFC 7741 §4.2): temporal layer, and the numbers to renumber.

Receivers find a frame's references by picture id and TL0PICIDX, so both must run on without gaps
when frames are left out or another stream is spliced in.
"""

WIDE = 0x8000
"""Added to the offset of a picture id that has 15 bits."""


def read(payload: memoryview) -> tuple[int, int, int, bool, int] | None:
    """Return (picture id offset, TL0PICIDX offset, temporal layer, sync, length of it all); None if
    malformed.

    Offsets are 0 where the field is missing.
    """
    size = len(payload)
    if size < 2:
        return None
    if not payload[0] & 0x80:
        return 0, 0, 0, False, 1
    flags = payload[1]
    position = 2
    picture_at = tl0_at = temporal = 0
    is_sync = False
    try:
        if flags & 0x80:
            picture_at = position
            if payload[position] & 0x80:
                picture_at |= WIDE
                position += 1
            position += 1
        if flags & 0x40:
            tl0_at = position
            position += 1
        if flags & 0x30:
            if flags & 0x20:
                temporal = payload[position] >> 6
                is_sync = bool(payload[position] & 0x20)
            position += 1
    except IndexError:
        return None
    return (picture_at, tl0_at, temporal, is_sync, position) if position < size else None


def picture_of(data: memoryview | bytearray, at: int) -> int:
    """Return the picture id at the offset ``at`` (with its ``WIDE`` mark)."""
    place = at & ~WIDE
    if at & WIDE:
        return (data[place] & 0x7F) << 8 | data[place + 1]
    return data[place]


def move_picture(data: memoryview | bytearray, at: int, by: int) -> None:
    """Add ``by`` to the picture id at ``at``, in place."""
    place = at & ~WIDE
    if at & WIDE:
        number = picture_of(data, at) + by & 0x7FFF
        data[place] = 0x80 | number >> 8
        data[place + 1] = number & 0xFF
    else:
        data[place] = data[place] + by & 0x7F


def frame_size(payload: memoryview, first_payload_byte: int) -> tuple[int, int]:
    """Return (width, height) of a keyframe's first packet (RFC 6386 §9.1), or zeros."""
    start = first_payload_byte
    if len(payload) < start + 10 or bytes(payload[start + 3 : start + 6]) != b"\x9d\x01\x2a":
        return 0, 0
    width = int.from_bytes(payload[start + 6 : start + 8], "little") & 0x3FFF
    return width, int.from_bytes(payload[start + 8 : start + 10], "little") & 0x3FFF


def header_length(payload: memoryview) -> int:
    """Return the length of a sound descriptor."""
    if not payload[0] & 0x80:
        return 1
    flags = payload[1]
    length = 2 + (1 if flags & 0x40 else 0) + (1 if flags & 0x30 else 0)
    if flags & 0x80:
        length += 2 if payload[2] & 0x80 else 1
    return length
