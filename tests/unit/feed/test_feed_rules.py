"""Which events are told, when they are told again, to which addresses."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import BadRequest
from app.core.ids import LectureId, NodeId, RoomId
from app.feed import retries, signature
from app.feed.door import check_url
from app.feed.model import TYPES, Logged, member_event, node_event, room_event

ROOM, LECTURE = RoomId("004217"), LectureId("a" * 32)


@pytest.mark.parametrize("kind", ["board", "drawn", "votes", "listeners", "speaking", "caption"])
def test_what_is_of_no_use_outside_is_not_told(kind: str) -> None:
    assert room_event(ROOM, LECTURE, Logged(1, 0, kind, {})) is None


def test_every_event_is_a_cloud_event() -> None:  # M6
    events = [
        room_event(ROOM, LECTURE, Logged(7, 1_700_000_000_123, "solved", {"questionId": "1-0"})),
        member_event(ROOM, LECTURE, "u1", 0, joined=True, member={"kind": "GUEST"}),
        node_event(NodeId("relay-1"), "worker.left", "u2", 0, {"kind": "relay"}),
    ]
    for event in events:
        assert event is not None
        document = orjson.loads(event.body)
        assert {"specversion", "id", "source", "type", "time", "data"} <= set(document)
        assert document["type"] in TYPES
        assert document["source"] == event.source
    first = orjson.loads(events[0].body) if events[0] else {}
    assert first["time"] == "2023-11-14T22:13:20.123Z"


def test_the_same_event_has_the_same_id() -> None:
    entry = Logged(7, 1, "ended", {})
    assert room_event(ROOM, LECTURE, entry) == room_event(ROOM, LECTURE, entry)


def test_a_signature_of_the_specification() -> None:
    # The example of the Standard Webhooks libraries' own tests.
    made = dict(
        signature.headers(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
        )
    )
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_grow_and_have_an_end(failures: int, chance: float) -> None:
    pause = retries.pause(failures, lambda: chance)
    assert 0 < pause <= retries.LONGEST_SECONDS * 1.1
    assert pause <= retries.pause(failures + 1, lambda: chance)


def test_a_day_is_the_end() -> None:
    assert not retries.gives_up(0, 86_400_000)
    assert retries.gives_up(0, 86_400_001)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "ftp://hooks.example.org/",
        "https:///path",
        "https://user:secret@hooks.example.org/",
        "https://hooks.example.org:99999/",
        "https://höoks.example.org/",
        "javascript:alert(1)",
        "https://hooks.example.org/" + "x" * 2000,
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(BadRequest):
        check_url(url, private=False)


def test_addresses_that_are_taken() -> None:
    assert check_url("https://hooks.example.org:8443/a?b=c", private=False)
    assert check_url("http://127.0.0.1:9/", private=True)
