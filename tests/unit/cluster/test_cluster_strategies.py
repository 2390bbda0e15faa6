"""Whom each of the six strategies picks (seed row O14)."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cluster.node import NodeInfo
from app.cluster.strategy import Strategy, Turns, pick, strategy_of
from app.core.ids import NodeId


def nodes(**loads: float) -> list[NodeInfo]:
    return [NodeInfo(NodeId(name), "relay", "", load) for name, load in loads.items()]


def picked(strategy: Strategy, candidates: list[NodeInfo], times: int) -> str:
    turns, found = Turns(), []
    for n in range(times):
        chosen, turns = pick(strategy, candidates, turns, n / times)
        found.append(chosen.id)
    return "".join(found)


def test_least_used() -> None:  # O14
    assert picked(Strategy.LEAST_USED, nodes(a=0.5, c=0.2, b=0.2), 3) == "bbb"


def test_most_used() -> None:  # O14
    assert picked(Strategy.MOST_USED, nodes(a=0.2, c=0.5, b=0.5), 3) == "bbb"


def test_last_used_sticks_while_it_may() -> None:  # O14
    both = nodes(a=0.5, b=0.2)
    chosen, turns = pick(Strategy.LAST_USED, both, Turns(), 0)
    assert chosen.id == "b"
    assert pick(Strategy.LAST_USED, nodes(a=0.1, b=0.8), turns, 0)[0].id == "b"
    assert pick(Strategy.LAST_USED, nodes(a=0.1), turns, 0)[0].id == "a"  # b is gone or full


def test_round_robin_goes_round_also_past_one_that_is_gone() -> None:  # O14
    assert picked(Strategy.ROUND_ROBIN, nodes(c=0, a=0.8, b=0), 7) == "abcabca"
    assert pick(Strategy.ROUND_ROBIN, nodes(a=0, c=0), Turns(NodeId("b")), 0)[0].id == "c"
    assert pick(Strategy.ROUND_ROBIN, nodes(a=0, b=0), Turns(NodeId("c")), 0)[0].id == "a"


def test_random_is_even_over_even_chances() -> None:  # O14
    assert Counter(picked(Strategy.RANDOM, nodes(a=0, b=0.8, c=0), 300)) == dict.fromkeys(
        "abc", 100
    )


def test_weighted_gives_each_its_share_of_the_room_and_spreads_it() -> None:  # O14
    sequence = picked(Strategy.WEIGHTED, nodes(a=0.4, b=0.7, c=0.9), 100)  # free 60, 30, 10
    assert Counter(sequence) == {"a": 60, "b": 30, "c": 10}
    assert "aaa" not in sequence + sequence  # smooth: nobody gets all of its turns at once


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("least-used", Strategy.LEAST_USED),
        ("most-used", Strategy.MOST_USED),
        ("last-used", Strategy.LAST_USED),
        ("round-robin", Strategy.ROUND_ROBIN),
        ("random", Strategy.RANDOM),
        ("randomly-pick", Strategy.RANDOM),
        ("weighted", Strategy.WEIGHTED),
        ("weight-robin", Strategy.WEIGHTED),
        ("whatever", Strategy.RANDOM),
    ],
)
def test_names_of_ours_and_of_owt(name: str, strategy: Strategy) -> None:  # O14
    assert strategy_of(name) is strategy


_lists = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), min_size=1).map(
    lambda loads: nodes(**loads)
)


@given(st.sampled_from(Strategy), st.lists(_lists, min_size=1, max_size=20), st.floats(0, 0.999))
def test_whatever_comes_and_goes_one_of_those_who_are_there_is_picked(
    strategy: Strategy, worlds: list[list[NodeInfo]], chance: float
) -> None:
    turns = Turns()
    for world in worlds:
        chosen, turns = pick(strategy, world, turns, chance)
        again, _ = pick(strategy, world[::-1], Turns(turns.last), chance)
        assert chosen in world
        assert again in world
        assert turns.last == chosen.id


@given(st.sampled_from([Strategy.ROUND_ROBIN, Strategy.WEIGHTED]), st.integers(1, 6))
def test_equals_are_served_equally(strategy: Strategy, count: int) -> None:
    candidates = nodes(**dict.fromkeys("abcdef"[:count], 0.3))
    assert set(Counter(picked(strategy, candidates, 7 * count)).values()) == {7}


def test_nobody_to_pick_from() -> None:
    with pytest.raises(ValueError, match="nobody"):
        pick(Strategy.RANDOM, [], Turns(), 0)
