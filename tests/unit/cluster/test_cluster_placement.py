"""Where a room goes, and when a relay counts as lost."""

from hypothesis import given
from hypothesis import strategies as st

from app.cluster.node import NodeInfo, read_node
from app.cluster.placement import Absences, choose
from app.core.ids import NodeId


def node(name: str, load: float = 0, capacity: float = 100) -> NodeInfo:
    return NodeInfo(NodeId(name), "relay", "h:1", load, capacity)


def test_a_room_stays_where_it_is_while_that_lives() -> None:
    alive = [node("a", 99), node("b", 1)]
    assert choose(alive, NodeId("a")) == "a"
    assert choose(alive, NodeId("gone")) == "b"


def test_a_draining_relay_keeps_its_rooms_and_gets_no_new_one() -> None:
    alive = [node("a", 0, 0), node("b", 90)]
    assert choose(alive, NodeId("a")) == "a"
    assert choose(alive, None) == "b"


def test_the_least_loaded_by_its_own_capacity() -> None:
    assert choose([node("a", 50, 100), node("b", 60, 200)], None) == "b"


def test_ties_go_by_name_whatever_the_order() -> None:
    assert choose([node("b"), node("a"), node("c")], None) == "a"


def test_no_relay() -> None:
    assert choose([], NodeId("a")) is None
    assert choose([node("a", 0, 0)], None) is None


@given(st.text(), st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_node_survives_its_hash(name: str, load: float, capacity: float) -> None:
    made = node(name, load, capacity)
    fields = {field.encode(): value.encode() for field, value in made.fields().items()}
    assert read_node(fields) == made
    assert read_node({}) is None


def test_one_miss_is_no_loss_two_are() -> None:
    absences, relay = Absences(), NodeId("r")
    assert absences.lost({relay}, set(), 10.0) == set()
    assert absences.lost({relay}, set(), 11.0) == {relay}
    assert absences.lost({relay}, {relay}, 12.0) == set()
    assert absences.lost({relay}, set(), 13.0) == set()


def test_looks_that_are_far_apart_are_not_in_a_row() -> None:  # Redis was away between them
    absences, relay = Absences(), NodeId("r")
    absences.lost({relay}, set(), 10.0)
    assert absences.lost({relay}, set(), 20.0) == set()
