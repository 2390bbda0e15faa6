"""What existing clients send, in their order and without acknowledgements."""

import gzip
import json
from typing import Any

import pytest

from tests.integration.sio.conftest import (
    OBJECTS,
    OFFER,
    OWNER,
    STRANGER,
    STUDENT,
    Stack,
    content,
    edit,
)

CANDIDATE = {
    "candidate": {
        "candidate": "candidate:1 1 udp 1 192.0.2.1 5000 typ host",
        "sdpMid": "0",
        "sdpMLineIndex": 0,
        "usernameFragment": "x",
    },
    "presenterSocketId": "whatever",
}


async def test_presenter_creates_as_old_clients_do(stack: Stack) -> None:  # B1 B3
    room = await stack.room()
    client = stack.client(["polling", "websocket"])
    await client.join("/create-room", stack.token(OWNER))
    offer = {"socketId": "old", "roomId": room, "SDP": OFFER}
    await client.tell("/create-room", "presenterOffer", offer)
    init = {"roomId": room, "whiteboardDetails": content()}
    await client.tell("/create-room", "whiteboardInit", init)
    for _ in range(25):
        await client.tell("/create-room", "clientCandidate", CANDIDATE)
    answer = await client.event("serverAnswer")
    assert answer["SDP"] == {"type": "answer", "sdp": "v=0 answer"}
    assert (await client.event("serverCandidate"))["candidate"]["sdpMid"] == "0"
    await client.join("/lecture", stack.token(OWNER))
    await client.event("state")
    assert client.order().index("serverAnswer") < client.order().index("serverCandidate")
    assert client.all("failed") == []
    assert (await stack.redis.hash("room:{" + room + "}"))[b"whiteboardObjects"] == OBJECTS


async def test_student_enters_and_gets_the_board(stack: Stack) -> None:  # B4
    room = await stack.room()
    presenter = await stack.presenter(room)
    await presenter.ask("/lecture", "edit", edit(room, at=7))
    student = await stack.student(room)
    answer = student.all("serverAnswer")[0]
    assert answer["whiteboard"]["objects"] == OBJECTS
    assert answer["whiteboard"]["eventTime"] == 7
    assert answer["startTime"].endswith("Z")
    assert answer["SDP"]["type"] == "answer"
    assert answer["presenterPresent"] is True
    assert student.order().index("serverAnswer") < student.order().index("serverCandidate")
    listed = student.all("state")[0]
    assert listed["role"] == "student"
    assert (listed["questions"], listed["assistant"]) == ([], False)


async def test_before_the_first_board_objects_are_empty_binary(stack: Stack) -> None:  # B4
    room = await stack.room()
    await stack.presenter(room, board=False)
    student = await stack.student(room)
    board = student.all("serverAnswer")[0]["whiteboard"]
    assert board["objects"] == b""
    assert board["viewport"] == [1, 0, 0, 1, 0, 0]
    assert board["eventTime"] == 0


async def test_entering_before_the_presenter_is_an_error_event(stack: Stack) -> None:  # B4
    room = await stack.room()
    client = stack.client()
    await client.join("/enter-room", stack.token(STUDENT))
    await client.tell("/enter-room", "studentOffer", {"roomId": room, "SDP": OFFER})
    failed = await client.event("failed")
    assert (failed["event"], failed["code"]) == ("studentOffer", "not_started")


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_an_edit_reaches_the_whole_room(stack: Stack, transport: str) -> None:  # B5
    room = await stack.room()
    presenter = await stack.presenter(room, transports=["websocket"])
    student = await stack.student(room, transports=[transport])
    objects = gzip.compress(b"[1,2]")
    await presenter.tell("/lecture", "edit", edit(room, objects, at=9))
    for client in (presenter, student):
        update = await client.event("update")
        assert update["type"] == "whiteBoard"
        assert update["content"]["objects"] == objects
        assert update["content"]["eventTime"] == 9
        assert isinstance(update["seq"], int)


async def test_questions_are_asked_and_solved(stack: Stack) -> None:  # B6 X1
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    question = {"type": "question", "roomId": room, "content": " Why? "}
    await student.tell("/lecture", "ask", question)
    asked = await presenter.event("asked")
    assert (asked["type"], asked["content"]) == ("question", "Why?")
    assert student.all("asked") == []
    solved = {"type": "question", "roomId": room, "questionId": asked["questionId"]}
    await presenter.tell("/lecture", "solved", solved)
    assert (await student.event("solved"))["questionId"] == asked["questionId"]
    assert (await presenter.event("solved"))["questionId"] == asked["questionId"]


async def test_asking_twice_with_one_id_stores_once(stack: Stack) -> None:
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    question = {"roomId": room, "content": "Why?", "clientQuestionId": "mine-1"}
    first = await student.ask("/lecture", "ask", question)
    second = await student.ask("/lecture", "ask", question)
    assert first == second == {"ok": True, "questionId": first["questionId"]}
    await student.ask("/lecture", "ask", {"roomId": room, "content": "Last"})
    await presenter.event("asked", 2)
    assert [asked["content"] for asked in presenter.all("asked")] == ["Why?", "Last"]


async def test_presenter_reloads_and_gets_everything_back(stack: Stack) -> None:  # B7 X8 X9 B6
    room = await stack.room()
    first = await stack.presenter(room)
    student = await stack.student(room)
    await student.ask("/lecture", "ask", {"roomId": room, "content": "One"})
    two = await student.ask("/lecture", "ask", {"roomId": room, "content": "Two"})
    await student.ask("/lecture", "ask", {"roomId": room, "content": "Three"})
    solved = {"roomId": room, "questionId": two["questionId"]}
    assert (await first.ask("/lecture", "solved", solved))["ok"]
    start_time = first.all("state")[0]["startTime"]
    await first.drop()
    away = await student.event("presenter_away")
    assert away["deadline"].endswith("Z")
    await student.ask("/lecture", "ask", {"roomId": room, "content": "Four"})

    again = stack.client()
    await again.join("/create-room", stack.token(OWNER))
    await again.tell("/create-room", "presenterOffer", {"roomId": room, "SDP": OFFER})
    wiped = {"roomId": room, "whiteboardDetails": content(gzip.compress(b"[]"), at=0)}
    await again.tell("/create-room", "whiteboardInit", wiped)
    told = await again.event("reconnectPresenter")
    await again.event("serverAnswer")
    assert again.order()[:2] == ["reconnectPresenter", "serverAnswer"]
    assert told["startTime"] == start_time
    assert [(len(entry), entry[1]) for entry in told["questions"]] == [
        (2, ["content", "One"]),
        (2, ["content", "Three"]),
        (2, ["content", "Four"]),
    ]
    assert told["whiteboard"]["objects"] == OBJECTS
    canvas = told["whiteboard"]["canvasJSON"]
    assert canvas["objects"] == json.loads(gzip.decompress(OBJECTS))
    assert canvas["background"] == "white"
    await student.event("presenter_back")
    late = await stack.student(room, STRANGER)
    assert late.all("serverAnswer")[0]["whiteboard"]["objects"] == OBJECTS
    assert late.all("serverAnswer")[0]["startTime"] == start_time


async def test_the_end_is_told_to_all_and_processed_before_the_disconnect(
    stack: Stack,
) -> None:  # B8
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    await presenter.tell("/lecture", "end", {"type": "lecture", "roomId": room})
    await presenter.part()
    ended = await student.event("ended")
    assert (ended["type"], ended["content"], ended["reason"]) == (
        "lecture",
        "finish",
        "presenter",
    )
    await student.tell("/lecture", "leave", {"type": "lecture", "roomId": room})
    assert await student.event("response") == {"type": "lecture", "content": "success"}
    assert (await student.ask("/lecture", "leave", {"roomId": room})) == {"ok": True}
    assert len(student.all("response")) == 1
    assert student.all("presenter_away") == []


async def test_ending_twice_is_fine(stack: Stack) -> None:  # B8
    room = await stack.room()
    presenter = await stack.presenter(room)
    assert await presenter.ask("/lecture", "end", {"roomId": room}) == {"ok": True}
    assert await presenter.ask("/lecture", "end", {"roomId": room}) == {"ok": True}
    await presenter.event("ended")
    assert len(presenter.all("ended")) == 1


async def test_only_the_leaver_is_answered(stack: Stack) -> None:  # B8
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    stays = await stack.student(room, STRANGER)
    await student.tell("/lecture", "leave", {"type": "lecture", "roomId": room})
    await student.event("response")
    await presenter.ask("/lecture", "edit", edit(room, at=2))
    await stays.event("update")
    assert stays.all("response") == presenter.all("response") == []
    assert student.all("update") == []


async def test_a_guest_takes_part(stack: Stack) -> None:  # B9
    room = await stack.room()
    presenter = await stack.presenter(room)
    guest, _ = await stack.guest(room)
    assert (await guest.ask("/lecture", "ask", {"roomId": room, "content": "Hm?"}))["ok"]
    asked = await presenter.event("asked")
    assert asked["name"].startswith("Guest ")
    for event, data in _presenters_events(room).items():
        refused = await guest.ask("/lecture", event, data)
        assert refused["error"]["code"] == "forbidden", event


def _presenters_events(room: str) -> dict[str, Any]:
    return {
        "edit": edit(room),
        "solved": {"roomId": room, "questionId": "1-1"},
        "end": {"roomId": room},
        "sources": {"roomId": room, "camera": True},
    }


async def test_sources_are_told_to_the_room(stack: Stack) -> None:
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    assert await presenter.ask("/lecture", "sources", {"roomId": room, "screen": True}) == {
        "ok": True
    }
    told = await student.event("sources")
    assert (told["screen"], told["camera"]) == (True, False)


async def test_listeners_are_counted(stack: Stack) -> None:
    room = await stack.room()
    presenter = await stack.presenter(room)
    student = await stack.student(room)
    await presenter.until(lambda: [e["count"] for e in presenter.all("listeners")][-1:] == [1])
    await student.close()
    await presenter.until(lambda: [e["count"] for e in presenter.all("listeners")][-1:] == [0])


async def test_panning_keeps_the_objects_for_who_comes_later(stack: Stack) -> None:  # X2
    room = await stack.room()
    presenter = await stack.presenter(room)
    assert (await presenter.ask("/lecture", "edit", edit(room, b"drawn", at=1)))["ok"]
    assert (await presenter.ask("/lecture", "edit", edit(room, b"", at=2)))["ok"]
    student = await stack.student(room)
    board = student.all("serverAnswer")[0]["whiteboard"]
    assert (board["objects"], board["eventTime"]) == (b"drawn", 2)


async def test_a_board_that_changed_before_lecture_was_joined_is_sent(stack: Stack) -> None:  # X10
    room = await stack.room()
    presenter = await stack.presenter(room)
    client = stack.client()
    await client.join("/enter-room", stack.token(STUDENT))
    await client.ask("/enter-room", "studentOffer", {"roomId": room, "SDP": OFFER})
    await presenter.ask("/lecture", "edit", edit(room, b"meanwhile", at=3))
    await client.join("/lecture", stack.token(STUDENT))
    assert (await client.event("update"))["content"]["objects"] == b"meanwhile"


async def test_after_the_end_everything_is_refused_as_ended(stack: Stack) -> None:  # B8
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    await presenter.ask("/lecture", "end", {"roomId": room})
    await student.event("ended")
    late = await student.ask("/lecture", "ask", {"roomId": room, "content": "Too late?"})
    assert late["error"]["code"] == "ended"
    newcomer = stack.client()
    await newcomer.join("/enter-room", stack.token(STRANGER))
    offer = {"roomId": room, "SDP": OFFER}
    answer = await newcomer.ask("/enter-room", "studentOffer", offer)
    assert answer["error"]["code"] == "ended"


async def test_a_client_that_loses_its_relay_offers_again(stack: Stack) -> None:
    room = await stack.room()
    await stack.presenter(room)
    student = await stack.student(room)
    answer = await student.ask("/enter-room", "studentOffer", {"roomId": room, "SDP": OFFER})
    assert answer["ok"]
    elsewhere = {"roomId": "111111", "SDP": OFFER}
    refused = await student.ask("/enter-room", "studentOffer", elsewhere)
    assert refused["error"]["code"] == "wrong_order"
