"""How often one person may offer media over HTTP: each offer takes a peer on a relay."""

from collections import OrderedDict

OFFER_SECONDS = 5
"""One offer in so long, in the long run; a program that reconnects needs one a minute."""
BURST = 10
MAX_PEOPLE = 10_000
"""Remembered by one process; who was quiet for longest is forgotten first, with a full budget."""

Person = tuple[str, str, str]
"""Room, role, e-mail."""


class OfferBudgets:
    """A token bucket for each person. Time is given."""

    def __init__(self) -> None:
        self._left: OrderedDict[Person, tuple[float, float]] = OrderedDict()
        """(what is left, when that was)."""

    def take(self, person: Person, now: float) -> bool:
        """Take one offer, if there is one."""
        left, at = self._left.get(person, (float(BURST), now))
        left = min(float(BURST), left + (now - at) / OFFER_SECONDS)
        may = left >= 1
        self._left[person] = (left - 1 if may else left, now)
        self._left.move_to_end(person)
        if len(self._left) > MAX_PEOPLE:
            self._left.popitem(last=False)
        return may
