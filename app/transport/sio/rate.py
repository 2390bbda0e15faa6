"""How fast one client may send."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Budget:
    """A token bucket: ``burst`` at once, ``per_second`` in the long run. Time is given."""

    per_second: float
    burst: float
    left: float
    at: float

    @classmethod
    def full(cls, per_second: float, burst: float, now: float) -> "Budget":
        return cls(per_second, burst, burst, now)

    def take(self, now: float) -> bool:
        """Take one, if there is one."""
        self.left = min(self.burst, self.left + (now - self.at) * self.per_second)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True


@dataclass(frozen=True, slots=True)
class Budgets:
    """One client's budgets."""

    events: Budget
    edits: Budget
    """Apart, so that drawing takes nothing from asking."""
    offers: Budget
    """Each takes a peer on a relay, which is freed only when it falls silent."""
    offences: Budget
    """How often it may be told that it sends too fast."""
    snapshots: Budget = field(default_factory=lambda: Budget.full(0.5, 6.0, 0.0))
    """Element boards that it may ask for; each may be megabytes."""
