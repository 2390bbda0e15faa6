"""Where the sealed packets of a batch go: side by side for several sinks, one run at a time."""

import struct
from collections import deque
from collections.abc import Sequence
from itertools import chain, cycle, repeat
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.relay.core.batch import STRIDE, Batch
from app.relay.core.row import ROW_SINKS
from app.relay.core.srtp import GCM_TAG

OUT_BYTES = 256 * 1024
"""Of packets that are sealed before they are sent: a quarter of a core's second cache. The longest
batch is less than half of it."""

Runs = Sequence[tuple[int, int]]
"""(first, past last) slots of what one UDP_SEGMENT send can carry, each."""

_seal, _seal_new = AESGCM.encrypt_into, AESGCM.encrypt
_SSRC = struct.Struct("!I")
_BEFORE_THE_FIRST = (b"",)
_NO_TAG = bytes(GCM_TAG)


class Step(NamedTuple):
    """One run of several packets, laid out for some sinks."""

    numbers: list[int]
    """SSRC << 48 | SRTP index of each packet."""
    plains: list[bytes]
    headers: list[bytes]
    """As bytes: to look into a view costs each sealing more than copying once."""
    sealed: list[memoryview]
    """Where each sealed payload goes, sink by sink."""
    out: memoryview
    length: int
    """Of what goes to one sink."""
    segment: int
    last: int
    """Past the last slot."""

    def parts(self) -> list[tuple[int, bytes, bytes, memoryview]]:
        """Return (number, plain, header, sealed) of each packet in the first place."""
        columns = (self.numbers, self.plains, self.headers, self.sealed)
        return list(zip(*columns, strict=False))

    def seal(self, ciphers: Sequence[AESGCM], nonces: Sequence[Sequence[bytes]]) -> memoryview:
        """Seal the run for some sinks; return what goes to them, one behind the other.

        ``nonces`` has for each packet one of each sink. All of it runs in C: a loop of the
        interpreter costs a third of a sealing.
        """
        # sink by sink: OpenSSL finds a key where it was a packet before
        by_packet = chain.from_iterable(map(repeat, ciphers, repeat(len(self.numbers))))
        of_packet = chain.from_iterable(zip(*nonces, strict=True))
        plains, headers = cycle(self.plains), cycle(self.headers)
        work = map(_seal, by_packet, of_packet, plains, headers, self.sealed)
        deque(work, maxlen=0)
        return self.out[: self.length * len(ciphers)]


class Lone:
    """As ``Step``, for a run of one packet: nothing is laid out before it is sealed.

    What is sealed comes as new bytes here, and one join puts the header before each: a fifth fewer
    instructions than with a place for each. (With several headers to put in turn it would be more.)
    """

    __slots__ = ("_header", "_out", "_plain", "last", "length", "numbers", "segment")

    def __init__(
        self, batch: Batch, source: memoryview, slot: int, shift: int, out: memoryview
    ) -> None:
        start = slot * STRIDE
        size = batch.lengths[slot]
        body = start + batch.headers[slot]
        self._header, self._plain = bytes(source[start:body]), bytes(source[body : start + size])
        self._out = out
        (ssrc,) = _SSRC.unpack_from(self._header, 8)
        self.numbers = [ssrc << 48 | batch.indices[slot] + shift]
        self.length = self.segment = size + GCM_TAG
        self.last = slot + 1

    @property
    def out(self) -> memoryview:
        return self._out[: self.length]

    def parts(self) -> list[tuple[int, bytes, bytes, memoryview]]:
        """As ``Step.parts``."""
        header = self._header
        self._out[: len(header)] = header
        sealed = self._out[len(header) : self.length]
        return [(self.numbers[0], self._plain, header, sealed)]

    def seal(self, ciphers: Sequence[AESGCM], nonces: Sequence[Sequence[bytes]]) -> memoryview:
        """As ``Step.seal``."""
        header = self._header
        sealed = map(_seal_new, ciphers, nonces[0], repeat(self._plain), repeat(header))
        out = self._out[: self.length * len(ciphers)]
        out[:] = header.join(chain(_BEFORE_THE_FIRST, sealed))
        return out


def abreast(batch: Batch, sinks: int) -> int:
    """Return for how many of ``sinks`` a batch can be laid out, so that the parts are even."""
    if batch.count == 1:
        return sinks
    total = sum(batch.lengths[: batch.count]) + GCM_TAG * batch.count
    fit = min(ROW_SINKS, OUT_BYTES // total)
    parts = -(-sinks // fit)
    return -(-sinks // parts)


def lay_out(
    batch: Batch, source: memoryview, runs: Runs, shift: int, count: int, out: memoryview
) -> Sequence[Step | Lone]:
    """Lay ``runs`` out for ``count`` sinks, headers written: sealing leaves them alone.

    ``source`` has the packets as they are to be sent, ``shift`` makes their SRTP indices.
    """
    steps: list[Step | Lone] = []
    begin = 0
    for first, last in runs:
        if last - first == 1:  # two thirds of what a browser sends
            lone = Lone(batch, source, first, shift, out[begin:])
            steps.append(lone)
            begin += count * lone.length
            continue
        numbers: list[int] = []
        plains: list[bytes] = []
        headers: list[bytes] = []
        parts: list[bytes] = []
        places: list[tuple[int, int]] = []
        length = 0
        for slot in range(first, last):
            start = slot * STRIDE
            head, size = batch.headers[slot], batch.lengths[slot]
            header = bytes(source[start : start + head])
            plain = bytes(source[start + head : start + size])
            (ssrc,) = _SSRC.unpack_from(header, 8)
            numbers.append(ssrc << 48 | batch.indices[slot] + shift)
            plains.append(plain)
            headers.append(header)
            parts += header, plain, _NO_TAG
            places.append((length + head, length + size + GCM_TAG))
            length += size + GCM_TAG
        stop = begin + count * length
        out[begin:stop] = b"".join(parts) * count  # what is not a header is sealed over
        sealed = [
            out[at + body : at + end] for at in range(begin, stop, length) for body, end in places
        ]
        segment = batch.lengths[first] + GCM_TAG
        steps.append(Step(numbers, plains, headers, sealed, out[begin:stop], length, segment, last))
        begin = stop
    return steps
