"""Where the sealed packets of a batch go: side by side for several sinks, one run at a time."""

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

_seal = AESGCM.encrypt_into


class Step(NamedTuple):
    """One run, laid out for some sinks."""

    numbers: list[int]
    """SSRC << 48 | SRTP index of each packet."""
    plains: list[memoryview]
    headers: list[memoryview]
    sealed: list[memoryview]
    """Where each sealed payload goes, sink by sink."""
    out: memoryview
    length: int
    """Of what goes to one sink."""
    segment: int
    last: int
    """Past the last slot."""

    def parts(self) -> list[tuple[int, memoryview, memoryview, memoryview]]:
        """Return (number, plain, header, sealed) of each packet in the first place."""
        columns = (self.numbers, self.plains, self.headers, self.sealed)
        return list(zip(*columns, strict=False))

    def seal(self, ciphers: Sequence[AESGCM], nonces: Sequence[Sequence[bytes]]) -> memoryview:
        """Seal the run for some sinks; return what goes to them, one behind the other.

        ``nonces`` has for each packet one of each sink. All of it runs in C: a loop of the
        interpreter costs a third of a sealing.
        """
        count = len(self.numbers)
        if count == 1:
            plain, header = repeat(self.plains[0]), repeat(self.headers[0])
            work = map(_seal, ciphers, nonces[0], plain, header, self.sealed)
        else:
            # sink by sink: OpenSSL finds a key where it was a packet before
            by_packet = chain.from_iterable(map(repeat, ciphers, repeat(count)))
            of_packet = chain.from_iterable(zip(*nonces, strict=True))
            plains, headers = cycle(self.plains), cycle(self.headers)
            work = map(_seal, by_packet, of_packet, plains, headers, self.sealed)
        deque(work, maxlen=0)
        return self.out[: self.length * len(ciphers)]


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
) -> list[Step]:
    """Lay ``runs`` out for ``count`` sinks, headers written: sealing leaves them alone.

    ``source`` has the packets as they are to be sent, ``shift`` makes their SRTP indices.
    """
    steps: list[Step] = []
    begin = 0
    for first, last in runs:
        numbers: list[int] = []
        plains: list[memoryview] = []
        headers: list[memoryview] = []
        places: list[tuple[int, int]] = []
        length = 0
        for slot in range(first, last):
            start = slot * STRIDE
            head, end = start + batch.headers[slot], start + batch.lengths[slot]
            header = source[start:head]
            number = int.from_bytes(header[8:12], "big") << 48
            numbers.append(number | batch.indices[slot] + shift)
            plains.append(source[head:end])
            headers.append(header)
            body = begin + length
            out[body : body + head - start] = header
            length += end - start + GCM_TAG
            places.append((body + head - start, begin + length))
        stop = begin + count * length
        done = begin + length
        while done < stop:  # what is not a header is sealed over
            more = min(done - begin, stop - done)
            out[done : done + more] = out[begin : begin + more]
            done += more
        sealed = [
            out[at + body : at + end]
            for at in range(0, count * length, length)
            for body, end in places
        ]
        segment = batch.lengths[first] + GCM_TAG
        steps.append(Step(numbers, plains, headers, sealed, out[begin:stop], length, segment, last))
        begin = stop
    return steps
