"""What a browser does about loss and its link: NACK, RTX, transport-wide feedback, REMB.

Written from the specifications and not with the relay's own code, so that each checks the other.
"""

import struct
from collections import OrderedDict

from bench.client.rtp import HEADER_BYTES

_RTPFB, _PSFB = 205, 206
_NACK, _TRANSPORT, _AFB = 1, 15, 15
_TICKS_PER_SECOND = 4_000  # a delta's unit is 250 us
_TICKS_PER_REFERENCE = 256  # of 64 ms
_SMALL, _LARGE = 1, 2
_SYMBOLS_PER_CHUNK = 7
_KEPT = 600
_ASKS = 10
_MAX_MISSING = 200
_EXTENSION_BIT = 0x10


class Feedback:
    """Transport-wide numbers and when they came (draft-holmer-rmcat-transport-wide-cc-01 §3.1)."""

    def __init__(self) -> None:
        self._came: list[tuple[int, float]] = []
        self._top = -1
        self._next = -1
        self._count = 0

    def came(self, number: int, now: float) -> None:
        """Note a packet's 16-bit number."""
        top = self._top
        if top >= 0:
            number = top + ((number - top + 0x8000 & 0xFFFF) - 0x8000)
        if number > top:
            self._top = number
        self._came.append((number, now))

    def take(self, sender: int, media: int) -> bytes | None:
        """Return the feedback of all since the last call; None if nothing came."""
        if not self._came:
            return None
        came, self._came = sorted(self._came), []
        base = self._next if 0 <= self._next <= came[0][0] else came[0][0]
        self._next = came[-1][0] + 1
        reference = int(came[0][1] * _TICKS_PER_SECOND) // _TICKS_PER_REFERENCE
        statuses, deltas, clock, due = [], b"", reference * _TICKS_PER_REFERENCE, base
        for number, at in came:
            if number < due:
                continue  # a second copy
            statuses += [0] * (number - due)
            delta = int(at * _TICKS_PER_SECOND) - clock
            is_small = 0 <= delta <= 0xFF
            delta = max(-0x8000, min(0x7FFF, delta))
            statuses.append(_SMALL if is_small else _LARGE)
            deltas += (
                delta.to_bytes(1, "big") if is_small else delta.to_bytes(2, "big", signed=True)
            )
            clock += delta
            due = number + 1
        body = struct.pack("!HH", base & 0xFFFF, len(statuses))
        body += (reference & 0xFFFFFF).to_bytes(3, "big") + bytes((self._count,))
        self._count = self._count + 1 & 0xFF
        body += _chunks(statuses) + deltas
        body += bytes(-len(body) % 4)
        return _packet(_RTPFB, _TRANSPORT, sender, media, body)


def _chunks(statuses: list[int]) -> bytes:
    """A run-length chunk where all are alike, as most often, else vectors of two-bit symbols."""
    if len(set(statuses)) == 1:
        return struct.pack("!H", statuses[0] << 13 | len(statuses))
    chunks = b""
    for start in range(0, len(statuses), _SYMBOLS_PER_CHUNK):
        part = statuses[start : start + _SYMBOLS_PER_CHUNK]
        word = 0xC000
        for place, status in enumerate(part):
            word |= status << 12 - 2 * place
        chunks += struct.pack("!H", word)
    return chunks


class Missing:
    """Sequence numbers of one line that did not come, asked for until they do (RFC 4585 §6.2.1)."""

    def __init__(self) -> None:
        self.highest = -1
        self._asked: OrderedDict[int, int] = OrderedDict()

    def came(self, sequence: int) -> list[int]:
        """Note a packet; return the numbers that it shows to be missing."""
        top = self.highest
        if top < 0:
            self.highest = sequence
            return []
        ahead = (sequence - top + 0x8000 & 0xFFFF) - 0x8000
        if ahead <= 0:
            self._asked.pop(sequence, None)
            return []
        self.highest = sequence
        if ahead == 1:
            return []
        holes = [top + n & 0xFFFF for n in range(1, min(ahead, _MAX_MISSING))]
        self._asked.update(dict.fromkeys(holes, 1))
        return holes

    def repaired(self, sequence: int | None) -> bool:
        """Note a repeat; True if it was missing. None: one that was not opened, so presumably of
        what was asked for first."""
        if sequence is None:
            sequence = next(iter(self._asked), -1)
        return self._asked.pop(sequence, None) is not None

    def due(self) -> list[int]:
        """Return what to ask for again; what was asked for often enough is given up."""
        if not self._asked:
            return []
        again = [n for n, asked in self._asked.items() if asked > 1]
        self._asked = OrderedDict((n, c + 1) for n, c in self._asked.items() if c < _ASKS)
        return again


def nack(sender: int, media: int, missing: list[int]) -> bytes:
    """Return a negative acknowledgement (RFC 4585 §6.2.1)."""
    items: list[tuple[int, int]] = []
    for number in missing:
        if items and 0 < (number - items[-1][0] & 0xFFFF) <= 16:
            first, mask = items[-1]
            items[-1] = (first, mask | 1 << (number - first & 0xFFFF) - 1)
        else:
            items.append((number, 0))
    body = b"".join(struct.pack("!HH", *item) for item in items)
    return _packet(_RTPFB, _NACK, sender, media, body)


def estimate(sender: int, media: list[int], bps: int) -> bytes:
    """Return a REMB (draft-alvestrand-rmcat-remb-03 §2.2)."""
    exponent = max(0, bps.bit_length() - 18)
    word = exponent << 18 | bps >> exponent
    body = b"REMB" + bytes((len(media),)) + word.to_bytes(3, "big")
    body += b"".join(ssrc.to_bytes(4, "big") for ssrc in media)
    return _packet(_PSFB, _AFB, sender, 0, body)


def nacked(compound: bytes) -> list[tuple[int, int]]:
    """Return (SSRC, sequence) of all that an opened RTCP compound asks for."""
    found = []
    while len(compound) >= 4:
        size = 4 * (int.from_bytes(compound[2:4], "big") + 1)
        if compound[1] == _RTPFB and compound[0] & 0x1F == _NACK:
            ssrc = int.from_bytes(compound[8:12], "big")
            for at in range(12, min(size, len(compound)) - 3, 4):
                first, mask = struct.unpack_from("!HH", compound, at)
                bits = [n for n in range(16) if mask >> n & 1]
                found += [(ssrc, first)] + [(ssrc, first + n + 1 & 0xFFFF) for n in bits]
        compound = compound[size:]
    return found


class History:
    """A publisher's last packets of video, to be repeated by RTX (RFC 4588 §4)."""

    def __init__(self, ssrc: int, payload_type: int) -> None:
        self._ssrc = ssrc
        self._payload_type = payload_type
        self._sequence = 0
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def keep(self, packet: bytes) -> None:
        self._kept[int.from_bytes(packet[2:4], "big")] = packet
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def repeat(self, sequence: int) -> bytes | None:
        """Return the plain repeat of a packet, None if it is not kept."""
        packet = self._kept.get(sequence)
        if packet is None:
            return None
        start = _header_length(packet)
        number = self._sequence.to_bytes(2, "big")
        self._sequence = self._sequence + 1 & 0xFFFF
        kind = bytes((packet[1] & 0x80 | self._payload_type,))
        head = packet[:1] + kind + number + packet[4:8] + self._ssrc.to_bytes(4, "big")
        return head + packet[HEADER_BYTES:start] + packet[2:4] + packet[start:]


def original(repeat: bytes, payload_type: int) -> tuple[int, bytes] | None:
    """Return the number and the packet that an opened repeat holds, None for nothing (a probe)."""
    start = _header_length(repeat)
    padding = repeat[-1] if repeat[0] & 0x20 else 0
    if len(repeat) - padding < start + 2:
        return None
    sequence = int.from_bytes(repeat[start : start + 2], "big")
    head = repeat[:1] + bytes((repeat[1] & 0x80 | payload_type,)) + repeat[start : start + 2]
    return sequence, head + repeat[4:start] + repeat[start + 2 :]


def element_at(packet: bytes, ident: int) -> int:
    """Return where the value of a one-byte header extension element begins; 0 if it has none.

    It reads sealed packets, too: SRTP leaves the header as it is.
    """
    at = HEADER_BYTES + 4 * (packet[0] & 0x0F)
    if not packet[0] & _EXTENSION_BIT or packet[at : at + 2] != b"\xbe\xde":
        return 0
    stop = at + 4 + 4 * int.from_bytes(packet[at + 2 : at + 4], "big")
    at += 4
    while at < stop:
        head = packet[at]
        if head >> 4 == ident:
            return at + 1
        at += 1 if not head else (head & 0x0F) + 2
    return 0


def _header_length(packet: bytes) -> int:
    start = HEADER_BYTES + 4 * (packet[0] & 0x0F)
    if packet[0] & _EXTENSION_BIT:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
    return start


def _packet(kind: int, form: int, sender: int, media: int, body: bytes) -> bytes:
    return struct.pack("!BBHII", 0x80 | form, kind, 2 + len(body) // 4, sender, media) + body
