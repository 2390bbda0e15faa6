"""Bad input: each refused with a code, exactly once, and nobody else disturbed."""

import asyncio
from typing import Any

import pytest
from engineio import packet as eio_packet

from app.core import metrics
from tests.integration.sio.conftest import (
    OFFER,
    OWNER,
    STUDENT,
    Client,
    Stack,
    content,
    edit,
)

ENTER, CREATE, LECTURE = "/enter-room", "/create-room", "/lecture"


def big_offer(size: int) -> dict[str, str]:
    return {"type": "offer", "sdp": "v=0\r\n" + "a" * size}


async def code(client: Client, namespace: str, event: str, data: Any) -> str:
    answer = await client.ask(namespace, event, data)
    assert answer["ok"] is False, answer
    assert set(answer["error"]) == {"code", "message", "retryable"}
    return str(answer["error"]["code"])


@pytest.mark.parametrize(
    ("event", "data", "expected"),
    [
        ("presenterOffer", None, "bad_request"),
        ("presenterOffer", {"roomId": "12345", "SDP": OFFER}, "bad_request"),
        ("presenterOffer", {"roomId": 123456, "SDP": OFFER}, "bad_request"),
        ("presenterOffer", {"roomId": "123456", "SDP": {"type": "offer"}}, "bad_offer"),
        (
            "presenterOffer",
            {"roomId": "123456", "SDP": {"type": "answer", "sdp": "v=0"}},
            "bad_offer",
        ),
        ("presenterOffer", {"roomId": "123456", "SDP": big_offer(70_000)}, "too_large"),
        ("presenterOffer", {"roomId": "123456", "SDP": big_offer(400_000)}, "too_large"),
        ("whiteboardInit", {"roomId": "123456", "whiteboardDetails": content()}, "wrong_order"),
        ("whiteboardInit", {"roomId": "123456"}, "bad_request"),
        ("clientCandidate", {"candidate": "text"}, "bad_request"),
        ("clientCandidate", {"candidate": {"candidate": "x" * 2000}}, "bad_request"),
        ("connect", {}, "bad_request"),
        ("disconnect", {}, "bad_request"),
        ("nonsense", {}, "bad_request"),
        ("edit", {}, "bad_request"),
    ],
)
async def test_create_room_refuses(stack: Stack, event: str, data: Any, expected: str) -> None:
    client = stack.client()
    await client.join(CREATE, stack.token(OWNER))
    assert await code(client, CREATE, event, data) == expected
    assert await client.ask(CREATE, "clientCandidate", {"candidate": None}) == {"ok": True}


async def test_lecture_refuses(stack: Stack) -> None:  # X12
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    view = {**content(), "viewport": [1, 0, 0, 1, 0]}
    odd = {**content(), "viewport": [1, 0, 0, 1, 0, "x"]}
    text = {**content(), "objects": "bm90IGJpbmFyeQ=="}
    for data, expected in [
        ({"roomId": room, "content": view}, "bad_request"),
        ({"roomId": room, "content": odd}, "bad_request"),
        ({"roomId": room, "content": text}, "bad_request"),
        ({"roomId": room, "content": content(b"x" * (1024 * 1024 + 1))}, "too_large"),
        ({"roomId": room, "content": content(b"x" * (1024 * 1024 + 100_000))}, "too_large"),
        ({"roomId": "111111", "content": content()}, "not_joined"),
        ({"roomId": room}, "bad_request"),
    ]:
        assert await code(presenter, LECTURE, "edit", data) == expected
    for question, expected in [("", "bad_request"), ("   ", "bad_request"), (7, "bad_request")]:
        asked = {"roomId": room, "content": question}
        assert await code(student, LECTURE, "ask", asked) == expected
    long = {"roomId": room, "content": "é" * 2001}
    assert await code(student, LECTURE, "ask", long) == "too_large"
    assert (await student.ask(LECTURE, "ask", {"roomId": room, "content": "é" * 2000}))["ok"]
    elsewhere = {"roomId": "111111", "content": "Hm"}
    assert await code(student, LECTURE, "ask", elsewhere) == "not_joined"
    unknown = {"roomId": room, "questionId": "not-one"}
    assert await code(presenter, LECTURE, "solved", unknown) == "not_found"
    assert student.all("update") == []


async def test_there_is_no_response_event(stack: Stack) -> None:  # X14
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    question = await student.ask(LECTURE, "ask", {"roomId": room, "content": "Kept?"})
    data = {"type": "question", "roomId": room, "questionId": question["questionId"]}
    assert await code(student, LECTURE, "response", data) == "bad_request"
    assert await code(student, LECTURE, "solved", data) == "forbidden"
    assert (await presenter.ask(LECTURE, "solved", data)) == {"ok": True, "solved": True}


async def test_a_forged_disconnect_closes_nothing(stack: Stack) -> None:
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    await student.tell(LECTURE, "disconnect", presenter.sio.get_sid(LECTURE))
    await student.event("failed")
    await student.tell(LECTURE, "connect", {"accessToken": OWNER})
    await student.event("failed", 2)
    assert (await presenter.ask(LECTURE, "edit", edit(room, at=4)))["ok"]
    assert (await student.event("update"))["content"]["eventTime"] == 4


async def test_without_a_callback_a_refusal_is_an_event(stack: Stack) -> None:
    client = stack.client()
    await client.join(ENTER, stack.token(STUDENT))
    await client.tell(ENTER, "studentOffer", {"roomId": "1"})
    failed = await client.event("failed")
    assert failed["event"] == "studentOffer"
    assert failed["code"] == "bad_request"
    assert "roomId" in failed["message"]


async def test_a_bad_offer_is_refused_and_the_next_one_works(stack: Stack) -> None:  # X12
    room = await stack.room()
    client = stack.client()
    await client.join(CREATE, stack.token(OWNER))
    garbage = {"roomId": room, "SDP": {"type": "offer", "sdp": "v=0 garbage"}}
    assert await code(client, CREATE, "presenterOffer", garbage) == "bad_offer"
    offer = {"roomId": room, "SDP": OFFER}
    assert (await client.ask(CREATE, "presenterOffer", offer))["ok"]


async def test_early_candidates_are_taken_and_too_many_are_not(stack: Stack) -> None:  # X10
    client = stack.client()
    await client.join(ENTER, "")
    candidate = {"candidate": {"candidate": "candidate:1", "sdpMLineIndex": 0}}
    answers = [await client.ask(ENTER, "clientCandidate", candidate) for _ in range(33)]
    assert [answer["ok"] for answer in answers] == [True] * 32 + [False]
    assert answers[-1]["error"]["code"] == "too_large"


async def test_events_before_joining_are_refused(stack: Stack) -> None:
    client = stack.client()
    await client.join(ENTER, "")
    before = metrics.SOCKET_EVENTS.labels("ask", "not_joined")._value.get()
    await client.sio.eio.send(f'2{LECTURE},7["ask",{{}}]')
    await client.sio.eio.send(f'2{LECTURE},["ask",{{}}]')
    assert (await client.ask(ENTER, "clientCandidate", {}))["ok"]
    assert metrics.SOCKET_EVENTS.labels("ask", "not_joined")._value.get() == before + 2


@pytest.mark.parametrize(
    "message",
    [
        "", "9", "2", "2[", "2{}", "59-[]",
        "2/lecture" + "x" * 300 + ",[]", '5999999999-["x"]', "6", "4{}", "0/enter-room,[[[[",
        '2["' + "[" * 5000, b"attachment",
    ],
)  # fmt: skip
async def test_garbage_closes_its_sender_alone(stack: Stack, message: str | bytes) -> None:
    room = await stack.room()
    presenter = await stack.presenter(room)
    client = stack.client(["websocket"])
    await client.join(ENTER, "")
    await client.sio.eio._send_packet(eio_packet.Packet(eio_packet.MESSAGE, message))
    await client.until(lambda: not client.sio.connected)
    assert (await presenter.ask(LECTURE, "edit", edit(room)))["ok"]


async def test_attachments_must_be_there(stack: Stack) -> None:
    room = await stack.room()
    presenter = await stack.presenter(room)
    for number in ("1", "-1", '"0"', "true", "null"):
        await presenter.sio.eio.send(
            f'51-{LECTURE},["edit",{{"a":{{"_placeholder":true,"num":{number}}}}}]'
        )
        await presenter.sio.eio.send(b"x")
    await presenter.event("failed", 5)
    assert {failed["code"] for failed in presenter.all("failed")} == {"bad_request"}


async def test_a_flood_is_refused_and_others_go_on(stack: Stack) -> None:
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    for number in range(200):
        await student.tell(LECTURE, "ask", {"roomId": room, "content": f"Q{number}"})
    await student.event("failed")
    assert "rate_limited" in {failed["code"] for failed in student.all("failed")}
    assert (await presenter.ask(LECTURE, "edit", edit(room, at=3)))["ok"]
    assert student.sio.connected


async def test_sixty_edits_a_second_pass(stack: Stack) -> None:
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    for number in range(90):
        await presenter.tell(LECTURE, "edit", edit(room, b"", at=number))
        await asyncio.sleep(1 / 60)
    await student.until(
        lambda: (
            student.all("update")[-1:] and student.all("update")[-1]["content"]["eventTime"] == 89
        )
    )
    assert presenter.all("failed") == []


async def test_offers_without_end_take_no_relay_with_them(stack: Stack) -> None:
    room = await stack.room()
    await stack.presenter(room)
    client = stack.client()
    await client.join(ENTER, "")
    offer = {"roomId": room, "SDP": OFFER}
    answers = [await client.ask(ENTER, "studentOffer", offer) for _ in range(10)]
    assert [answer["ok"] for answer in answers] == [True] * 6 + [False] * 4
    assert answers[-1]["error"] == {**answers[-1]["error"], "code": "rate_limited"}
    assert len(stack.relay.opened) == 7
