"""Real encoded media, and RTP payloads made of it as a browser makes them."""

import functools
import math
from array import array
from fractions import Fraction

import av
from av.codec.context import CodecContext

PAYLOAD = 200
"""Bytes of a fragment: small, so that every frame has several."""
_ENCODERS = {
    "vp8": ("libvpx", {"deadline": "realtime"}),
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
    "h264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency"}),
    "av1": ("libsvtav1", {"preset": "12", "svtav1-params": "pred-struct=1:lp=1"}),
}
KEYS = {"vp8": "vp8", "vp9": "vp9/0", "h264": "h264/42e01f/1", "av1": "av1/0"}


@functools.cache
def pictures(
    codec: str, count: int = 30, size: tuple[int, int] = (160, 120)
) -> list[tuple[bytes, bool]]:
    """Return (frame, is a keyframe) of a moving picture; every tenth is a keyframe."""
    name, options = _ENCODERS[codec]
    encoder = CodecContext.create(name, "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", Fraction(1, 10), 10
    encoder.gop_size, encoder.options = 10, options
    packets = []
    for number in range(count):
        frame = av.VideoFrame(*size, "yuv420p")
        for plane in frame.planes:
            noise = bytes((row * 7 + number * 13) % 256 for row in range(plane.line_size))
            plane.update(noise * plane.height)
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return [(bytes(packet), packet.is_keyframe) for packet in packets]


@functools.cache
def tone(seconds: float, hertz: float = 440.0) -> list[bytes]:
    """Return Opus packets of 20 ms."""
    encoder = CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    packets = []
    for number in range(round(seconds * 50)):
        samples = array(
            "h",
            (
                round(9_000 * math.sin(2 * math.pi * hertz * n / 48_000))
                for n in range(number * 960, (number + 1) * 960)
            ),
        )
        frame = av.AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate, frame.pts = 48_000, number * 960
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


def payloads(codec: str, frame: bytes, keyframe: bool) -> list[bytes]:
    """Return the RTP payloads of one frame."""
    return {"vp8": _vp8, "vp9": _vp9, "h264": _h264, "av1": _av1}[codec](frame, keyframe)


def _pieces(data: bytes) -> list[bytes]:
    return [data[at : at + PAYLOAD] for at in range(0, len(data), PAYLOAD)]


def _vp8(frame: bytes, keyframe: bool) -> list[bytes]:
    # RFC 7741 §4.2: X, S; I with a picture id of 15 bits
    return [
        bytes((0x80 | (0x10 if number == 0 else 0), 0x80, 0x81, 0x23)) + piece
        for number, piece in enumerate(_pieces(frame))
    ]


def _vp9(frame: bytes, keyframe: bool) -> list[bytes]:
    # RFC 9628 §4.2: I, P, B, E; a keyframe's first packet has a scalability structure
    pieces = _pieces(frame)
    found = []
    for number, piece in enumerate(pieces):
        flags = 0x80 | (0 if keyframe else 0x40)
        flags |= (0x08 if number == 0 else 0) | (0x04 if number == len(pieces) - 1 else 0)
        structure = b""
        if keyframe and number == 0:
            flags |= 0x02
            # one spatial layer with its size; one picture in the group, with one reference
            structure = bytes((0x18, 0, 160, 0, 120, 1, 0x04, 1))
        found.append(bytes((flags, 0x81, 0x23)) + structure + piece)
    return found


def _h264(frame: bytes, keyframe: bool) -> list[bytes]:
    units = [unit for unit in _annex_b(frame) if unit[0] & 0x1F != 6]
    small = [unit for unit in units if unit[0] & 0x1F in (7, 8)]
    found = []
    if small:  # RFC 6184 §5.7.1: aggregated
        found.append(b"\x78" + b"".join(len(u).to_bytes(2) + u for u in small))
    for unit in units:
        if unit in small:
            continue
        if len(unit) <= PAYLOAD:
            found.append(unit)
            continue
        pieces = _pieces(unit[1:])
        for number, piece in enumerate(pieces):  # §5.8: fragments
            head = unit[0] & 0x1F
            head |= 0x80 if number == 0 else 0x40 if number == len(pieces) - 1 else 0
            found.append(bytes((unit[0] & 0xE0 | 28, head)) + piece)
    return found


def _annex_b(frame: bytes) -> list[bytes]:
    parts = frame.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]


def _av1(frame: bytes, keyframe: bool) -> list[bytes]:
    # AV1 RTP specification §4.3: W = 0, each element with its size; OBUs without theirs
    elements = [unit for unit in _obus(frame) if unit[0] >> 3 & 15 not in (2, 15)]
    found = []
    for place, unit in enumerate(elements):
        pieces = _pieces(unit)
        for number, piece in enumerate(pieces):
            flags = 0x80 if number else 0
            flags |= 0x40 if number < len(pieces) - 1 else 0
            flags |= 0x08 if keyframe and place == number == 0 else 0
            if number % 2:  # one element alone may leave its size out: W = 1
                found.append(bytes((flags | 0x10,)) + piece)
            else:
                found.append(bytes((flags,)) + _leb128(len(piece)) + piece)
    return found


def _obus(frame: bytes) -> list[bytes]:
    """Return the OBUs without their size fields."""
    found, at = [], 0
    while at < len(frame):
        head = frame[at]
        start = at + (2 if head & 4 else 1)
        size = shift = 0
        while True:
            byte = frame[start]
            start += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        extension = frame[at + 1 : at + 2] if head & 4 else b""
        found.append(bytes((head & ~2,)) + extension + frame[start : start + size])
        at = start + size
    return found


def _leb128(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))
