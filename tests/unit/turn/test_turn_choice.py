"""Which servers clients are given."""

from collections import Counter

from app.turn.choice import OFFERED, RoundRobin, TurnServer


def server(name: str, region: str = "", free: float = 100.0) -> TurnServer:
    return TurnServer(name, (f"turn:{name}",), region, free, "127.0.0.1:9641")


def test_round_robin_spreads_evenly() -> None:  # T7
    choice = RoundRobin("")
    servers = [server(name) for name in "abc"]
    firsts = Counter(choice.pick(servers)[0].id for _ in range(300))
    assert firsts == {"a": 100, "b": 100, "c": 100}


def test_a_second_server_for_when_the_first_dies() -> None:  # row 35
    picked = RoundRobin("").pick([server(name) for name in "abc"])
    assert len({each.id for each in picked}) == OFFERED == 2


def test_a_saturated_server_is_never_offered() -> None:  # T7
    choice = RoundRobin("")
    servers = [server("a"), server("full", free=0.0), server("b", free=0.1)]
    offered = {each.id for _ in range(50) for each in choice.pick(servers)}
    assert offered == {"a", "b"}


def test_none_is_offered_when_all_are_saturated() -> None:
    assert RoundRobin("").pick([server("full", free=0.0)]) == []
    assert RoundRobin("").pick([]) == []


def test_the_own_region_comes_first() -> None:
    choice = RoundRobin("north")
    servers = [server("s1", "south"), server("n1", "north"), server("n2", "north")]
    picks = [[each.id for each in choice.pick(servers)] for _ in range(4)]
    assert picks == [["n1", "n2"], ["n2", "n1"], ["n1", "n2"], ["n2", "n1"]]


def test_another_region_is_better_than_none() -> None:
    choice = RoundRobin("north")
    servers = [server("n1", "north", free=0.0), server("s1", "south"), server("s2", "south")]
    firsts = Counter(choice.pick(servers)[0].id for _ in range(10))
    assert firsts == {"s1": 5, "s2": 5}
    assert [each.id for each in choice.pick([server("n1", "north"), server("s1", "s")])] == [
        "n1",
        "s1",
    ]
