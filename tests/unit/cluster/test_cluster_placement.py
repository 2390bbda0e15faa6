"""Where a room and a participant go, and when a relay counts as lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cluster.node import NodeInfo, NodeState, Usage, read_node
from app.cluster.placement import (
    ANYWHERE,
    Absences,
    Preference,
    eligible,
    place_participant,
)
from app.cluster.refusals import AllFull, NoMatch
from app.core.ids import NodeId


def node(
    name: str,
    load: float | None = 0,
    *,
    capacity: float = 100,
    state: NodeState = NodeState.READY,
    regions: tuple[str, ...] = (),
    isps: tuple[str, ...] = (),
) -> NodeInfo:
    return NodeInfo(NodeId(name), "relay", "h:1", load, capacity, state, regions=regions, isps=isps)


@pytest.mark.parametrize(
    "taken",
    [
        node("a", 85),  # L16, O8: from its maximal load on
        node("a", 0, capacity=0),
        node("a", None),  # O8: nothing was reported yet
        node("a", 0, state=NodeState.INITIALIZING),
        node("a", 0, state=NodeState.FULL),
        node("a", 0, state=NodeState.DRAINING),
    ],
    ids=["at its maximum", "no capacity", "no report", "initializing", "full", "draining"],
)
def test_who_takes_nothing_new_is_never_picked(taken: NodeInfo) -> None:  # L16, O8
    with pytest.raises(AllFull, match=r"^No worker available, all in full load\.$"):  # O16
        eligible("relay", [taken])
    assert [one.id for one in eligible("relay", [taken, node("b", 84.9)])] == ["b"]


B = node("B", isps=("kt",), regions=("seoul",))
C = node("C", isps=("kt",), regions=("busan",))
ANY_ISP = node("D", 10, regions=("jeju",))


@pytest.mark.parametrize(
    ("nodes", "preference", "fit"),
    [
        ([B, C], Preference("kt", "jeju"), "BC"),
        ([B, C], Preference("kt", "busan"), "C"),
        ([B, C], Preference("kt", None), "BC"),
        ([B, C], ANYWHERE, "BC"),
        ([B, C], Preference(None, "seoul"), "B"),
        ([B, C, ANY_ISP], Preference("skt", "seoul"), "D"),
        ([B, C, ANY_ISP], Preference("kt", "jeju"), "D"),
    ],
)
def test_isp_is_a_must_and_region_a_wish(  # O12
    nodes: list[NodeInfo], preference: Preference, fit: str
) -> None:
    assert "".join(one.id for one in eligible("relay", nodes, preference)) == fit


def test_no_relay_for_a_provider() -> None:  # O12, O16
    with pytest.raises(NoMatch, match=r"^No worker matches the preference\.$"):
        eligible("relay", [B, C], Preference("skt", "seoul"))


def test_what_clients_do_not_reach_has_no_place() -> None:  # O13
    assert eligible("turn", [B], Preference("skt")) == [B]


def test_a_participant_goes_where_its_room_is_unless_that_is_full_or_far() -> None:
    near, far = node("a", 10, regions=("seoul",)), node("b", 1, regions=("busan",))
    assert place_participant([near, far], spanned={near.id}) is near
    assert place_participant([near, far]) is far
    assert place_participant([near, far], Preference(None, "busan"), spanned={near.id}) is far
    full = node("a", 85)
    assert place_participant([full, far], spanned={full.id}) is far
    with pytest.raises(AllFull):
        place_participant([full])


_names = st.lists(st.text(max_size=8), max_size=3).map(tuple)


@given(
    st.builds(
        NodeInfo,
        st.text().map(NodeId),
        st.text(),
        st.text(),
        st.none() | st.floats(0, 1e9),
        st.floats(0, 1e9),
        st.sampled_from(NodeState),
        _names,
        _names,
        st.floats(0, 1),
        st.builds(
            Usage, st.floats(0, 64), st.floats(0, 1e9), st.integers(0, 1 << 50), st.floats(0, 1e12)
        ),
    )
)
def test_a_node_survives_its_hash(made: NodeInfo) -> None:
    fields = {field.encode(): value.encode() for field, value in made.fields().items()}
    assert read_node(fields) == made


def test_what_an_older_process_says_is_enough() -> None:
    old = {b"id": b"r", b"kind": b"relay", b"address": b"h:1", b"load": b"0.5", b"capacity": b"1"}
    found = read_node(old)
    assert found is not None
    assert found.is_available
    assert read_node({}) is None


def test_one_miss_is_no_loss_two_are() -> None:
    absences, relay = Absences(), NodeId("r")
    for now in (7.0, 8.0, 9.0):
        assert absences.lost({relay}, {relay}, now) == set()
    assert absences.lost({relay}, set(), 10.0) == set()
    assert absences.lost({relay}, set(), 11.0) == {relay}
    assert absences.lost({relay}, {relay}, 12.0) == set()
    assert absences.lost({relay}, set(), 13.0) == set()


def test_looks_that_are_far_apart_are_not_in_a_row() -> None:  # Redis was away between them
    absences, relay = Absences(), NodeId("r")
    for now in (10.0, 10.5, 20.0, 20.5, 21.5):
        assert absences.lost({relay}, set(), now) == set()
    assert absences.lost({relay}, set(), 22.0) == {relay}


def test_after_a_look_that_failed_nobody_is_dead_for_a_while() -> None:  # P12
    absences, relay = Absences(), NodeId("r")
    for now in (7.0, 8.0, 9.0, 9.5):
        assert absences.lost({relay}, {relay}, now) == set()
    absences.blind()
    for now in (10.0, 10.5, 11.0, 11.5):  # its heartbeat is late, too
        assert absences.lost({relay}, set(), now) == set()
    assert absences.lost({relay}, {relay}, 12.0) == set()
