"""Packet indices from 16-bit sequence numbers, each accepted once (RFC 3711 §3.3.1, §3.3.2)."""

WINDOW = 1024
"""Packets that may come late by this much: 1 s of video at 8 Mbit/s."""

_MASK = (1 << WINDOW) - 1


class ReplayWindow:
    """The rollover counter and the replay list of one stream."""

    __slots__ = ("_run", "_seen", "highest")

    def __init__(self) -> None:
        self.highest = -1
        """The highest index accepted so far, or -1."""
        self._run = 0
        """So many indices up to the highest were seen, each in its turn: most often all are."""
        self._seen = 0
        """A bit for each index before these."""

    def estimate(self, sequence: int) -> int:
        """Return the 48-bit index that ``sequence`` most likely has (RFC 3711 appendix A).

        The rollover counter of a stream begins at 0 whatever its first sequence number is, so
        an index never lies before 0.
        """
        highest = self.highest
        if highest < 0:
            return sequence
        rollover = highest >> 16
        distance = sequence - (highest & 0xFFFF)
        if distance > 0x8000 and rollover > 0:
            rollover -= 1
        elif distance < -0x8000:
            rollover += 1
        return rollover << 16 | sequence

    def is_new(self, index: int) -> bool:
        """Tell whether ``index`` was not seen and is not too old to know."""
        behind = self.highest - index
        if behind < 0:
            return True
        if behind < self._run:
            return False
        return behind < WINDOW and not self._seen >> behind - self._run & 1

    def accept(self, index: int) -> None:
        """Remember ``index``; call it only once the packet is authentic."""
        ahead = index - self.highest
        if ahead == 1:
            self.highest = index
            self._run += 1
            return
        run = min(self._run, WINDOW)
        seen = (self._seen << run | (1 << run) - 1) & _MASK
        if ahead > 0:
            seen = 1 if ahead >= WINDOW else (seen << ahead | 1) & _MASK
            self.highest = index
        else:
            seen |= 1 << -ahead
        self._run, self._seen = 0, seen

    def take(self, index: int) -> bool:
        """Accept ``index`` if it is new; tell whether it was."""
        if index <= self.highest and not self.is_new(index):
            return False
        self.accept(index)
        return True
