"""How much a TURN server's network still carries, from its interface's counters. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

SAMPLE_SECONDS = 10.0
"""Between two samples (seed row T6)."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What an interface has carried since it came up, in bytes."""

    received: int
    sent: int


def free_traffic(capacity_bps: int, moved_bytes: int, seconds: float = SAMPLE_SECONDS) -> float:
    """Return the unused Mbit/s of one direction, to one decimal, never below 0.

    ``(capacity - bytes * 8 / seconds) / 1e6``, which for ten seconds is the seed's
    ``(MAX_BPS - Δ * 8 / 10) / 1e6``.
    """
    return max(0.0, round((capacity_bps - moved_bytes * 8 / seconds) / 1e6, 1))


class TrafficMeter:
    """The free traffic of one server, by the busier direction.

    All is free until there are two samples. Counters that went down (a reset, an interface that
    came up anew) say nothing: the figure before them stays.
    """

    def __init__(self, capacity_bps: int) -> None:
        self._capacity = capacity_bps
        self._last: tuple[Totals, float] | None = None
        self.free = free_traffic(capacity_bps, 0)
        """Mbit/s."""

    def sample(self, totals: Totals, now: float) -> float:
        """Take the counters of this moment and return what is free."""
        last, self._last = self._last, (totals, now)
        if last is None or now <= last[1]:
            return self.free
        received = totals.received - last[0].received
        sent = totals.sent - last[0].sent
        if received >= 0 and sent >= 0:
            self.free = free_traffic(self._capacity, max(received, sent), now - last[1])
        return self.free


def read_totals(text: str, interface: str | None) -> Totals:
    """Return an interface's counters from the text of ``/proc/net/dev``.

    Without a name: of all interfaces but the loopback one, together. An interface that is not
    there has carried nothing.
    """
    totals = _by_interface(text)
    if interface is not None:
        return totals.get(interface, Totals(0, 0))
    outside = [each for name, each in totals.items() if name != "lo"]
    return Totals(sum(each.received for each in outside), sum(each.sent for each in outside))


def _by_interface(text: str) -> Mapping[str, Totals]:
    found: dict[str, Totals] = {}
    for line in text.splitlines()[2:]:  # two lines of headings
        name, _, figures = line.partition(":")
        columns = figures.split()
        if len(columns) >= 9:
            found[name.strip()] = Totals(int(columns[0]), int(columns[8]))
    return found
