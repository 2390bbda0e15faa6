"""VP9 frames from RTP payloads (RFC 9628 §4.2)."""

from collections.abc import Sequence

_BEGINS, _ENDS = 0x08, 0x04
_MOST_LAYERS = 8


def header_length(payload: bytes) -> int:
    """Return the length of the payload descriptor; raises IndexError where it is cut short."""
    flags = payload[0]
    position = 1
    if flags & 0x80:  # I: picture id, of one byte or two
        position += 2 if payload[position] & 0x80 else 1
    if flags & 0x20:  # L: layer indices, and TL0PICIDX outside of flexible mode
        position += 1 if flags & 0x10 else 2
    if flags & 0x50 == 0x50:  # F and P: up to three references, N says that another follows
        position += 1
        while payload[position - 1] & 1:
            position += 1
    if flags & 0x02:
        position = _after_structure(payload, position)
    return position


def _after_structure(payload: bytes, position: int) -> int:
    head = payload[position]
    position += 1
    if head & 0x10:  # Y: a size of each spatial layer
        position += 4 * ((head >> 5) + 1)
    if head & 0x08:  # G: a description of the pictures of a group
        count = payload[position]
        position += 1
        for _ in range(count):
            position += 1 + (payload[position] >> 2 & 3)
    return position


def join(payloads: Sequence[bytes]) -> bytes | None:
    """Return the frame, or None unless these payloads are whole frames of one picture.

    The layers of a picture with spatial layers become a superframe (VP9 bitstream, annex B).
    """
    frames: list[bytearray] = []
    is_open = False
    for payload in payloads:
        try:
            start = header_length(payload)
        except IndexError:
            return None
        begins = bool(payload[0] & _BEGINS)
        if begins == is_open or start >= len(payload):
            return None
        if begins:
            frames.append(bytearray())
        frames[-1] += payload[start:]
        is_open = not payload[0] & _ENDS
    if not frames or is_open or len(frames) > _MOST_LAYERS:
        return None
    return bytes(frames[0]) if len(frames) == 1 else _superframe(frames)


def _superframe(frames: Sequence[bytearray]) -> bytes:
    width = max(1, (max(map(len, frames)).bit_length() + 7) // 8)
    marker = bytes((0xC0 | width - 1 << 3 | len(frames) - 1,))
    sizes = b"".join(len(frame).to_bytes(width, "little") for frame in frames)
    return b"".join(frames) + marker + sizes + marker
