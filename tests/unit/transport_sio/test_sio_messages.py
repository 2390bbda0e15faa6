"""The schemas of what clients send."""

from typing import Any

import pytest

from app.core.errors import BadOffer, BadRequest, LecternError, TooLarge
from app.transport.sio.messages import (
    Ask,
    ClientCandidate,
    Edit,
    OfferMessage,
    Solved,
    Sources,
    read,
)
from app.whiteboard.model import Board

CONTENT: dict[str, Any] = {
    "objects": b"gz",
    "viewport": [1, 0, 0, 1.5, 0, 0],
    "eventTime": 12,
    "width": 800,
    "height": 600.5,
}
SDP = {"type": "offer", "sdp": "v=0\r\n"}


def test_a_board_is_read_whatever_kind_of_binary_it_is() -> None:
    expected = Board(b"gz", (1, 0, 0, 1.5, 0, 0), 12, 800, 600.5)
    for kind in (bytes, bytearray, memoryview):
        content = {**CONTENT, "objects": kind(b"gz"), "extra": 1}
        message = read(Edit, [{"type": "whiteBoard", "roomId": "004217", "content": content}])
        assert message.content.board() == expected


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("objects", "text", BadRequest),
        ("objects", [1, 2], BadRequest),
        ("objects", bytes(1024 * 1024 + 1), TooLarge),
        ("viewport", [1, 0, 0, 1, 0], BadRequest),
        ("viewport", [1, 0, 0, 1, 0, 0, 0], BadRequest),
        ("viewport", [1, 0, 0, 1, 0, float("nan")], BadRequest),
        ("viewport", [1, 0, 0, 1, 0, True], BadRequest),
        ("viewport", "100100", BadRequest),
        ("eventTime", float("inf"), BadRequest),
        ("eventTime", 10**400, BadRequest),
        ("width", None, BadRequest),
    ],
)
def test_a_bad_board_is_refused(field: str, value: Any, error: type[LecternError]) -> None:
    with pytest.raises(error):
        read(Edit, [{"roomId": "004217", "content": {**CONTENT, field: value}}])


@pytest.mark.parametrize(
    "room", ["", "12345", "1234567", "000000", "12345a", "١٢٣٤٥٦", 123456, None]
)
def test_a_code_has_six_digits(room: Any) -> None:
    with pytest.raises(BadRequest):
        read(Sources, [{"roomId": room}])


@pytest.mark.parametrize(
    ("sdp", "error"),
    [
        ({"type": "answer", "sdp": "v=0"}, BadOffer),
        ({"type": "offer", "sdp": ""}, BadOffer),
        ({"type": "offer", "sdp": 1}, BadOffer),
        ({"type": "offer", "sdp": "v=0" + "x" * 65536}, TooLarge),
        ({"type": "offer", "sdp": "v=0" + "\ud800"}, BadOffer),
    ],
)
def test_a_bad_offer_is_refused(sdp: Any, error: type[LecternError]) -> None:
    with pytest.raises((error, BadRequest)):
        read(OfferMessage, [{"roomId": "004217", "SDP": sdp}])


def test_an_offer_may_name_its_sources() -> None:
    data = {"roomId": "004217", "SDP": SDP, "sources": {"0": "microphone"}, "peerId": "p"}
    offer = read(OfferMessage, [{**data, "socketId": "ignored"}]).offer()
    assert (offer.sources, offer.peer) == ({"0": "microphone"}, "p")
    assert read(OfferMessage, [{"roomId": "004217", "SDP": SDP}]).offer().peer is None
    for bad in ({"0": "window"}, {str(i): "camera" for i in range(9)}, []):
        with pytest.raises(BadRequest):
            read(OfferMessage, [{**data, "sources": bad}])


def test_a_question_is_trimmed_and_bounded() -> None:
    assert read(Ask, [{"roomId": "004217", "content": " a "}]).content == "a"
    assert len(read(Ask, [{"roomId": "004217", "content": "é" * 2000}]).content) == 2000
    with pytest.raises(TooLarge):
        read(Ask, [{"roomId": "004217", "content": "é" * 2001}])
    for content in ("", " \n", None, 5, ["a"]):
        with pytest.raises(BadRequest):
            read(Ask, [{"roomId": "004217", "content": content}])
    with pytest.raises(BadRequest):
        read(Ask, [{"roomId": "004217", "content": "a", "clientQuestionId": "x" * 65}])


def test_candidates_come_in_several_shapes() -> None:
    for candidate in (
        None,
        {"candidate": ""},
        {"candidate": "candidate:1", "sdpMid": "0"},
        {"candidate": "candidate:1", "sdpMLineIndex": 1, "sdpMid": None},
    ):
        read(ClientCandidate, [{"candidate": candidate, "studentSocketId": "s"}])
    with pytest.raises(BadRequest):
        read(ClientCandidate, [{"candidate": {"candidate": "c", "sdpMLineIndex": -1}}])


@pytest.mark.parametrize("args", [[], [None], ["text"], [[]], [1]])
def test_an_event_takes_an_object(args: list[Any]) -> None:
    with pytest.raises(BadRequest):
        read(Solved, args)


def test_a_refusal_names_the_field_and_repeats_nothing() -> None:
    with pytest.raises(BadRequest) as caught:
        read(Ask, [{"roomId": "secret-value", "content": "a"}])
    assert "roomId" in caught.value.message
    assert "secret-value" not in caught.value.message
