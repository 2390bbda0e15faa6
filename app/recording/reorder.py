"""Packets of one track put back into order; what does not come in time is given up."""

from dataclasses import dataclass

from app.recording.wire import Arrival

HOLD_SECONDS = 1.0
"""How long a packet waits for one before it: a repeat (NACK, RTX) has come by then or never will.
Nobody waits for a recording, so this may be longer than any player's buffer."""
MOST_HELD = 2_048
"""Packets that wait at once; about two seconds of video at 8 Mbit/s."""
JUMP = 10_000
"""An index this far from the expected one is a new beginning, not a loss."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """One packet in order."""

    packet: Arrival
    arrived: float
    after_gap: bool
    """At least one packet before it is lost."""


class Reorder:
    """The packets of one track. ``late`` counts those that came after their place was given up."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[Arrival, float]] = {}
        self._next: int | None = None
        self._gap = False
        self.late = 0

    def push(self, packet: Arrival, now: float) -> list[Ordered]:
        """Take a packet; return those whose turn it is."""
        if self._next is None or abs(packet.index - self._next) > JUMP:
            ready = self._give_up_all()
            self._gap = self._next is not None
            self._next = packet.index
            self._held[packet.index] = (packet, now)
            return ready + self.ready(now)
        if packet.index < self._next:
            self.late += 1
            return []
        self._held.setdefault(packet.index, (packet, now))
        return self.ready(now)

    def ready(self, now: float) -> list[Ordered]:
        """Return the packets whose turn it is, or whose predecessors are given up by now."""
        found = self._take_run()
        while self._held and (len(self._held) > MOST_HELD or self._oldest() <= now - HOLD_SECONDS):
            self._next = min(self._held)
            self._gap = True
            found += self._take_run()
        return found

    def _oldest(self) -> float:
        return min(arrived for _, arrived in self._held.values())

    def flush(self) -> list[Ordered]:
        """Return everything that is held: nothing more will come."""
        return self._give_up_all()

    def _give_up_all(self) -> list[Ordered]:
        found: list[Ordered] = []
        while self._held:
            self._gap = self._gap or min(self._held) != self._next
            self._next = min(self._held)
            found += self._take_run()
        return found

    def _take_run(self) -> list[Ordered]:
        found: list[Ordered] = []
        while self._next is not None and self._next in self._held:
            packet, arrived = self._held.pop(self._next)
            found.append(Ordered(packet, arrived, self._gap))
            self._gap = False
            self._next += 1
        return found
