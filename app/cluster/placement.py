"""Where a room's media goes, and when a relay counts as lost: pure decisions."""

from collections.abc import Collection

from app.cluster.node import NodeInfo
from app.core.ids import NodeId


def choose(alive: Collection[NodeInfo], current: NodeId | None) -> NodeId | None:
    """Return the relay for a room: the one it is on while that lives, else the least loaded.

    Load is relative to capacity; a relay that is full or takes nothing new is chosen for no new
    room, unless all are: then the least loaded of those that take anything. Ties go by name, so
    that two processes that look at once choose alike. None: there is no relay.
    """
    if any(node.id == current for node in alive):
        return current
    candidates = [node for node in alive if node.capacity > 0]
    if not candidates:
        return None
    return min(candidates, key=lambda node: (node.load / node.capacity, node.id)).id


class Absences:
    """Tells a dead process from a Redis that was away.

    After Redis was away every heartbeat is old for a moment. So a process counts as lost only
    when it is missing in two looks in a row, at most ``PATIENCE`` seconds apart.
    """

    PATIENCE = 2.5

    def __init__(self) -> None:
        self._missing: set[NodeId] = set()
        self._looked_at = float("-inf")

    def lost(self, used: Collection[NodeId], alive: Collection[NodeId], now: float) -> set[NodeId]:
        """Return those of ``used`` that are lost, by this look at ``alive`` and the one before."""
        missing = set(used) - set(alive)
        in_a_row = now - self._looked_at <= self.PATIENCE
        lost = missing & self._missing if in_a_row else set()
        self._missing = missing
        self._looked_at = now
        return lost
