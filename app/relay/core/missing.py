"""Which packets of an incoming track are missing, and when to ask for them (RFC 4585 §6.2.1)."""

MAX_MISSING = 256
"""Packets asked for at a time, per track; after a larger gap only a keyframe helps."""
MAX_ASKS = 10
GIVE_UP_SECONDS = 1.0
"""A packet that came later would be of no use to those who watch."""
REORDER_SECONDS = 0.005
"""How long a hole may be mere reordering."""
MIN_PAUSE = 0.04
"""Seconds between two asks for one packet: about the round trip of a browser nearby."""


class Missing:
    """The holes of one track. Indices are 48-bit packet indices."""

    __slots__ = ("_highest", "asked", "holes", "recovered")

    def __init__(self) -> None:
        self._highest = -1
        self.holes: dict[int, list[float]] = {}
        """index → [when it was noticed, when to ask next, times asked]."""
        self.asked = 0
        self.recovered = 0

    def came(self, index: int, now: float) -> None:
        """Note a packet; whatever lies between it and the highest one is missing."""
        highest = self._highest
        if index == highest + 1 or highest < 0:
            self._highest = index
        elif index > highest:
            if index - highest > MAX_MISSING:
                self.holes.clear()
            else:
                for hole in range(highest + 1, index):
                    self.holes[hole] = [now, now + REORDER_SECONDS, 0]
                while len(self.holes) > MAX_MISSING:
                    del self.holes[next(iter(self.holes))]
            self._highest = index
        else:
            hole_found = self.holes.pop(index, None)
            if hole_found is not None and hole_found[2]:
                self.recovered += 1

    def wants(self, index: int) -> bool:
        """Tell whether a packet is missing."""
        return index in self.holes

    def index_of(self, sequence: int) -> int:
        """Return the index nearest to the highest one that has these low 16 bits."""
        distance = (sequence - self._highest + 0x8000 & 0xFFFF) - 0x8000
        return self._highest + distance

    def next_due(self) -> float | None:
        """Return when something is to be asked for, or None."""
        return min((hole[1] for hole in self.holes.values()), default=None)

    def take_due(self, now: float) -> list[int]:
        """Return the indices to ask for now; what was asked for too often is given up."""
        due: list[int] = []
        lost: list[int] = []
        for index, hole in self.holes.items():
            if now - hole[0] >= GIVE_UP_SECONDS or hole[2] >= MAX_ASKS:
                lost.append(index)
            elif hole[1] <= now:
                hole[2] += 1
                # later asks wait longer: the link may be slow rather than lossy
                hole[1] = now + MIN_PAUSE * (1 + hole[2] / 2)
                due.append(index)
        for index in lost:
            del self.holes[index]
        self.asked += len(due)
        return due
