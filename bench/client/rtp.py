"""RTP and RTCP as a browser sends them, with synthetic VP8 and Opus payloads."""

import struct
import zlib
from dataclasses import dataclass

from pylibsrtp import Policy, Session

from app.relay.core.media import SrtpKeys
from bench.client.sdp import (
    ABS_SEND_TIME_ID,
    AUDIO_LEVEL_ID,
    MID_ID,
    OPUS,
    TRANSPORT_ID,
    VP8,
)

HEADER_BYTES = 12
AUDIO_CLOCK, VIDEO_CLOCK = 48_000, 90_000
_VP8_DESCRIPTOR = 4  # X, I, then a picture id of 15 bits (RFC 7741 §4.2)
_KEYFRAME = bytes((0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0xC0, 0x03, 0x1C, 0x02))  # 960 x 540
_INTERFRAME = bytes((0x11, 0x02, 0x00))
CHECKSUM_BYTES = 4
_SENDER_REPORT, _PSFB, _PLI, _FIR = 200, 206, 1, 4
_PADDING_BIT, _EXTENSION_BIT = 0x20, 0x10


def session(keys: SrtpKeys, outgoing: bool) -> Session:
    """Return libsrtp's session for one direction."""
    profile = (
        Policy.SRTP_PROFILE_AEAD_AES_128_GCM
        if keys.profile == "AEAD_AES_128_GCM"
        else Policy.SRTP_PROFILE_AES128_CM_SHA1_80
    )
    material = keys.send_key + keys.send_salt if outgoing else keys.receive_key + keys.receive_salt
    kind = Policy.SSRC_ANY_OUTBOUND if outgoing else Policy.SSRC_ANY_INBOUND
    policy = Policy(key=material, ssrc_type=kind, srtp_profile=profile)
    policy.window_size = 1024
    return Session(policy)


@dataclass(slots=True)
class TransportNumbers:
    """The transport-wide count of one publisher: all its lines share it."""

    next: int = 1

    def take(self) -> bytes:
        """Return the next number as a header extension element."""
        number, self.next = self.next, (self.next + 1) & 0xFFFF
        return bytes((TRANSPORT_ID << 4 | 1,)) + number.to_bytes(2, "big")


@dataclass(slots=True)
class Line:
    """One outgoing RTP stream: its SSRC and running numbers."""

    ssrc: int
    payload_type: int
    mid: str
    sequence: int = 1000
    timestamp: int = 0
    packets: int = 0
    payload_bytes: int = 0
    numbers: TransportNumbers | None = None

    @property
    def overhead(self) -> int:
        """What ``packet`` puts before a payload of video (with audio's level it is the same)."""
        return OVERHEAD_BYTES + (0 if self.numbers is None else 4)

    def packet(self, payload: bytes, marker: bool, now: float, level: int | None = None) -> bytes:
        """Return the next packet, with the extensions that the offer announced."""
        fraction = int(now * (1 << 18)) & 0xFFFFFF  # 6.18 seconds
        extensions = bytes((ABS_SEND_TIME_ID << 4 | 2,)) + fraction.to_bytes(3, "big")
        if level is not None:
            extensions += bytes((AUDIO_LEVEL_ID << 4, level))
        if self.numbers is not None:
            extensions += self.numbers.take()
        mid = self.mid.encode()
        extensions += bytes((MID_ID << 4 | len(mid) - 1,)) + mid
        extensions += bytes(-len(extensions) % 4)
        header = struct.pack(
            "!BBHIIHH",
            0x80 | _EXTENSION_BIT,
            marker << 7 | self.payload_type,
            self.sequence,
            self.timestamp,
            self.ssrc,
            0xBEDE,
            len(extensions) // 4,
        )
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.packets += 1
        self.payload_bytes += len(payload)
        return header + extensions + payload

    def sender_report(self, wall: float) -> bytes:
        """Return an RTCP sender report (RFC 3550 §6.4.1)."""
        ntp = int((wall + 2_208_988_800) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
        return struct.pack(
            "!BBHIQIII",
            0x80,
            200,
            6,
            self.ssrc,
            ntp,
            self.timestamp,
            self.packets & 0xFFFFFFFF,
            self.payload_bytes & 0xFFFFFFFF,
        )


OVERHEAD_BYTES = HEADER_BYTES + 4 + 8
"""``Line.overhead`` without transport-wide numbers."""


class Vp8Source:
    """Frames whose every packet ends in a checksum of its content, so that a receiver can tell
    that what it opened is what was sent, whatever was rewritten before it."""

    def __init__(self, ssrc: int, mid: str, numbers: TransportNumbers | None = None) -> None:
        self.line = Line(ssrc, VP8, mid, numbers=numbers)
        self._picture = 0
        self._keyframe_asked = True

    def ask_keyframe(self) -> None:
        """Make the next frame a keyframe, as a picture loss indication does."""
        self._keyframe_asked = True

    def frame(self, sizes: list[int], ticks: int, now: float) -> list[bytes]:
        """Return the packets of the next frame, RTP packets of ``sizes`` bytes each."""
        start = _KEYFRAME if self._keyframe_asked else _INTERFRAME
        self._keyframe_asked = False
        self.line.timestamp = (self.line.timestamp + ticks) & 0xFFFFFFFF
        self._picture = (self._picture + 1) & 0x7FFF
        packets = []
        for index, size in enumerate(sizes):
            descriptor = struct.pack(
                "!BBH", 0x90 if index == 0 else 0x80, 0x80, 0x8000 | self._picture
            )
            seed = struct.pack("!HH", self._picture, index)
            body = (start if index == 0 else b"") + seed
            body += bytes(size - self.line.overhead - len(descriptor) - len(body) - CHECKSUM_BYTES)
            body += zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "big")
            last = index == len(sizes) - 1
            packets.append(self.line.packet(descriptor + body, last, now))
        return packets


class OpusSource:
    """Packets of 20 ms with the same checksum."""

    PAYLOAD_BYTES = 80

    def __init__(self, ssrc: int, mid: str, numbers: TransportNumbers | None = None) -> None:
        self.line = Line(ssrc, OPUS, mid, numbers=numbers)
        self._count = 0

    def packet(self, now: float) -> bytes:
        """Return the next packet."""
        self.line.timestamp = (self.line.timestamp + AUDIO_CLOCK // 50) & 0xFFFFFFFF
        self._count = (self._count + 1) & 0xFFFFFFFF
        body = b"\xfc" + self._count.to_bytes(4, "big")  # TOC: CELT, full band, 20 ms, stereo
        body += bytes(self.PAYLOAD_BYTES - len(body) - CHECKSUM_BYTES)
        body += zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "big")
        return self.line.packet(body, False, now, level=40)


def payload(packet: bytes) -> bytes:
    """Return what an opened RTP packet carries, without its padding."""
    start = HEADER_BYTES + 4 * (packet[0] & 0x0F)
    if packet[0] & _EXTENSION_BIT:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
    end = len(packet) - (packet[-1] if packet[0] & _PADDING_BIT else 0)
    return packet[start:end]


def checksum(packet: bytes) -> bytes | None:
    """Return the checksum of an opened RTP packet's content, or None where the content is not one
    that the sources here made."""
    content = payload(packet)
    if packet[1] & 0x7F == VP8:
        content = content[_VP8_DESCRIPTOR:]
    if len(content) <= CHECKSUM_BYTES:
        return None
    expected = content[-CHECKSUM_BYTES:]
    return (
        expected if zlib.crc32(content[:-CHECKSUM_BYTES]).to_bytes(4, "big") == expected else None
    )


def is_intact(packet: bytes) -> bool:
    """Tell whether an opened RTP packet carries a payload as the sources here made it."""
    return checksum(packet) is not None


def asks_keyframe(rtcp: bytes) -> bool:
    """Tell whether an opened compound RTCP packet has a PLI or FIR (RFC 4585, RFC 5104)."""
    while len(rtcp) >= 4:
        fmt, kind = rtcp[0] & 0x1F, rtcp[1]
        if kind == _PSFB and fmt in (_PLI, _FIR):
            return True
        rtcp = rtcp[4 * (int.from_bytes(rtcp[2:4], "big") + 1) :]
    return False


def receiver_report(sender: int, blocks: list[tuple[int, int, int, int, int]]) -> bytes:
    """Return an RTCP receiver report; blocks are (SSRC, packets lost, highest sequence, LSR, DLSR):
    the last two say by which sender report the server may tell its round trip (RFC 3550 §6.4.1)."""
    body = struct.pack("!BBHI", 0x80 | len(blocks), 201, 1 + 6 * len(blocks), sender)
    for ssrc, lost, highest, reported, since in blocks:
        body += struct.pack("!IIIIII", ssrc, lost & 0xFFFFFF, highest, 0, reported, since)
    return body


def sender_reports(rtcp: bytes) -> list[tuple[int, int]]:
    """Return (SSRC, middle 32 bits of its clock) of every sender report in an opened compound."""
    found = []
    while len(rtcp) >= 20:
        if rtcp[1] == _SENDER_REPORT:
            found.append((int.from_bytes(rtcp[4:8], "big"), int.from_bytes(rtcp[10:14], "big")))
        rtcp = rtcp[4 * (int.from_bytes(rtcp[2:4], "big") + 1) :]
    return found


def is_rtcp(packet: bytes) -> bool:
    """Tell RTCP from RTP on one port (RFC 5761 §4)."""
    return 192 <= packet[1] <= 223
