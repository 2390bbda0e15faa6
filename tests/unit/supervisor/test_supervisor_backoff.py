"""How soon a crashed child is started again."""

from app.supervisor import Backoff


def test_the_first_crash_is_answered_well_within_3_seconds() -> None:
    assert Backoff().delay(lived=100.0) <= 0.5


def test_a_child_that_keeps_crashing_waits_ever_longer_up_to_a_bound() -> None:
    backoff = Backoff()
    delays = [backoff.delay(lived=0.1) for _ in range(12)]
    assert delays == sorted(delays)
    assert len(set(delays[:5])) == 5
    assert delays[-1] == delays[-2] == Backoff.MOST


def test_a_calm_life_is_forgiven() -> None:
    backoff = Backoff()
    first = backoff.delay(lived=0.1)
    for _ in range(5):
        backoff.delay(lived=0.1)
    assert backoff.delay(lived=Backoff.CALM) == first
    assert backoff.delay(lived=0.1) == first * 2


def test_almost_calm_is_not_calm() -> None:
    backoff = Backoff()
    first = backoff.delay(lived=0.0)
    assert backoff.delay(lived=Backoff.CALM - 0.1) > first
