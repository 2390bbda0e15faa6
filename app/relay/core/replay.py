"""Packet indices from 16-bit sequence numbers, each accepted once (RFC 3711 §3.3.1, §3.3.2)."""

WINDOW = 1024
"""Packets that may come late by this much: 1 s of video at 8 Mbit/s."""

_MASK = (1 << WINDOW) - 1


class ReplayWindow:
    """The rollover counter and the replay list of one stream."""

    __slots__ = ("_seen", "highest")

    def __init__(self) -> None:
        self.highest = -1
        """The highest index accepted so far, or -1."""
        self._seen = 0

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
        return behind < WINDOW and not self._seen >> behind & 1

    def accept(self, index: int) -> None:
        """Remember ``index``; call it only once the packet is authentic."""
        ahead = index - self.highest
        if ahead > 0:
            self._seen = 1 if ahead >= WINDOW else (self._seen << ahead | 1) & _MASK
            self.highest = index
        else:
            self._seen |= 1 << -ahead
