"""Clients that misbehave: rows 26 to 28, 31, 32."""

import asyncio
import contextlib
import os
import time
from typing import Any

import httpx
import jwt
import pytest

from tests.faults.history import Operation
from tests.faults.link import Link, LostError, RefusedError
from tests.faults.people import Presenter, Student
from tests.faults.rows import Row
from tests.faults.world import SECRET, Api, student, until


def _share(sorted_values: list[float], share: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


def _tokens(row: Row) -> dict[str, str]:
    now = int(time.time())
    claims = {"username": "x", "email": row.owner, "iat": now, "exp": now + 3600}
    unsigned = jwt.encode(claims, key="", algorithm="none")
    return {
        "expired": row.world.token(row.owner, age=3700),
        "forged": jwt.encode(claims, "another-secret-that-is-long-enough-too", algorithm="HS256"),
        "unsigned": unsigned,
        "other algorithm": jwt.encode(claims, SECRET * 2, algorithm="HS512"),
        "without exp": jwt.encode({**claims, "exp": None}, SECRET, algorithm="HS256"),
        "not a token": "x.y.z",
        "empty": "",
    }


async def test_row_26_tokens_that_are_not_good(row: Row) -> None:
    """Tokens expired, forged, unsigned, of a stranger or a guest's replayed: refused at once."""
    await row.lecture(1)
    before = await row.raw.hgetall(f"room:{{{row.room}}}")
    took = []
    stranger = await row.world.lecture()  # a lecture of another owner
    bad = {name: token for name, token in _tokens(row).items() if name != "expired"}
    expired = row.world.token(stranger[1], age=3700)  # in no live room
    for token in (*bad.values(), expired):
        for namespace in ("/create-room", "/lecture"):
            link = Link()
            await link.connect("127.0.0.1", row.world.apis[0].port)
            began = time.monotonic()
            with pytest.raises(RefusedError) as refusal:
                await link.join(namespace, {"accessToken": token, "refreshToken": ""})
            took.append(time.monotonic() - began)
            assert refusal.value.data["data"]["code"] == "unauthorized"
            link.close()
    presenter = Presenter(
        "thief", row.room, row.world.token(stranger[1]), row.world.apis, row.history
    )
    began = time.monotonic()
    with pytest.raises(RefusedError) as role:
        await presenter.enter()
    assert role.value.data["code"] == "forbidden"
    await presenter.close()
    guest = Student("guest", row.room, "", row.world.apis, row.history, 0)
    row.people.append(guest)
    await guest.enter()
    link = Link()
    await link.connect("127.0.0.1", row.world.apis[1].port)
    with pytest.raises(RefusedError):
        await link.join("/lecture", {"accessToken": guest._seat_token, "refreshToken": ""})
    link.close()
    took.sort()
    row.figure("refused after, worst", took[-1], most=0.05)
    after = await row.raw.hgetall(f"room:{{{row.room}}}")
    changing = {b"seq", b"listeners", b"lease", b"logBytes", b"blobBytes"}
    kept = {name: value for name, value in before.items() if name not in changing}
    assert {name: value for name, value in after.items() if name not in changing} == kept
    await row.settled()


async def test_row_27_token_expires_mid_lecture(row: Row) -> None:
    """A token expires while its owner is in: the lecture goes on, also over a lost connection."""
    row.room, row.owner = await row.world.lecture()
    world = row.world
    people = [
        Presenter("host", row.room, world.token(row.owner, 3597), world.apis, row.history),
        Student("student", row.room, world.token(student(0), 3597), world.apis, row.history, 1),
    ]
    row.people += people
    for person in people:
        await person.enter()
    token_ends = time.monotonic() + 3.2
    await asyncio.sleep(token_ends - time.monotonic())  # until both tokens are expired
    host, member = people
    question = await member.ask()
    assert (question.outcome, (await host.edit()).outcome) == ("ok", "ok")
    for person in people:
        person.stay()
        person.home += 1
        assert person.link is not None
        person.link.abort()
    await until(lambda: all(p.returns and p.is_in.is_set() for p in people), 15)
    row.figure("back with expired tokens", max(p.returns[0] for p in people))
    await host.until(lambda: host.epoch > 1, 15)
    assert (await member.ask()).outcome == "ok"
    assert (await host.edit()).outcome == "ok"
    assert all(person.refusals == [] for person in people)
    await row.settled()


async def test_row_26_at_the_wrong_node(row: Row) -> None:
    """What is good at one process, shown at another: a guest's id, a room token, an old epoch."""
    await row.lecture(1)
    here, there = row.world.apis
    host = row.host
    guest = Student("guest", row.room, "", row.world.apis, row.history, 0)
    row.people.append(guest)
    await guest.enter()
    before = await row.raw.hgetall(f"user:{guest._seat_token}")
    took = []
    for _ in range(3):  # its own connection lives, on the other process
        link = Link()
        await link.connect("127.0.0.1", there.port)
        with pytest.raises(RefusedError) as refusal:
            await link.join("/lecture", {"accessToken": guest._seat_token, "refreshToken": ""})
        assert refusal.value.data["data"]["code"] == "unauthorized"
        link.close()
    assert await row.raw.hgetall(f"user:{guest._seat_token}") == before
    room_token = await _room_token(row, here)
    other_room, _ = await row.world.lecture(1)
    async with httpx.AsyncClient(timeout=10) as client:
        _ = await client.get(f"{there.url}/health")  # what a connection costs is no refusal's
        for token in (
            room_token,
            host.token,
        ):  # another lecture's, at a process that serves neither
            began = time.monotonic()
            answer = await client.post(
                f"{there.url}/whip/{other_room}",
                content="v=0\r\n",
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"},
            )
            took.append(time.monotonic() - began)
            assert answer.status_code in (401, 403, 404), (answer.status_code, answer.text)
    assert not await row.raw.exists(f"room:{{{other_room}}}")
    second = await row.presenter(home=1, name="second tab")
    assert second.epoch == host.epoch + 1
    began = time.monotonic()
    stale = await host.edit()  # its epoch was this process' alone, and is another's now
    took.append(time.monotonic() - began)
    assert (stale.outcome, stale.result) == ("refused", "stale_presenter")
    row.figure("refused after, worst", max(took), most=0.05)
    host.is_in.clear()
    await row.settled()


async def _room_token(row: Row, api: Api) -> str:
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.post(
            f"{api.url}/lecture/{row.room}/token",
            json={"role": "presenter"},
            headers={"Authorization": row.host.token},
        )
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["token"])


BAD_BOARDS: list[Any] = [
    None, 7, "x", [], {"objects": "text"}, {"objects": 5}, {"objects": None},
    {"viewport": [1, 2]}, {"viewport": ["a"] * 6}, {"viewport": [1e400] * 6},
    {"eventTime": "now"}, {"width": "wide"}, {"height": {}},
    {"objects": {"_placeholder": True, "num": 9}}, {"viewport": [[[[[[1]]]]]] * 6},
]  # fmt: skip


async def test_row_28_malformed_boards(row: Row) -> None:
    """Malformed boards and Socket.IO packets: refused, nobody else notices."""
    await row.lecture(2)
    host = row.host
    assert (await host.edit()).outcome == "ok"
    good = {"objects": b"x", "viewport": [1, 0, 0, 1, 0, 0], "eventTime": 1}
    seq = await row.raw.hget(f"room:{{{row.room}}}", "rev")
    for bad in BAD_BOARDS:
        content = {**good, "width": 1, "height": 1, **bad} if isinstance(bad, dict) and bad else bad
        answer = await host.call("edit", {"type": "whiteBoard", "content": content})
        assert answer["ok"] is False, (bad, answer)
        assert answer["error"]["code"] in ("bad_request", "too_large"), (bad, answer)
    assert await row.raw.hget(f"room:{{{row.room}}}", "rev") == seq
    cut = 0
    for raw in (
        "4", "49", "42", "42[", '42["x"', '42/nowhere,["x"]', "451-", '45999-["x"]',
        '451-["x",{"_placeholder":true,"num":0}]', b"\x00", "4" + "[" * 5000, "43[]", "46-", "7",
        '42["connect"]', '42["disconnect"]', '42/lecture,["disconnect"]', "40" + "/" * 3000,
    ):  # fmt: skip
        link = Link()
        await link.connect("127.0.0.1", row.world.apis[0].port)
        link.raw(raw)
        with contextlib.suppress(LostError, RefusedError):
            await link.join("/enter-room", {"accessToken": "", "refreshToken": ""}, 2)
        cut += link.lost.is_set()
        link.close()
    row.figure("malformed messages", len(BAD_BOARDS) + 18, "")
    row.figure("connections cut for them", cut, "")
    assert (await host.edit()).outcome == "ok"
    await row.settled()


async def test_row_31_oversize(row: Row) -> None:
    """Oversize offers, boards, questions, frames and bodies: refused or cut, memory bounded."""
    await row.lecture(2)
    host, member, api = row.host, row.audience[0], row.world.apis[0]
    before = await api.reading()
    huge = {"objects": os.urandom((1 << 20) + 1), "viewport": [1, 0, 0, 1, 0, 0], "eventTime": 1,
            "width": 1, "height": 1}  # fmt: skip
    answer = await host.call("edit", {"type": "whiteBoard", "content": huge})
    assert answer["error"]["code"] == "too_large"
    long = await member.call("ask", {"type": "question", "content": "x" * 2001})
    assert long["error"]["code"] == "too_large"
    link = Link()
    await link.connect("127.0.0.1", api.port)
    await link.join("/enter-room", {"accessToken": "", "refreshToken": ""})
    offer = {"roomId": row.room, "SDP": {"type": "offer", "sdp": "v=0\r\n" + "a" * 66_000}}
    refused = await link.call("/enter-room", "studentOffer", offer)
    assert refused["ok"] is False
    link.close()
    for _ in range(8):  # frames of 4 MB: beyond what the web server takes
        link = Link()
        await link.connect("127.0.0.1", api.port)
        link.raw("4" + "x" * (4 << 20))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(link.lost.wait(), 5)
        assert link.lost.is_set()
    now = await api.reading()
    row.figure("most memory", (now.rss_bytes - before.rss_bytes) / (1 << 20), "MB", most=20)
    assert (await host.edit()).outcome == "ok"
    await row.settled()


async def test_row_32_question_flood(row: Row) -> None:
    """One person asks 1,000 questions a second: limited, and others notice nothing."""
    await row.lecture(3)
    flooder, other, api = row.audience[0], row.audience[2], row.world.apis[0]
    flooder.stay()
    assert {person.home % 2 for person in (flooder, other)} == {1}
    stop = asyncio.Event()
    sent = 0

    async def flood() -> None:
        nonlocal sent
        while not stop.is_set():
            for _ in range(20):
                sent += 1
                content = f"flood {sent}"
                log: Operation = row.history.invoke(
                    "ask", "flooder", content, time.monotonic(), content
                )
                assert log.outcome == "unknown"
                data = {"type": "question", "roomId": row.room, "content": content}
                with contextlib.suppress(LostError):
                    assert flooder.link is not None
                    flooder.link.emit("/lecture", "ask", data)
            await asyncio.sleep(0.02)

    flooding = asyncio.ensure_future(flood())
    took = []
    began = time.monotonic()
    while time.monotonic() - began < 5:
        log = await other.ask()
        assert log.outcome == "ok", log
        took.append((log.ended or 0) - log.began)
        await asyncio.sleep(0.25)
    stop.set()
    await flooding
    took.sort()
    stored = await row.raw.xlen(f"question:{{{row.room}}}")
    row.figure("sent", sent, "questions")
    row.figure("stored of the flood", stored - len(took), "", most=60)
    row.figure("another's acknowledgement, p99", _share(took, 0.99), most=0.25)
    assert await api.is_ready()
    await flooder.stop_staying()
    await row.settled()
