"""VP8 frames from RTP payloads (RFC 7741)."""

from collections.abc import Sequence

from app.relay.core.vp8 import header_length


def join(payloads: Sequence[bytes]) -> bytes | None:
    """Return the frame, or None unless these payloads are one from its first byte on."""
    first = payloads[0] if payloads else b""
    if not first or first[0] & 0x17 != 0x10:  # S = 1 and the first partition
        return None
    frame = bytearray()
    for payload in payloads:
        try:
            start = header_length(memoryview(payload))
        except IndexError:
            return None
        if start >= len(payload):
            return None
        frame += payload[start:]
    return bytes(frame)
