"""Repeats for one subscriber: NACKs answered from its lines' rings (RFC 4585, RFC 4588)."""

import secrets
from dataclasses import dataclass

from app.relay.core.ring import Sent
from app.relay.core.rtp import ONE_BYTE, TRANSPORT_WIDE_URI
from app.relay.core.sink import Variant
from app.relay.core.subscription import Subscription

MAX_TIMES = 8
"""Repeats of one packet."""
MIN_PAUSE = 0.02
"""Seconds between two repeats of one packet, unless the round trip is known to be longer."""
PER_SECOND = 500.0
BURST = 250.0
"""Packets: what a second of 8 Mbit/s video loses at half its packets."""
_MAX_REMEMBERED = 512
_START_BELOW = 1 << 14


@dataclass(frozen=True, slots=True)
class Repeat:
    """One packet to seal and send."""

    packet: bytes
    header: int
    index: int
    """Its SRTP index."""


class Repeats:
    """Decides what is sent again, and makes it. One per peer, made at its first NACK or probe."""

    def __init__(self) -> None:
        self._tokens = BURST
        self._filled = 0.0
        self._times: dict[tuple[int, int], tuple[int, float]] = {}
        """(SSRC, line index) → (times sent again, when last)."""
        self._rtx_indices: dict[int, int] = {}
        """Next index of each RTX SSRC."""

    def find(
        self, subscription: Subscription, sequence: int, now: float, rtt: float | None
    ) -> tuple[Sent, Variant] | None:
        """Return what answers a NACK, or None where it must not or cannot be answered."""
        found = subscription.find(sequence)
        if found is None:
            return None
        self._tokens = min(BURST, self._tokens + (now - self._filled) * PER_SECOND)
        self._filled = now
        key = (subscription.section.ssrc, found[0].number + found[1].shift)
        times, last = self._times.get(key, (0, float("-inf")))
        pause = max(MIN_PAUSE, 0.7 * rtt) if rtt is not None else MIN_PAUSE
        if self._tokens < 1 or times >= MAX_TIMES or now - last < pause:
            return None
        self._tokens -= 1
        self._times.pop(key, None)
        self._times[key] = (times + 1, now)
        if len(self._times) > _MAX_REMEMBERED:
            del self._times[next(iter(self._times))]
        return found

    def make(
        self, subscription: Subscription, sent: Sent, variant: Variant, number: bytes
    ) -> Repeat:
        """Return the repeat: by RTX with the transport-wide ``number`` where it was negotiated,
        else the identical packet."""
        data = bytearray(sent.data)
        variant.apply(data, sent.number, sent.picture_at, sent.tl0_at)
        payload_type = rtx_type(subscription, data[1] & 0x7F)
        if not payload_type:
            return Repeat(bytes(data), sent.header, sent.number + variant.shift)
        ssrc = subscription.section.rtx_ssrc
        index = self.next_index(ssrc)
        original = bytes(data[2:4])
        data[1] = data[1] & 0x80 | payload_type
        data[2:4] = (index & 0xFFFF).to_bytes(2, "big")
        data[8:12] = ssrc.to_bytes(4, "big")
        _renumber(data, sent.header, subscription.section.extension_id(TRANSPORT_WIDE_URI), number)
        packet = bytes(data[: sent.header]) + original + bytes(data[sent.header :])
        return Repeat(packet, sent.header, index)

    def next_index(self, ssrc: int) -> int:
        """Return an index of an RTX SSRC that was never given out."""
        index = self._rtx_indices.get(ssrc)
        if index is None:
            index = secrets.randbelow(_START_BELOW)
        self._rtx_indices[ssrc] = index + 1
        return index


def rtx_type(subscription: Subscription, payload_type: int) -> int:
    """Return the payload type that repeats ``payload_type``, or 0 without RTX."""
    if not subscription.section.rtx_ssrc:
        return 0
    return next(
        (
            codec.payload_type
            for codec in subscription.section.codecs
            if codec.key == "rtx" and codec.apt == payload_type
        ),
        0,
    )


def _renumber(data: bytearray, header: int, wanted: int, number: bytes) -> None:
    """Put another transport-wide number into a packet that has one."""
    if not wanted or not data[0] & 0x10:
        return
    is_one_byte = data[12] << 8 | data[13] == ONE_BYTE
    position = 16
    while position + 2 < header:
        if not data[position]:
            position += 1
            continue
        if is_one_byte:
            ident, start = data[position] >> 4, position + 1
            size = (data[position] & 0x0F) + 1
        else:
            ident, start, size = data[position], position + 2, data[position + 1]
        if ident == wanted:
            data[start : start + 2] = number
            return
        position = start + size
