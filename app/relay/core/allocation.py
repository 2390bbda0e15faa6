"""Which rung of its ladder each video section of a subscriber may have within one budget."""

from collections.abc import Sequence
from dataclasses import dataclass

HEADROOM = 1.1
"""A rung above the present one must fit this much better: no flapping at an edge."""


@dataclass(frozen=True, slots=True)
class Want:
    """One section, the most important one first."""

    rates: tuple[int, ...]
    """Bits per second of each rung, the least first."""
    current: int
    """The rung it has, -1 for none."""


def allocate(budget_bps: int, wants: Sequence[Want]) -> list[int]:
    """Return the rung of each section, -1 for none.

    Everybody's lowest rung comes before anybody's second: a small picture of each is worth more
    than a large one of the first.
    """
    given = [-1] * len(wants)
    left = float(budget_bps)
    for level in range(max((len(want.rates) for want in wants), default=0)):
        for place, want in enumerate(wants):
            if level >= len(want.rates) or given[place] != level - 1:
                continue
            cost = want.rates[level] - (want.rates[level - 1] if level else 0)
            need = want.rates[level] * (HEADROOM if level > want.current else 1) - (
                want.rates[level - 1] if level else 0
            )
            if need <= left:
                given[place] = level
                left -= cost
    return given
