"""RTCP read and built: only what a forwarding relay needs (RFC 3550 §6, RFC 4585 §6, RFC 5104)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

SENDER_REPORT, RECEIVER_REPORT, SDES, BYE = 200, 201, 202, 203
TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK = 205, 206
_NACK, _TRANSPORT = 1, 15
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


@dataclass(slots=True)
class Compound:
    """What a compound packet says, in the order of its parts."""

    sender_reports: list[SenderReport] = field(default_factory=list)
    keyframe_requests: list[int] = field(default_factory=list)
    """SSRCs of media for which a PLI or FIR came."""
    goodbyes: list[int] = field(default_factory=list)
    nacked: list[tuple[int, int]] = field(default_factory=list)
    """(media SSRC, sequence number) of packets that generic NACKs name."""
    blocks: list[ReportBlock] = field(default_factory=list)
    """Of sender and receiver reports."""
    transport: list[bytes] = field(default_factory=list)
    """Bodies of transport-wide feedback, read by ``transport.read``."""
    estimates: list[int] = field(default_factory=list)
    """Bits per second of REMBs."""


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
        _read_blocks(count, body, 24, found)
    elif kind == RECEIVER_REPORT:
        _read_blocks(count, body, 4, found)
    elif kind == BYE:
        fitting = min(count, len(body) // 4)
        found.goodbyes.extend(struct.unpack_from(f"!{fitting}I", body))
    elif kind == PAYLOAD_FEEDBACK:
        _read_payload_feedback(count, body, found)
    elif kind == TRANSPORT_FEEDBACK and count == _NACK:
        _read_nacks(body, found)
    elif kind == TRANSPORT_FEEDBACK and count == _TRANSPORT:
        found.transport.append(body)


def _read_blocks(count: int, body: bytes, start: int, found: Compound) -> None:
    for offset in range(start, min(len(body) - 23, start + 24 * count), 24):
        ssrc, loss, highest, jitter, last, delay = struct.unpack_from("!IIIIII", body, offset)
        found.blocks.append(
            ReportBlock(ssrc, loss >> 24, loss & 0xFFFFFF, highest, jitter, last, delay)
        )


def _read_nacks(body: bytes, found: Compound) -> None:
    ssrc = int.from_bytes(body[4:8], "big")
    for offset in range(8, len(body) - 3, 4):
        first, mask = struct.unpack_from("!HH", body, offset)
        found.nacked.append((ssrc, first))
        for bit in range(16):
            if mask >> bit & 1:
                found.nacked.append((ssrc, first + bit + 1 & 0xFFFF))


def _read_payload_feedback(count: int, body: bytes, found: Compound) -> None:
    if count == _PLI and len(body) >= 8:
        found.keyframe_requests.append(int.from_bytes(body[4:8], "big"))
    elif count == _FIR:
        # RFC 5104 §4.3.1: the media SSRC of the header is 0, each entry names its own.
        for offset in range(8, len(body) - 7, 8):
            found.keyframe_requests.append(int.from_bytes(body[offset : offset + 4], "big"))
    elif count == _APPLICATION and body[8:12] == b"REMB" and len(body) >= 16:
        word = int.from_bytes(body[12:16], "big")
        found.estimates.append((word & 0x3FFFF) << (word >> 18 & 0x3F))


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


def negative_acknowledgement(ssrc: int, indices: Sequence[int]) -> bytes:
    """Return a generic NACK: please send these packets again (RFC 4585 §6.2.1).

    ``indices`` ascend; their low 16 bits are the sequence numbers.
    """
    entries: list[tuple[int, int]] = []
    for index in indices:
        if entries and index - entries[-1][0] <= 16:
            first, mask = entries[-1]
            entries[-1] = (first, mask | 1 << (index - first - 1))
        else:
            entries.append((index, 0))
    body = struct.pack("!II", OWN_SSRC, ssrc)
    body += b"".join(struct.pack("!HH", first & 0xFFFF, mask) for first, mask in entries)
    return _packet(_NACK, TRANSPORT_FEEDBACK, body)


def transport_feedback(ssrc: int, body: bytes) -> bytes:
    """Return transport-wide feedback with a body made by ``transport.write``."""
    return _packet(_TRANSPORT, TRANSPORT_FEEDBACK, struct.pack("!II", OWN_SSRC, ssrc) + body)
