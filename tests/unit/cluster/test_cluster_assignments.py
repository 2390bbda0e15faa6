"""What becomes of one task's assignment, as values and with a clock of the test's own."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.cluster.assignment import (
    Assignment,
    asked_again,
    is_hardly_newer,
    laid_down,
    picked_up,
    read_assignment,
    reserved,
    unscheduled,
)
from app.core.ids import NodeId

A, B = NodeId("a"), NodeId("b")


def test_asking_again_for_what_is_reserved_begins_the_longer_time_anew() -> None:  # O9
    first = reserved(A, 60_000, now_ms=0)
    assert asked_again(first, 10_000, 50_000) == Assignment(A, 60_000, 110_000)
    assert asked_again(first, 90_000, 50_000) == Assignment(A, 90_000, 140_000)


def test_a_repeat_within_a_second_is_not_worth_a_write() -> None:  # L17
    first = reserved(A, 60_000, now_ms=0)
    assert is_hardly_newer(asked_again(first, 60_000, 999), first)
    assert not is_hardly_newer(asked_again(first, 60_000, 1_000), first)
    assert not is_hardly_newer(asked_again(first, 60_001, 1), first)
    executed = picked_up(first, A, 60_000)
    assert is_hardly_newer(asked_again(executed, 60_000, 50_000), executed)
    assert not is_hardly_newer(asked_again(executed, 90_000, 50_000), executed)


def test_asking_again_for_what_is_executed_starts_no_time() -> None:  # O9
    executed = picked_up(reserved(A, 60_000, 0), A, 60_000)
    assert asked_again(executed, 90_000, 50_000) == Assignment(A, 90_000, None)


def test_a_reservation_that_is_over_is_nobodys() -> None:  # O9, O10, O11
    record = reserved(A, 60_000, 0).write()
    assert read_assignment(record, 59_999) == Assignment(A, 60_000, 60_000)
    assert read_assignment(record, 60_000) is None


def test_who_picks_up_last_has_it() -> None:  # O10
    executed = picked_up(picked_up(reserved(A, 5, 0), A, 60_000), B, 60_000)
    assert executed == Assignment(B, 5, None)
    assert picked_up(None, B, 60_000) == Assignment(B, 60_000, None)  # it was over already


def test_what_is_laid_down_is_reserved_again_for_whoever_had_it() -> None:  # O10
    executed = picked_up(reserved(A, 5_000, 0), A, 0)
    assert laid_down(executed, A, 100) == Assignment(A, 5_000, 5_100)
    assert laid_down(executed, B, 100) == executed
    once = laid_down(executed, A, 100)
    assert laid_down(once, A, 3_000) == once  # a repeat makes it no longer
    assert laid_down(None, A, 0) is None


def test_only_its_owner_gives_a_task_up() -> None:  # O10
    held = reserved(A, 5_000, 0)
    assert unscheduled(held, B) == held
    assert unscheduled(held, A) is None
    assert unscheduled(None, A) is None


@pytest.mark.parametrize("record", [b"", b"a", b"a|1", b"a|x|1", b"a|-1|1", b"a||", b"\xff|1|\xff"])
def test_no_record_is_nobodys(record: bytes) -> None:
    assert read_assignment(record, 0) is None


@given(st.builds(Assignment, st.text(), st.integers(0, 10**12), st.none() | st.integers(1, 10**13)))
def test_an_assignment_survives_its_record(assignment: Assignment) -> None:
    assert read_assignment(assignment.write(), 0) == assignment


@dataclass
class _Expected:
    """The rules in words, kept beside the code: who has it, since when, for how long."""

    owner: str | None = None
    reserve: int = 0
    executing: bool = False
    since: int = 0
    alive: set[str] = field(default_factory=lambda: {"a", "b", "c"})


class AssignmentMachine(RuleBasedStateMachine):
    """Any order of events, against a model that keeps what the rows say."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.record = b""
        self.model = _Expected()

    def held(self) -> Assignment | None:
        return read_assignment(self.record, self.now)

    def write(self, new: Assignment | None) -> None:
        self.record = b"" if new is None else new.write()

    @rule(milliseconds=st.integers(0, 40_000))
    def time_passes(self, milliseconds: int) -> None:
        self.now += milliseconds
        model = self.model
        if model.owner and not model.executing and self.now - model.since >= model.reserve:
            model.owner = None

    @rule(reserve=st.integers(1, 90_000), chosen=st.sampled_from("abc"))
    def schedule(self, reserve: int, chosen: str) -> None:
        """As ``Scheduler._try_schedule`` composes it."""
        held, model = self.held(), self.model
        if held is not None and held.node in model.alive:
            self.write(asked_again(held, reserve, self.now))
            model.reserve = max(model.reserve, reserve)
        else:
            self.write(reserved(NodeId(chosen), reserve, self.now))
            model.owner, model.reserve, model.executing = chosen, reserve, False
        model.since = self.now

    @rule(node=st.sampled_from("abc"))
    def pick_up(self, node: str) -> None:
        self.write(picked_up(self.held(), NodeId(node), 60_000))
        model = self.model
        model.reserve = model.reserve if model.owner else 60_000
        model.owner, model.executing = node, True

    @rule(node=st.sampled_from("abc"))
    def lay_down(self, node: str) -> None:
        self.write(laid_down(self.held(), NodeId(node), self.now))
        if self.model.owner == node and self.model.executing:
            self.model.executing, self.model.since = False, self.now

    @rule(node=st.sampled_from("abc"))
    def unschedule(self, node: str) -> None:
        self.write(unscheduled(self.held(), NodeId(node)))
        if self.model.owner == node:
            self.model.owner = None

    @rule(node=st.sampled_from("abc"))
    def die_or_live(self, node: str) -> None:
        self.model.alive ^= {node}

    @invariant()
    def agrees(self) -> None:
        held = self.held()
        assert (held.node if held else None) == self.model.owner
        if held is not None:
            assert held.is_executing == self.model.executing
            assert held.reserve_ms == self.model.reserve


TestAnyOrder = AssignmentMachine.TestCase
