"""The simulated tree of relays: its shape, its sums, and what makes it slower."""

from dataclasses import replace

import pytest

from bench.scale import report
from bench.tree import (
    Measured,
    Plan,
    build,
    listeners_per_relay,
    packets_per_second,
    percentile,
    simulate,
)

PLAN = Plan(listeners=20_000, seconds=2.0)
COST = Measured(loss=0.0)


def test_every_listener_has_a_relay_within_two_steps_and_no_relay_feeds_too_many() -> None:
    for fan_out in (2, 4, 32):
        plan = replace(PLAN, fan_out=fan_out)
        relays = build(plan, COST)
        assert sum(relay.listeners for relay in relays) == pytest.approx(plan.listeners, abs=3)
        assert max(relay.listeners for relay in relays) <= listeners_per_relay(plan, COST)
        assert max(relay.depth for relay in relays) <= 2
        assert len(relays[0].lower) <= fan_out
        assert all(one in one.upper.lower for one in relays[1:] if one.upper is not None)


def test_a_relay_is_fed_from_its_region_where_it_can_be() -> None:
    relays = build(replace(PLAN, listeners=100_000), COST)
    regions = {one.region for one in relays if one.depth == 1}
    for one in relays:
        if one.depth == 2 and one.region in regions:
            assert one.upper is not None
            assert one.upper.region == one.region


def test_what_is_sent_is_what_the_workload_and_the_listeners_make() -> None:
    plan = replace(PLAN, regions=(("here", 1.0, 0.0),))
    relays = build(plan, COST)
    seen = simulate(plan, COST, relays)
    first = relays[0]
    per_copy = first.bytes_to_relays / len(first.lower)
    assert sum(relay.bytes_out for relay in relays) == pytest.approx(
        per_copy * (plan.listeners + len(relays) - 1), rel=1e-3
    )
    assert seen.packets == pytest.approx(packets_per_second("browser") * plan.seconds, rel=0.05)
    rate = packets_per_second(plan.workload)
    each = rate * COST.per_copy + COST.feedbacks * COST.feedback
    expected = first.listeners * each + rate * COST.per_packet_in
    expected += rate * len(first.lower) * COST.per_pipe_copy
    assert first.busy / plan.seconds == pytest.approx(expected, rel=0.1)


def test_distance_loss_and_dearer_copies_show_in_the_delay() -> None:
    def p99(plan: Plan, cost: Measured) -> float:
        seen = simulate(plan, cost, build(plan, cost))
        return percentile([d for found in seen.by_depth.values() for d in found], 0.99)

    base = p99(PLAN, COST)
    far = replace(PLAN, regions=(("here", 0.5, 0.0005), ("there", 0.5, 0.3)))
    assert p99(far, COST) > 0.3 > base
    assert p99(PLAN, replace(COST, loss=0.2)) > base
    dear = replace(COST, per_copy=3 * COST.per_copy)
    assert p99(replace(PLAN, max_load=5.0), dear) > base


def test_equal_plans_have_equal_reports() -> None:
    assert report(PLAN, COST) == report(PLAN, COST)
    assert "| relay processes, a core each |" in report(PLAN, COST)
