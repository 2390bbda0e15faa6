"""Which packets of a batch go out in one send: sizes evened with padding, then cut into runs."""

from app.relay.core.batch import MAX_PACKET, Batch
from app.relay.core.srtp import GCM_TAG

MAX_SEGMENTS = 64
MAX_BYTES = 65_507
"""The largest UDP payload over IPv4: the kernel's bound on one UDP_SEGMENT send."""


def even_sizes(batch: Batch) -> None:
    """Pad packets that are one byte shorter than a neighbour, where that joins two runs.

    Encoders cut a frame into packets whose sizes differ by one byte at most. A shorter packet
    that ends the batch, or comes before a much shorter one, needs no padding.
    """
    lengths = batch.lengths
    first = 0
    while first < batch.count:
        low = high = lengths[first]
        last = first + 1
        while last < batch.count:
            size = lengths[last]
            if max(high, size) - min(low, size) > 1:
                break
            low, high = min(low, size), max(high, size)
            last += 1
        if low != high and high < MAX_PACKET - GCM_TAG:
            _pad_group(batch, first, last, high)
        first = last


def _pad_group(batch: Batch, first: int, last: int, high: int) -> None:
    # A short last packet ends its run anyway: padding it would gain nothing unless more follow.
    stop = last - 1 if last == batch.count and batch.lengths[last - 1] < high else last
    if all(size == batch.lengths[first] for size in batch.lengths[first:stop]):
        return
    for slot in range(first, stop):
        if batch.lengths[slot] < high:
            batch.pad(slot)


def split_runs(batch: Batch) -> list[tuple[int, int]]:
    """Return (first, past last) slots of each run that one UDP_SEGMENT send can carry."""
    lengths = batch.lengths
    runs = []
    first = 0
    while first < batch.count:
        size = lengths[first]
        most = min(MAX_SEGMENTS, MAX_BYTES // (size + GCM_TAG))
        last = first + 1
        while last < batch.count and last - first < most and lengths[last] == size:
            last += 1
        if last < batch.count and last - first < most and lengths[last] < size:
            last += 1
        runs.append((first, last))
        first = last
    return runs
