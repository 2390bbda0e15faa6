"""Whom of several that would do: six strategies over a list of processes, as values."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from app.cluster.node import NodeInfo
from app.core.ids import NodeId


class Strategy(enum.StrEnum):
    """How one of the candidates is picked (seed row O14)."""

    LEAST_USED = "least-used"
    MOST_USED = "most-used"
    LAST_USED = "last-used"
    """The one picked before, while it is a candidate; else the least used."""
    ROUND_ROBIN = "round-robin"
    RANDOM = "random"
    WEIGHTED = "weighted"
    """In turn, each as often as it has room: smooth weighted round robin by free percent."""


REMEMBERING = frozenset({Strategy.LAST_USED, Strategy.ROUND_ROBIN, Strategy.WEIGHTED})
"""Those whose next pick depends on the ones before."""

_NAMES_OF_OWT = {"randomly-pick": Strategy.RANDOM, "weight-robin": Strategy.WEIGHTED}


def strategy_of(name: str) -> Strategy:
    """Return the strategy of a name, ours or OWT's; an unknown one is random (seed row O14)."""
    try:
        return Strategy(name)
    except ValueError:
        return _NAMES_OF_OWT.get(name, Strategy.RANDOM)


@dataclass(frozen=True, slots=True)
class Turns:
    """What a strategy remembers between two picks."""

    last: NodeId | None = None
    weights: Mapping[NodeId, int] = field(default_factory=dict)
    """Of ``WEIGHTED``: how near each candidate's turn is."""


def pick(
    strategy: Strategy, candidates: Sequence[NodeInfo], turns: Turns, chance: float
) -> tuple[NodeInfo, Turns]:
    """Return one of ``candidates``, of which there is at least one, and what to remember.

    ``chance`` is a random number from 0 to below 1. Ties go by id, so that two processes which
    pick from one list with the same memory pick alike. Raises ValueError without candidates.
    """
    if not candidates:
        raise ValueError("nobody to pick from")
    ordered = sorted(candidates, key=lambda node: node.id)
    match strategy:
        case Strategy.LEAST_USED:
            chosen = least_used(ordered)
        case Strategy.MOST_USED:
            chosen = max(ordered, key=lambda node: node.share)
        case Strategy.LAST_USED:
            same = [node for node in ordered if node.id == turns.last]
            chosen = same[0] if same else least_used(ordered)
        case Strategy.ROUND_ROBIN:
            later = [node for node in ordered if turns.last is not None and node.id > turns.last]
            chosen = (later or ordered)[0]
        case Strategy.RANDOM:
            chosen = ordered[min(int(chance * len(ordered)), len(ordered) - 1)]
        case Strategy.WEIGHTED:
            return _weighted(ordered, turns)
        case _:
            assert_never(strategy)
    return chosen, Turns(chosen.id)


def least_used(candidates: Sequence[NodeInfo]) -> NodeInfo:
    """Return the candidate with the most room, the first by id of several."""
    return min(candidates, key=lambda node: (node.share, node.id))


def _weighted(ordered: Sequence[NodeInfo], turns: Turns) -> tuple[NodeInfo, Turns]:
    own = {node.id: max(1, round((1 - node.share) * 100)) for node in ordered}
    turn = {node.id: turns.weights.get(node.id, 0) + own[node.id] for node in ordered}
    chosen = max(ordered, key=lambda node: turn[node.id])
    turn[chosen.id] -= sum(own.values())
    return chosen, Turns(chosen.id, turn)
