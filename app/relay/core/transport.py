"""Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1)."""

import struct
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, compress
from typing import NamedTuple

DELTA_SECONDS = 0.00025
REFERENCE_SECONDS = 0.064
_TICKS_PER_REFERENCE = 256
_SMALL, _LARGE = 1, 2
_CAME = bytes(status in (_SMALL, _LARGE) for status in range(256))
_LOST = bytes(not came for came in _CAME)
_MAX_RUN = 0x1FFF
_HEAD, _CHUNK = struct.Struct("!HHI"), struct.Struct("!H")
MAX_STATUSES = 2_000
"""Numbers that one feedback may speak of; libwebrtc's speak of 100 ms."""
BACK_SECONDS = 0.5
"""How late a packet may be and still be told; libwebrtc's window."""
MAX_HOLE = 500
"""Numbers in a row that are told as lost."""


class Told(NamedTuple):
    """What one feedback says."""

    base: int
    """The first 16-bit number that it speaks of."""
    offsets: Sequence[int]
    """From ``base``, of the packets that came."""
    ticks: list[int]
    """When each of those came, in ``DELTA_SECONDS`` of the receiver's clock."""
    lost: list[int]
    """Offsets of those that did not come."""


def read(body: bytes) -> Told | None:
    """Return what a feedback says, None if it is malformed.

    ``body`` is what follows the RTCP header. Nothing is done per packet in the common case (none
    lost, none late): this runs many times a second for every subscriber.
    """
    if len(body) < 16:
        return None
    base, count = struct.unpack_from("!HH", body, 8)
    reference = int.from_bytes(body[12:15], "big", signed=True)
    if not 0 < count <= MAX_STATUSES:
        return None
    statuses, position = _read_chunks(body, count)
    if len(statuses) < count:
        return None
    lost: list[int] = []
    offsets: Sequence[int] = range(count)
    if 0 in statuses or 3 in statuses:
        offsets = list(compress(offsets, statuses.translate(_CAME)))
        lost = list(compress(range(count), statuses.translate(_LOST)))
    deltas: Sequence[int] | None = body[position : position + len(offsets)]
    if _LARGE in statuses:
        deltas = _read_deltas(body, position, statuses)
    if deltas is None or len(deltas) < len(offsets):
        return None
    start = reference * _TICKS_PER_REFERENCE
    return Told(base, offsets, list(accumulate(deltas, initial=start))[1:], lost)


def _read_deltas(body: bytes, position: int, statuses: bytes) -> list[int] | None:
    deltas = []
    for status in statuses:
        if status in (_SMALL, _LARGE):
            value = body[position : position + status]
            if len(value) < status:
                return None
            deltas.append(int.from_bytes(value, "big", signed=status == _LARGE))
            position += status
    return deltas


def _read_chunks(body: bytes, count: int) -> tuple[bytes, int]:
    """Return ``count`` statuses (fewer if the body ends) and where the deltas begin."""
    parts: list[bytes] = []
    known = 0
    position = 16
    while known < count and position + 2 <= len(body):
        chunk = body[position] << 8 | body[position + 1]
        position += 2
        if chunk & 0x8000:
            parts.append(_vector(chunk))
        else:
            parts.append(bytes((chunk >> 13,)) * min(chunk & _MAX_RUN, count - known))
        known += len(parts[-1])
    return b"".join(parts)[:count], position


@lru_cache(maxsize=4096)
def _vector(chunk: int) -> bytes:
    """Return the statuses of a status vector chunk: seven of two bits or fourteen of one."""
    if chunk & 0x4000:
        return bytes(chunk >> shift & 3 for shift in range(12, -1, -2))
    return bytes(chunk >> shift & 1 for shift in range(13, -1, -1))


def write(base: int, arrivals: Sequence[tuple[int, float]], serial: int) -> bytes:
    """Return the part of a feedback behind its SSRCs, padded to 32 bits.

    It speaks of the numbers from ``base`` to the last of ``arrivals``, which are (unwrapped
    number, seconds), ascending by number, within 8 s of each other and less than ``MAX_STATUSES``
    behind ``base``; ``serial`` counts feedbacks.
    """
    reference = int(arrivals[0][1] / REFERENCE_SECONDS)
    clock = round(reference * REFERENCE_SECONDS / DELTA_SECONDS)
    statuses = bytearray(arrivals[-1][0] - base + 1)
    deltas = bytearray()
    for number, time in arrivals:
        ticks = round(time / DELTA_SECONDS)
        delta = ticks - clock
        if 0 <= delta <= 0xFF:
            clock = ticks
            statuses[number - base] = _SMALL
            deltas.append(delta)
        else:
            delta = max(-0x8000, min(0x7FFF, delta))
            clock += delta
            statuses[number - base] = _LARGE
            deltas += delta.to_bytes(2, "big", signed=True)
    head = _HEAD.pack(base & 0xFFFF, len(statuses), (reference & 0xFFFFFF) << 8 | serial & 0xFF)
    body = head + _write_chunks(statuses) + deltas
    return body + bytes(-len(body) % 4)


def _write_chunks(statuses: bytearray) -> bytes:
    if len(statuses) <= _MAX_RUN and statuses.count(statuses[0]) == len(statuses):
        return _CHUNK.pack(statuses[0] << 13 | len(statuses))  # all came: most often
    chunks = bytearray()
    position = 0
    while position < len(statuses):
        status = statuses[position]
        end = position + 1
        while end < len(statuses) and statuses[end] == status and end - position < _MAX_RUN:
            end += 1
        if end - position >= 7 or end == len(statuses):
            chunks += _CHUNK.pack(status << 13 | end - position)
            position = end
            continue
        chunk = 0xC000
        for place, value in enumerate(statuses[position : position + 7]):
            chunk |= value << (12 - 2 * place)
        chunks += _CHUNK.pack(chunk)
        position += 7
    return bytes(chunks)


class Arrivals:
    """When a publisher's packets came, by their transport-wide numbers, until it is told.

    One that comes late, after a feedback said that it did not, is told with all that followed it,
    as libwebrtc's ``RemoteEstimatorProxy`` does: reordering must not look like loss.
    """

    __slots__ = ("_arrived", "_floor", "_from", "_highest", "_news", "_told", "serial")

    def __init__(self) -> None:
        self._highest = -1
        self._from = -1
        """The lowest number that the next feedback speaks of."""
        self._floor = -1
        """Below it nothing is remembered, and so nothing is told again."""
        self._told = -1
        """The highest that was told."""
        self._arrived: dict[int, float] = {}
        """In the order of arrival."""
        self._news: list[int] = []
        """Those of them that were not told."""
        self.serial = 0

    def add(self, number: int, now: float) -> None:
        """Note a 16-bit number; a repeat changes nothing."""
        highest = self._highest
        if highest < 0:
            index = self._from = self._floor = number + 0x10000
        else:
            index = highest + ((number - highest + 0x8000 & 0xFFFF) - 0x8000)
        arrived = self._arrived
        if index < self._floor or index in arrived or len(arrived) >= MAX_STATUSES:
            return
        arrived[index] = now
        self._news.append(index)
        if index > highest:
            self._highest = index
        elif index < self._from:
            self._from = index

    def __bool__(self) -> bool:
        return bool(self._news)

    def take(self) -> bytes | None:
        """Return the next feedback's body, or None if there is nothing to tell."""
        if not self._news:
            return None
        known = self._untold()
        # Numbers since the last feedback that did not come are told as lost, too; after a long
        # hole that would say nothing.
        base = self._from if known[0] - self._from < MAX_HOLE else known[0]
        arrived = self._arrived
        start = arrived[known[0]]
        arrivals = [
            (number, time)
            for number in known
            if number - base < MAX_STATUSES and -4.0 < (time := arrived[number]) - start < 4.0
        ]
        last = self._told = arrivals[-1][0]
        self._news = [number for number in known if number > last]
        self._from = last + 1
        self._forget(last)
        self.serial += 1
        return write(base, arrivals, self.serial - 1)

    def _untold(self) -> list[int]:
        """Return what is to be told, ascending; with one that is late all that follow it."""
        if self._from > self._told:
            return sorted(self._news)
        return sorted([number for number in self._arrived if number >= self._from])

    def _forget(self, last: int) -> None:
        """Remember what was told for a while only."""
        newest = self._arrived[last]
        old: list[int] = []
        for number, time in self._arrived.items():
            if newest - time <= BACK_SECONDS:
                break  # the rest came later
            if number <= last:
                old.append(number)
        for number in old:
            del self._arrived[number]
        if old:
            self._floor = max(self._floor, max(old) + 1)
