"""Where something goes, and when a process counts as lost: decisions over lists of processes."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from app.cluster.node import NodeInfo
from app.cluster.refusals import AllFull, NoMatch
from app.cluster.strategy import Strategy, Turns, least_used, pick
from app.core.ids import NodeId


@dataclass(frozen=True, slots=True)
class Preference:
    """Where a client is. What is None is unknown, and restricts nothing."""

    isp: str | None = None
    """A must: a process that lists providers takes the customers of those alone."""
    region: str | None = None
    """A wish: where somebody stands in the region, only those are considered."""


ANYWHERE = Preference()

Matcher = Callable[[Sequence[NodeInfo], Preference], Sequence[NodeInfo]]


def by_isp_and_region(nodes: Sequence[NodeInfo], preference: Preference) -> Sequence[NodeInfo]:
    """Return those whom a preference admits (seed row O12)."""
    isp, region = preference.isp, preference.region
    fit = [node for node in nodes if isp is None or not node.isps or isp in node.isps]
    near = [node for node in fit if region is not None and region in node.regions]
    return near or fit


def anybody(nodes: Sequence[NodeInfo], preference: Preference) -> Sequence[NodeInfo]:  # noqa: ARG001
    """Return all, wherever the client is."""
    return nodes


MATCHERS: Mapping[str, Matcher] = {"api": by_isp_and_region, "relay": by_isp_and_region}
"""By purpose: whom a client may be sent to. Clients reach both kinds (seed row O13); a purpose
that is not here serves other processes only, which are everywhere: ``anybody``."""


def eligible(
    purpose: str, nodes: Sequence[NodeInfo], preference: Preference = ANYWHERE
) -> Sequence[NodeInfo]:
    """Return those who take something new and whom the preference admits, at least one.

    Raises AllFull, NoMatch.
    """
    available = [node for node in nodes if node.is_available]
    if not available:
        raise AllFull
    fit = MATCHERS.get(purpose, anybody)(available, preference)
    if not fit:
        raise NoMatch
    return fit


def place(
    purpose: str,
    nodes: Sequence[NodeInfo],
    preference: Preference,
    strategy: Strategy,
    turns: Turns,
    chance: float,
) -> tuple[NodeInfo, Turns]:
    """Return the process for something new, and what its strategy remembers.

    Raises AllFull, NoMatch.
    """
    return pick(strategy, eligible(purpose, nodes, preference), turns, chance)


def place_participant(
    relays: Sequence[NodeInfo],
    preference: Preference = ANYWHERE,
    *,
    spanned: Collection[NodeId] = (),
) -> NodeInfo:
    """Return the relay for one more participant of a room.

    ISP and region come first. Among those that fit, one that the room is on already
    (``spanned``) is taken while it takes anybody, since a further relay costs the presenter's
    relay one more copy of each track; else the one with the most room. Raises AllFull, NoMatch.
    """
    fit = eligible("relay", relays, preference)
    return least_used([node for node in fit if node.id in spanned] or fit)


class Absences:
    """Tells a dead process from a Redis that was away.

    After Redis was away every heartbeat is old for a moment. So a process counts as lost only
    when it is missing in two looks in a row, at most ``PATIENCE`` seconds apart; and for ``CALM``
    seconds after a look that could not be taken nobody does.
    """

    PATIENCE = 2.5
    CALM = 2.0

    def __init__(self) -> None:
        self._missing: set[NodeId] = set()
        self._looked_at = float("-inf")
        self._calm_until = float("-inf")

    def blind(self) -> None:
        """Note that a look could not be taken."""
        self._looked_at = float("-inf")

    def lost(self, used: Collection[NodeId], alive: Collection[NodeId], now: float) -> set[NodeId]:
        """Return those of ``used`` that are lost, by this look at ``alive`` and the one before."""
        missing = set(used) - set(alive)
        if now - self._looked_at > self.PATIENCE:
            self._calm_until = now + self.CALM
        lost = missing & self._missing if now >= self._calm_until else set()
        self._missing = missing
        self._looked_at = now
        return lost
