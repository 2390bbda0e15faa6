"""Which core each relay has."""

import pytest

from app.pool import core_of


@pytest.mark.parametrize(
    ("relays", "cores", "taken"),
    [
        (1, [0], [0]),
        (1, [0, 1], [1]),  # the first is for the api and Redis
        (3, [0, 1, 2, 3], [1, 2, 3]),
        (2, [0, 1], [0, 1]),
        (5, [0, 1], [0, 1, 0, 1, 0]),  # M1
        (2, [4, 6, 9], [6, 9]),  # those that this process may use
    ],
)
def test_relays_are_spread_evenly(relays: int, cores: list[int], taken: list[int]) -> None:
    assert [core_of(index, relays, cores) for index in range(relays)] == taken
