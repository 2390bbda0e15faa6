"""How long a coturn that died stays down."""

from app.turn.restarts import CALM_SECONDS, MOST_SECONDS, Restarts


def test_three_seconds_then_growing_pauses() -> None:  # T8
    restarts = Restarts()
    assert [restarts.delay(0.1) for _ in range(7)] == [3, 6, 12, 24, 48, MOST_SECONDS, MOST_SECONDS]


def test_a_long_life_begins_anew() -> None:  # T8
    restarts = Restarts()
    restarts.delay(0.1)
    restarts.delay(0.1)
    assert restarts.delay(CALM_SECONDS) == 3
    assert restarts.delay(0.1) == 6
