"""The secrets that sign a server's credentials: when each is replaced, and by what. Pure.

A server has several at a time, in slots; a name always uses the same slot. So when somebody's
credential must die at once, the secret of one slot is replaced without overlap, and the others'
credentials stay good.
"""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

SLOTS = 16
"""Fewer: more people get fresh credentials when one is thrown out. More: coturn tries each secret
that it knows when somebody opens an allocation (about 3 microseconds each)."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot: the secret that signs, and the one before it while that is still taken."""

    current: str
    since: float
    """Wall-clock seconds at which ``current`` began to sign."""
    previous: str = ""
    """Empty: there is none."""
    until: float = 0.0
    """Wall-clock seconds at which ``previous`` is dropped."""

    def encoded(self) -> str:
        """Return the slot as JSON; ``scripts/turn_secrets.lua`` reads ``current``, ``previous``."""
        return json.dumps(asdict(self), separators=(",", ":"))


def read_slot(text: str | bytes) -> Slot:
    """Return the slot that ``encoded`` made."""
    return Slot(**json.loads(text))


def slot_of(name: str) -> int:
    """Return the slot whose secret signs for ``name``."""
    return zlib.crc32(name.encode()) % SLOTS


@dataclass(frozen=True, slots=True)
class Schedule:
    """How secrets are replaced."""

    period_seconds: float
    """How long a secret signs."""
    overlap_seconds: float
    """How long it is taken after that: longer than a credential lives, so that none is refused
    before its time, and none that outlives this is taken."""
    fresh: Callable[[], str]
    """Makes a secret."""


def due(slots: Mapping[int, Slot], schedule: Schedule, now: float) -> dict[int, Slot]:
    """Return the slots that must change at wall-clock ``now``, as they must become.

    A clock that was set back by more than a period replaces the secret too, with overlap.
    """
    changes: dict[int, Slot] = {}
    for index in range(SLOTS):
        slot = slots.get(index)
        if slot is None:
            changes[index] = Slot(schedule.fresh(), now)
        elif abs(now - slot.since) >= schedule.period_seconds:
            end = now + schedule.overlap_seconds
            changes[index] = Slot(schedule.fresh(), now, slot.current, end)
        elif slot.previous and not now < slot.until <= now + schedule.overlap_seconds:
            changes[index] = Slot(slot.current, slot.since)
    return changes


def without_overlap(fresh: str, now: float) -> Slot:
    """Return a slot in which nothing signed so far is taken any more."""
    return Slot(fresh, now)


def accepted(slots: Mapping[int, Slot]) -> set[str]:
    """Return every secret that coturn must take now."""
    taken = {slot.current for slot in slots.values()}
    return taken | {slot.previous for slot in slots.values() if slot.previous}
