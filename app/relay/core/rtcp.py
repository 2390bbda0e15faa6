"""RTCP read and built: only what a forwarding relay needs (RFC 3550 §6, RFC 4585 §6, RFC 5104)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

SENDER_REPORT, RECEIVER_REPORT, SDES, BYE = 200, 201, 202, 203
TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK = 205, 206
_NACK = 1
_PLI, _FIR, _APPLICATION = 1, 4, 15
MAX_PACKETS = 64
"""In one compound: a datagram could hold 370 empty ones; real ones hold a handful."""

OWN_SSRC = 1
"""Who speaks in reports and feedback of the relay, which sends no media to a presenter."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    ssrc: int
    ntp: int
    timestamp: int


@dataclass(slots=True)
class Compound:
    """What a compound packet says, in the order of its parts."""

    sender_reports: list[SenderReport] = field(default_factory=list)
    keyframe_requests: list[int] = field(default_factory=list)
    """SSRCs of media for which a PLI or FIR came."""
    goodbyes: list[int] = field(default_factory=list)
    nacked: int = 0
    """Packets that generic NACKs name."""


def parse(data: bytes) -> Compound | None:
    """Return what ``data`` says, or None if it is malformed; unknown parts are passed over."""
    found = Compound()
    position = 0
    for _ in range(MAX_PACKETS):
        if position == len(data):
            return found
        if position + 4 > len(data) or data[position] >> 6 != 2:
            return None
        end = position + 4 + 4 * int.from_bytes(data[position + 2 : position + 4], "big")
        if end > len(data):
            return None
        _read(data[position] & 0x1F, data[position + 1], data[position + 4 : end], found)
        position = end
    return None


def _read(count: int, kind: int, body: bytes, found: Compound) -> None:
    if kind == SENDER_REPORT and len(body) >= 24:
        ssrc, ntp, timestamp = struct.unpack_from("!IQI", body)
        found.sender_reports.append(SenderReport(ssrc, ntp, timestamp))
    elif kind == BYE:
        fitting = min(count, len(body) // 4)
        found.goodbyes.extend(struct.unpack_from(f"!{fitting}I", body))
    elif kind == PAYLOAD_FEEDBACK:
        _read_payload_feedback(count, body, found)
    elif kind == TRANSPORT_FEEDBACK and count == _NACK:
        for offset in range(8, len(body) - 3, 4):
            mask = int.from_bytes(body[offset + 2 : offset + 4], "big")
            found.nacked += 1 + mask.bit_count()


def _read_payload_feedback(count: int, body: bytes, found: Compound) -> None:
    if count == _PLI and len(body) >= 8:
        found.keyframe_requests.append(int.from_bytes(body[4:8], "big"))
    elif count == _FIR:
        # RFC 5104 §4.3.1: the media SSRC of the header is 0, each entry names its own.
        for offset in range(8, len(body) - 7, 8):
            found.keyframe_requests.append(int.from_bytes(body[offset : offset + 4], "big"))


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """One source in a receiver report (RFC 3550 §6.4.1)."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    """The middle 32 bits of the last sender report's NTP timestamp, or 0."""
    delay: int
    """Since that report came, in 1/65536 s."""


def _packet(count: int, kind: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def receiver_report(blocks: Sequence[ReportBlock]) -> bytes:
    """Return a report on at most 31 sources."""
    body = struct.pack("!I", OWN_SSRC)
    for block in blocks:
        lost = min(block.lost, 0x7FFFFF)
        body += struct.pack(
            "!IIIIII",
            block.ssrc,
            block.fraction_lost << 24 | lost,
            block.highest,
            block.jitter & 0xFFFFFFFF,
            block.last_report,
            block.delay & 0xFFFFFFFF,
        )
    return _packet(len(blocks), RECEIVER_REPORT, body)


def sender_report(ssrc: int, ntp: int, timestamp: int, packets: int, octets: int) -> bytes:
    """Return a sender report without report blocks."""
    body = struct.pack("!IQIII", ssrc, ntp, timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return _packet(0, SENDER_REPORT, body)


def source_description(ssrc: int, cname: str) -> bytes:
    """Return an SDES packet that gives ``ssrc`` its canonical name (RFC 3550 §6.5.1)."""
    name = cname.encode()[:255]
    chunk = struct.pack("!IBB", ssrc, 1, len(name)) + name
    # At least one null ends the list of items, then up to the next 32-bit boundary.
    return _packet(1, SDES, chunk + bytes(4 - len(chunk) % 4))


def picture_loss(ssrc: int) -> bytes:
    """Return a PLI: please send a keyframe of ``ssrc`` (RFC 4585 §6.3.1)."""
    return _packet(_PLI, PAYLOAD_FEEDBACK, struct.pack("!II", OWN_SSRC, ssrc))


def bitrate_estimate(bitrate_bps: int, ssrcs: Sequence[int]) -> bytes:
    """Return a REMB: ``ssrcs`` together may use this much (draft-alvestrand-rmcat-remb §2.2)."""
    exponent = max(0, bitrate_bps.bit_length() - 18)
    mantissa = bitrate_bps >> exponent
    word = len(ssrcs) << 24 | exponent << 18 | mantissa
    body = struct.pack("!II4sI", OWN_SSRC, 0, b"REMB", word)
    return _packet(_APPLICATION, PAYLOAD_FEEDBACK, body + struct.pack(f"!{len(ssrcs)}I", *ssrcs))
