"""The estimator and its parts, each alone: delay gradient, loss, probes, acked rate, allocation."""

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.relay.core.allocation import Want, allocate
from app.relay.core.estimator import BETA, MIN_BPS, Estimator, Points
from app.relay.core.trendline import WINDOW, Trendline, Usage


def steady(
    estimator: Estimator, start: float, seconds: float, bps: int, slope: float = 0.0
) -> float:
    """Feed feedbacks of 50 ms at a rate; ``slope``: seconds of queue per second."""
    now, queue = start, 0.0
    while now < start + seconds:
        queue += slope * 0.05
        groups = [(now + part, now + part + queue) for part in (0.0, 0.017, 0.034)]
        estimator.take(Points(groups, int(bps * 0.05 / 8), 0.05, 10, 0), now)
        now += 0.05
    return now


def test_a_queue_that_grows_is_over_use_and_one_that_drains_is_under_use() -> None:
    trend = Trendline()
    for step in range(100):
        assert trend.add(20.0, 20.0, step * 20.0) is Usage.NORMAL
    seen = [trend.add(20.0, 25.0, 2_000 + step * 25.0) for step in range(30)]
    assert Usage.OVER in seen[:20]
    assert Usage.UNDER in [trend.add(20.0, 12.0, 3_000 + step * 12.0) for step in range(40)]


def test_noise_of_a_few_milliseconds_is_no_over_use() -> None:
    trend = Trendline()
    for step in range(500):
        noise = (-3.0, 4.0, -2.0, 1.0)[step % 4]
        assert trend.add(20.0, 20.0 + noise, step * 20.0) is not Usage.OVER


def test_the_estimate_falls_to_a_part_of_what_arrives_and_grows_again() -> None:
    estimator = Estimator(0.0, 1_000_000)
    now = steady(estimator, 0.0, 3.0, 1_000_000)
    assert 1_000_000 <= estimator.bps <= 1_500_000
    now = steady(estimator, now, 2.0, 300_000, slope=0.5)
    fallen = estimator.bps
    assert 0.8 * BETA * 300_000 <= fallen <= 1.1 * BETA * 300_000
    now = steady(estimator, now, 20.0, 300_000)
    assert fallen < estimator.bps <= 1.5 * 300_000 + 10_000, "what is not sent is not known to fit"


def test_a_long_queue_that_grows_is_over_use_however_few_its_points() -> None:
    estimator = Estimator(0.0, 1_000_000)
    now = steady(estimator, 0.0, 3.0, 800_000)
    for step in range(10):  # half a second in which nothing came, then all of it: no long queue
        sent = now + 0.05 * step
        estimator.take(Points([(sent, now + 0.5)], 5_000, 0.05, 10, 0), now + 0.5)
        assert estimator._growths < 3
    assert estimator._growths == 0
    estimator = Estimator(0.0, 1_000_000)
    steady(estimator, 0.0, 0.2, 800_000)
    fell = []
    for step in range(8):  # one packet in each, ever later: too few for a slope
        sent, late = 1.0 + 0.01 * step, 0.2 + 0.05 * step
        estimator.take(Points([(sent, sent + late)], 1_200, 0.05, 1, 0), sent + late)
        fell.append(estimator.usage is Usage.OVER)
    assert fell.index(True) in range(3, 6)
    assert estimator.bps < 900_000


def test_loss_above_a_tenth_lowers_and_loss_between_holds() -> None:
    estimator = Estimator(0.0, 2_000_000)
    for step in range(20):
        estimator.take_loss(0.05, step)
    assert estimator.bps == 2_000_000
    estimator.take_loss(0.2, 30.0)
    assert estimator.bps == 1_800_000
    estimator.take_loss(0.2, 30.1)
    assert estimator.bps == 1_800_000, "what was sent before must be reported first"
    for step in range(100):
        estimator.take_loss(0.5, 40.0 + step)
    assert estimator.bps == MIN_BPS


def test_random_loss_of_a_twentieth_lowers_nothing_in_an_hour_and_of_a_fifth_at_once() -> None:
    chance = random.Random(3)

    def lose(share: float, seconds: int, now: float) -> int:
        """125 packets a second, told of every 50 ms; return how often the estimate fell."""
        falls = 0
        for step in range(20 * seconds):
            lost = sum(chance.random() < share for _ in range(6))
            at = now + step * 0.05
            before = estimator.bps
            estimator.take(Points([(at, at)], 4_000, 0.05, 6 - lost, lost), at)
            falls += estimator.bps < before
        return falls

    estimator = Estimator(0.0, 2_000_000)
    assert lose(0.05, 3_600, 0.0) == 0
    before = estimator.bps
    assert lose(0.2, 5, 4_000.0) >= 2
    assert estimator.bps < 0.9 * before
    assert lose(0.13, 20, 5_000.0) >= 2, "a little more than a tenth is believed in a while"


def test_a_probe_raises_the_estimate_as_far_as_it_arrived() -> None:
    estimator = Estimator(0.0, 200_000)
    slow = [step * 0.01 for step in range(10)]
    estimator.take_probe(slow, 260, 1.0)  # 208 kbit/s
    assert estimator.bps == 200_000
    medium = [step * 0.005 for step in range(10)]
    estimator.take_probe(medium, 260, 2.0)  # 416 kbit/s
    assert 380_000 <= estimator.bps <= 410_000
    estimator.take_probe([0.0] * 10, 260, 3.0)
    assert estimator.bps <= 1_230_000, "a train is not believed without end"


def test_a_receivers_own_estimate_is_a_bound() -> None:
    estimator = Estimator(0.0, 2_000_000)
    estimator.cap(500_000)
    assert estimator.bps == 500_000


def test_everybody_gets_a_little_before_anybody_gets_much() -> None:
    camera = Want((100, 400, 1_200), -1)
    screen = Want((150, 600), -1)
    assert allocate(50, [screen, camera]) == [-1, -1]
    assert allocate(170, [screen, camera]) == [0, -1], "the most important first"
    assert allocate(300, [screen, camera]) == [0, 0]
    assert allocate(820, [screen, camera]) == [1, 0]
    assert allocate(10_000, [screen, camera]) == [1, 2]
    assert allocate(105, [Want((100,), 0)]) == [0], "what one has needs no headroom"
    assert allocate(105, [Want((100,), -1)]) == [-1]
    assert allocate(0, []) == []


@given(
    st.integers(0, 5_000),
    st.lists(st.lists(st.integers(1, 900), min_size=1, max_size=5), max_size=6),
)
def test_an_allocation_never_costs_more_than_its_budget(
    budget: int, steps: list[list[int]]
) -> None:
    wants = [Want(tuple(sum(ladder[: n + 1]) for n in range(len(ladder))), -1) for ladder in steps]
    given = allocate(budget, wants)
    spent = sum(want.rates[rung] for want, rung in zip(wants, given, strict=True) if rung >= 0)
    assert spent <= budget


def test_the_slope_stays_that_of_the_last_points_however_long_it_goes_on() -> None:
    chance = random.Random(7)
    trend = Trendline()
    arrival = 5e8
    for _ in range(5_000):
        passed = chance.choice([0, 5.25, 20, 500])
        arrival += passed
        trend.add(max(0.0, passed - chance.choice([0, 0.25, 3])), passed, arrival)
        if len(trend._times) == WINDOW and len(set(trend._times)) > 1:
            fitted = statistics.linear_regression(trend._times, trend._delays)
            assert trend._slope() == pytest.approx(fitted.slope, rel=1e-6, abs=1e-9)
