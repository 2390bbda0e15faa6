"""When secrets are replaced."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.turn.rotation import (
    SLOTS,
    Schedule,
    Slot,
    accepted,
    due,
    read_slot,
    slot_of,
    without_overlap,
)

PERIOD, OVERLAP = 3600.0, 330.0


def schedule() -> Schedule:
    numbers = itertools.count()
    return Schedule(PERIOD, OVERLAP, lambda: f"secret-{next(numbers)}")


def test_the_first_secrets() -> None:
    slots = due({}, schedule(), 1000.0)
    assert sorted(slots) == list(range(SLOTS))
    assert len(accepted(slots)) == SLOTS
    assert due(slots, schedule(), 1000.0 + PERIOD - 1) == {}


def test_replaced_by_schedule_with_overlap() -> None:  # T11
    plan = schedule()
    first = due({}, plan, 0.0)
    second = due(first, plan, PERIOD)
    assert all(second[index].previous == first[index].current for index in range(SLOTS))
    assert accepted(second) > accepted(first), "both are taken"
    assert due(second, plan, PERIOD + OVERLAP - 1) == {}
    third = due(second, plan, PERIOD + OVERLAP)
    assert accepted(third) == accepted(second) - accepted(first), "the old ones are dropped"
    assert all(third[index].since == PERIOD for index in range(SLOTS))


@given(st.lists(st.floats(0.5, 2 * PERIOD), min_size=1, max_size=60))
def test_no_credential_outlives_the_overlap_and_none_dies_before_its_time(
    steps: list[float],
) -> None:  # T11
    """Whenever the monitor looks: a secret is taken at least until a credential's life after it
    signed last, and not at the first look after the overlap."""
    plan, lifetime, slots, now = schedule(), OVERLAP - 30, {}, 0.0
    signed_last: dict[str, float] = {}
    replaced: dict[str, float] = {}
    for step in steps:
        changes = due(slots, plan, now)
        for index, slot in changes.items():
            if index in slots and slot.current != slots[index].current:
                replaced[slots[index].current] = now
        slots = {**slots, **changes}
        taken = accepted(slots)
        for secret, when in replaced.items():
            assert secret not in taken or now < when + OVERLAP
        for secret, when in signed_last.items():
            assert secret in taken or now >= when + lifetime
        for slot in slots.values():
            signed_last[slot.current] = now
        now += step


def test_a_clock_that_was_set_back_keeps_no_secret_for_ever() -> None:
    plan = schedule()
    slots = due(due({}, plan, 100_000.0), plan, 100_000.0 + PERIOD)
    back = {**slots, **due(slots, plan, 100_000.0 - 86_400)}
    assert all(slot.since == 100_000.0 - 86_400 for slot in back.values())
    slightly = due(slots, plan, 100_000.0 + PERIOD - 60)
    assert not any(slot.previous for slot in slightly.values()), "an end too far away is no end"


def test_thrown_away_without_overlap() -> None:
    slot = without_overlap("new", 50.0)
    assert accepted({0: slot}) == {"new"}


def test_slots_survive_their_encoding() -> None:
    slot = Slot("a", 1.5, "b", 2.5)
    assert read_slot(slot.encoded()) == slot
    assert read_slot(slot.encoded().encode()) == slot


def test_names_are_spread_over_all_slots() -> None:
    assert {slot_of(f"name-{number}") for number in range(500)} == set(range(SLOTS))
