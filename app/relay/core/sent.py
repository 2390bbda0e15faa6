"""Transport-wide numbers of one room: which packet had which, and when it left.

One count serves all subscribers of a room, so that a packet stays the same for all of them (one
count each would cost a patched header per packet and subscriber). A subscriber's feedback is read
against what was sent to it: numbers of others' packets look like losses to it and are passed over.
"""

from array import array

SLOTS = 1 << 13
"""Numbers remembered: ten seconds of three sources, more than feedback is ever late."""
_MASK = SLOTS - 1


class SentLog:
    """A ring of what was sent; ``owner`` is a line's or a peer's serial number."""

    __slots__ = ("_indices", "_owners", "_sizes", "_times", "next", "serials")

    def __init__(self) -> None:
        self.next = 1
        """The next number, not wrapped; on the wire it has 16 bits."""
        self.serials = 0
        self._times = array("d", bytes(8 * SLOTS))
        self._sizes = array("H", bytes(2 * SLOTS))
        self._owners = array("Q", bytes(8 * SLOTS))
        self._indices = array("Q", bytes(8 * SLOTS))

    def serial(self) -> int:
        """Return a number for an owner that nobody else has."""
        self.serials += 1
        return self.serials

    def add(self, owner: int, index: int, size: int, now: float) -> bytes:
        """Note a packet; return its number as it is on the wire."""
        number = self.next
        slot = number & _MASK
        self._times[slot] = now
        self._sizes[slot] = size
        self._owners[slot] = owner
        self._indices[slot] = index
        self.next = number + 1
        return (number & 0xFFFF).to_bytes(2, "big")

    def unwrap(self, number: int) -> int:
        """Return the latest count that has these low 16 bits and was given out, or -1."""
        newest = self.next - 1
        found = newest - (newest - number & 0xFFFF)
        return found if found > 0 and newest - found < SLOTS else -1

    def sent_at(self, number: int) -> float:
        """Return when an unwrapped number left."""
        return self._times[number & _MASK]

    def span(self, base: int, count: int) -> tuple["array[float]", "array[int]"]:
        """Return when ``count`` numbers from ``base`` on left, and the bytes of each."""
        first = base & _MASK
        last = first + count
        if last <= SLOTS:
            return self._times[first:last], self._sizes[first:last]
        last -= SLOTS
        return self._times[first:] + self._times[:last], self._sizes[first:] + self._sizes[:last]

    def of(self, number: int) -> tuple[int, int, int, float]:
        """Return (owner, index, bytes, when it left) of an unwrapped number still remembered."""
        slot = number & _MASK
        return self._owners[slot], self._indices[slot], self._sizes[slot], self._times[slot]
