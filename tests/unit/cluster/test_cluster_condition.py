"""What a process says of itself: how full it is, and whether it takes anything new."""

from app.cluster.condition import Condition
from app.cluster.node import NodeInfo, NodeState
from app.cluster.usage import Totals, UsageMeter, resident_bytes
from app.core.ids import NodeId
from tests.manual_clock import ManualClock

BASE = NodeInfo(NodeId("r"), "relay", "h:1", regions=("seoul",))
HUGE = 1 << 50


def opened(condition: Condition) -> Condition:
    condition.opened()
    return condition


def test_who_is_not_reached_yet_is_given_nothing(clock: ManualClock) -> None:  # O8
    condition = Condition(BASE, clock, lambda: 0.1, memory_cap_bytes=HUGE)
    found = condition.describe()
    assert (found.state, found.load, found.is_available) == (NodeState.INITIALIZING, None, False)
    assert opened(condition).describe().is_available


def test_full_keeps_new_work_away_until_it_is_clearly_less(clock: ManualClock) -> None:  # O19
    load = [0.0]
    condition = opened(Condition(BASE, clock, lambda: load[0], memory_cap_bytes=HUGE))
    seen = []
    for share in (0.5, 0.84, 0.85, 0.99, 0.82, 0.79, 0.84):
        load[0] = share
        seen.append(condition.describe().state)
    ready, full = NodeState.READY, NodeState.FULL
    assert seen == [ready, ready, full, full, full, ready, ready]


def test_whatever_is_fullest_is_the_load(clock: ManualClock) -> None:
    condition = opened(Condition(BASE, clock, lambda: 0.3, memory_cap_bytes=HUGE))
    assert condition.describe().load == 0.3  # CPU counts from half a second on
    assert condition.describe().regions == ("seoul",)
    small = opened(Condition(BASE, clock, lambda: 0.3, memory_cap_bytes=1 << 20))  # we are larger
    found = small.describe()
    assert found.state is NodeState.FULL
    assert found.load is not None
    assert found.load > 1
    assert found.usage.memory_bytes > 1 << 20


def test_draining_is_draining_however_full(clock: ManualClock) -> None:
    condition = Condition(BASE, clock, lambda: 0.99, memory_cap_bytes=HUGE)
    condition.drain()
    assert condition.describe().state is NodeState.DRAINING
    assert not condition.describe().is_available


def test_the_measure_may_come_later(clock: ManualClock) -> None:
    condition = opened(Condition(BASE, clock, lambda: 0.0, memory_cap_bytes=HUGE))
    condition.measured_by(lambda: 0.9)
    assert condition.describe().state is NodeState.FULL


def test_rates_are_taken_over_half_a_second_and_smoothed() -> None:
    meter = UsageMeter(0.0, Totals(1.0, 100, 1000), smoothing=0.5)
    assert meter.read(Totals(1.2, 200, 2000), 7, 0.4).cpu == 0  # too soon to tell
    found = meter.read(Totals(1.5, 1100, 126_000), 7, 1.0)
    assert (found.cpu, found.packets_per_second, found.memory_bytes) == (0.25, 500, 7)
    assert found.network_bps == 500_000
    found = meter.read(Totals(2.5, 2100, 251_000), 8, 2.0)
    assert (found.cpu, found.packets_per_second) == (0.625, 750)


def test_a_counter_that_went_back_is_no_negative_rate() -> None:
    meter = UsageMeter(0.0, Totals(1.0, 100, 1000), smoothing=1.0)
    found = meter.read(Totals(0.5, 0, 0), 0, 1.0)
    assert (found.cpu, found.packets_per_second, found.network_bps) == (0, 0, 0)


def test_resident_memory_where_there_is_no_proc() -> None:
    def missing() -> str:
        raise FileNotFoundError

    assert resident_bytes(missing, 4096) == 0
    assert resident_bytes(lambda: "", 4096) == 0
    assert resident_bytes(lambda: "10 3 1", 4096) == 3 * 4096
