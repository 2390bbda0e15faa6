"""How much a server's network still carries."""

import pytest

from app.turn.traffic import Totals, TrafficMeter, free_traffic, read_totals

GIGABIT = 1_000_000_000

NETWORK = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop
    lo: 9000 9 0 0 0 0 0 0 9000 9 0 0 0 0 0 0
  eth0: 100 1 0 0 0 0 0 0 200 2 0 0 0 0 0 0
 bond0:30 1 0 0 0 0 0 0 40 2 0 0 0 0 0 0
"""


@pytest.mark.parametrize(
    ("moved", "free"), [(0, 1000.0), (625_000_000, 500.0), (2_000_000_000, 0.0)]
)
def test_formula_of_the_seed_never_below_zero(moved: int, free: float) -> None:  # T6
    assert free_traffic(GIGABIT, moved) == free


def test_one_decimal() -> None:  # T6
    assert free_traffic(GIGABIT, 123_456_789) == 901.2


def test_all_is_free_before_two_samples() -> None:  # T6
    meter = TrafficMeter(GIGABIT)
    assert meter.free == 1000.0
    assert meter.sample(Totals(5_000_000_000, 5_000_000_000), 0.0) == 1000.0


@pytest.mark.parametrize(("received", "sent"), [(625_000_000, 0), (0, 625_000_000)])
def test_the_busier_direction_counts(received: int, sent: int) -> None:  # T6
    meter = TrafficMeter(GIGABIT)
    meter.sample(Totals(1000, 1000), 0.0)
    assert meter.sample(Totals(1000 + received, 1000 + sent), 10.0) == 500.0


def test_a_counter_reset_says_nothing() -> None:  # T6
    meter = TrafficMeter(GIGABIT)
    meter.sample(Totals(1_000_000_000, 0), 0.0)
    assert meter.sample(Totals(1_625_000_000, 0), 10.0) == 500.0
    assert meter.sample(Totals(10, 10), 20.0) == 500.0, "a reset is no free traffic"
    assert meter.sample(Totals(10, 10), 30.0) == 1000.0, "measured again from the reset on"


def test_late_samples_are_measured_over_their_own_time() -> None:
    meter = TrafficMeter(GIGABIT)
    meter.sample(Totals(0, 0), 0.0)
    assert meter.sample(Totals(1_250_000_000, 0), 20.0) == 500.0


def test_interfaces() -> None:
    assert read_totals(NETWORK, "eth0") == Totals(100, 200)
    assert read_totals(NETWORK, "bond0") == Totals(30, 40)
    assert read_totals(NETWORK, None) == Totals(130, 240), "all but loopback"
    assert read_totals(NETWORK, "wlan0") == Totals(0, 0)
    assert read_totals("", None) == Totals(0, 0)
