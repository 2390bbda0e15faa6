"""Packets of one line as they were sent, shared by all its subscribers, for repeats.

They are kept in their final form (padding included): sealed again for the same subscriber they
come out identical, which is what AES-GCM needs.
"""

from typing import NamedTuple

from app.relay.core.batch import STRIDE, Batch

VIDEO_SLOTS = 512
"""Packets: 1.7 s at 300 per second; a repeat that comes later is of no use to a decoder."""
AUDIO_SLOTS = 64


class Sent(NamedTuple):
    """One packet in a line's own numbers."""

    number: int
    """Its line index."""
    data: bytes
    header: int
    picture_at: int
    tl0_at: int


class Ring:
    """The last packets of a line, found by index; older ones are overwritten."""

    __slots__ = ("_mask", "_slots", "newest")

    def __init__(self, slots: int) -> None:
        self._slots: list[Sent | None] = [None] * slots
        self._mask = slots - 1
        self.newest: Sent | None = None

    def put(self, batch: Batch) -> None:
        """Keep a batch that was sent."""
        for slot in range(batch.count):
            start = slot * STRIDE
            index = batch.indices[slot]
            held = self._slots[index & self._mask]
            if held is not None and held.number > index:
                continue
            self.newest = self._slots[index & self._mask] = Sent(
                index,
                bytes(batch.view[start : start + batch.lengths[slot]]),
                batch.headers[slot],
                batch.pictures[slot],
                batch.tl0s[slot],
            )

    def find(self, index: int) -> Sent | None:
        """Return the packet with a line index, or None if it is gone or never was."""
        held = self._slots[index & self._mask]
        return held if held is not None and held.number == index else None
