"""A room's hash and a user's record, as values."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import ConnectionId, NodeId
from app.rooms.model import holder, iso, read_membership, read_room

FIELDS = {
    b"lectureId": b"a" * 32,
    b"presenterEmail": b"ada@example.org",
    b"startTime": b"2025-06-15T15:06:40.000Z",
    b"status": b"LIVE",
    b"epoch": b"3",
    b"seq": b"12",
    b"relay": b"relay-1",
}


def test_no_hash_is_no_room() -> None:
    assert read_room({}) is None
    assert read_room({b"seq": b"3"}) is None


def test_a_room_without_what_comes_later() -> None:
    room = read_room(FIELDS)
    assert room is not None
    assert (room.epoch, room.seq, room.relay, room.status) == (3, 12, "relay-1", "LIVE")
    assert (room.deadline_ms, room.listeners, room.sources) == (None, 0, {})
    assert (room.board_view, room.board_objects) == (b"", b"")


def test_a_room_off_its_relay_and_away() -> None:
    room = read_room(
        {**FIELDS, b"relay": b"", b"status": b"AWAY", b"deadline": b"1750000000000",
         b"sources": b'{"camera":true}', b"listeners": b"4"}
    )  # fmt: skip
    assert room is not None
    assert (room.relay, room.status, room.deadline_ms) == (None, "AWAY", 1750000000000)
    assert (room.sources, room.listeners) == ({"camera": True}, 4)


def test_a_record_keeps_rooms_apart() -> None:  # X13
    member = read_membership(
        {b"type": b"STUDENT", b"roomId": b"2", b"room:1": b"PRESENTER", b"room:2": b"STUDENT"}
    )
    assert (member.newest, member.kinds) == ("2", {"1": "PRESENTER", "2": "STUDENT"})
    assert read_membership({}).newest is None


@given(st.integers(0, 4_000_000_000_000))
def test_a_moment_reads_back_to_the_millisecond(milliseconds: int) -> None:
    text = iso(milliseconds)
    assert len(text) == 24
    assert round(datetime.fromisoformat(text).timestamp() * 1000) == milliseconds


def test_two_tabs_are_two_holders() -> None:
    assert holder(NodeId("api-1"), ConnectionId("x")) == "api-1/x"
