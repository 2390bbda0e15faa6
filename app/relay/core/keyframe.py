"""Where a keyframe begins, seen from RTP payloads without decoding.

Each function tells whether this packet is the first of a frame that a decoder can begin with.
"""

from collections.abc import Callable

_H264_IDR, _H264_SPS, _H264_STAP_A, _H264_FU_A = 5, 7, 24, 28


def is_vp8_start(payload: memoryview) -> bool:
    """RFC 7741 §4.2, §4.3: the first partition's first packet, whose frame tag has P = 0."""
    if not payload or payload[0] & 0x17 != 0x10:
        return False
    offset = 1
    if payload[0] & 0x80:
        if len(payload) < 2:
            return False
        flags = payload[1]
        offset = 2
        if flags & 0x80:
            if len(payload) < 3:
                return False
            offset += 2 if payload[2] & 0x80 else 1
        offset += (1 if flags & 0x40 else 0) + (1 if flags & 0x30 else 0)
    return len(payload) > offset and not payload[offset] & 1


def is_vp9_start(payload: memoryview) -> bool:
    """RFC 9628 §4.2: begins a frame (B) that is not inter-predicted (P = 0), lowest layer."""
    if not payload:
        return False
    flags = payload[0]
    if flags & 0x40 or not flags & 0x08:
        return False
    if not flags & 0x20:
        return True
    offset = 1
    if flags & 0x80:
        if len(payload) < 2:
            return False
        offset += 2 if payload[1] & 0x80 else 1
    return len(payload) > offset and payload[offset] >> 1 & 0x07 == 0


def is_h264_start(payload: memoryview) -> bool:
    """RFC 6184 §5: a sequence parameter set or the first fragment of an IDR slice.

    Encoders send SPS and PPS before each IDR picture, alone or aggregated, so the SPS is where a
    newcomer must begin; an IDR slice without one counts, too.
    """
    if not payload:
        return False
    kind = payload[0] & 0x1F
    if kind in (_H264_SPS, _H264_IDR):
        return True
    if kind == _H264_STAP_A:
        return _stap_has_start(payload)
    if kind == _H264_FU_A:
        return len(payload) > 1 and payload[1] & 0x9F == 0x80 | _H264_IDR
    return False


def _stap_has_start(payload: memoryview) -> bool:
    position = 1
    while position + 2 < len(payload):
        if payload[position + 2] & 0x1F in (_H264_SPS, _H264_IDR):
            return True
        position += 2 + int.from_bytes(payload[position : position + 2], "big")
    return False


def is_av1_start(payload: memoryview) -> bool:
    """AV1 RTP specification §4.4: N says that a coded video sequence begins here."""
    if not payload:
        return False
    aggregation = payload[0]
    if aggregation & 0x80:
        return False
    return bool(aggregation & 0x08)


_BY_NAME: dict[str, Callable[[memoryview], bool]] = {
    "vp8": is_vp8_start,
    "vp9": is_vp9_start,
    "h264": is_h264_start,
    "av1": is_av1_start,
}


def detector(codec_key: str) -> Callable[[memoryview], bool] | None:
    """Return the function for a ``Codec.key``, or None where every packet is a beginning."""
    return _BY_NAME.get(codec_key.partition("/")[0])
