"""Slow readers, silent peers, polling, several processes, and the end of one."""

import asyncio
import io
import json
import os
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app.core import metrics
from app.core.errors import Unavailable
from app.lecture.model import LectureConfig
from app.store.sql import Sql
from app.transport.sio.config import SioConfig
from tests.integration.sio.conftest import OFFER, OWNER, STUDENT, Stack, content, edit, running

ENTER, CREATE, LECTURE = "/enter-room", "/create-room", "/lecture"


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_a_reader_that_stops_reading_is_cut_and_delays_nobody(
    redis_url: str, sql: Sql, lecture_config: LectureConfig
) -> None:  # P8
    config = SioConfig(stall_seconds=1.0, close_seconds=0.5)
    async with running(redis_url, sql, "api-slow", config, lecture_config) as stack:
        room = await stack.room()
        presenter = await stack.presenter(room)
        quick, stuck = await stack.student(room), await stack.student(room)
        assert stuck.sio.eio.ws is not None
        stuck.sio.eio.ws._writer.transport.pause_reading()
        stuck.sio.eio.ws._reader._protocol.pause_reading()
        before = resident_bytes()
        for number in range(60):
            board = os.urandom(256 * 1024)
            sent = await presenter.ask(LECTURE, "edit", edit(room, board, at=number))
            assert sent["ok"], sent
        await quick.until(lambda: any(u["content"]["eventTime"] == 59 for u in quick.all("update")))
        assert resident_bytes() - before < 60 * 1024 * 1024  # the clients are in this process
        async with asyncio.timeout(5):
            while stack.server.connections > 2:
                await asyncio.sleep(0.05)
        assert (await presenter.ask(LECTURE, "edit", edit(room, at=60)))["ok"]


async def test_a_silent_presenter_is_noticed(
    redis_url: str, sql: Sql, lecture_config: LectureConfig
) -> None:
    config = SioConfig(ping_interval_seconds=1, ping_timeout_seconds=1, close_seconds=0.5)
    async with running(redis_url, sql, "api-quiet", config, lecture_config) as stack:
        room = await stack.room()
        presenter, student = await stack.presenter(room), await stack.student(room)

        async def silent(*_: Any) -> None:
            return None

        presenter.sio.eio._receive_packet = silent
        await student.event("presenter_away")


async def test_a_first_polling_request_may_hold_everything(stack: Stack) -> None:  # B3 X10
    """A polling client sends its offer, its board and all candidates in one request."""
    room = await stack.room()
    url = f"{stack.url}/socket.io/?EIO=4&transport=polling"
    token = json.dumps({"accessToken": stack.token(OWNER)})
    init = {"_placeholder": True, "num": 0}
    board = {**content(), "objects": init}
    packets = [
        f"42{CREATE},0" + json.dumps(["presenterOffer", {"roomId": room, "SDP": OFFER}]),
        f"451-{CREATE},1"
        + json.dumps(["whiteboardInit", {"roomId": room, "whiteboardDetails": board}]),
        "bAAEC",
        *(
            f"42{CREATE},{number}" + json.dumps(["clientCandidate", {"candidate": {}}])
            for number in range(2, 30)
        ),
    ]
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        url += f"&sid={sid}"
        async with session.post(url, data=f"40{CREATE},{token}") as answer:
            assert answer.status == 200
        async with session.get(url) as answer:
            assert (await answer.text()).startswith(f"40{CREATE},")
        async with session.post(url, data="\x1e".join(packets)) as answer:
            assert answer.status == 200
        text = ""
        async with asyncio.timeout(5):
            while text.count(f"43{CREATE},") < 30:
                async with session.get(url) as answer:
                    text += "\x1e" + await answer.text()
    assert '"stored":true' in text
    assert '"ok":false' not in text
    assert text.index('"serverAnswer"') < text.index('"serverCandidate"')


async def test_an_oversize_message_is_refused_on_both_transports(stack: Stack) -> None:
    room = await stack.room()
    presenter = await stack.presenter(room)
    noisy = stack.client(["websocket"])
    await noisy.join(ENTER, "")
    await noisy.sio.eio.send(b"x" * 2_000_000)
    await noisy.until(lambda: not noisy.sio.connected)
    async with aiohttp.ClientSession() as session:
        url = f"{stack.url}/socket.io/?EIO=4&transport=polling"
        async with session.get(url) as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        async with session.post(f"{url}&sid={sid}", data=io.BytesIO(b"4" * 2_000_000)) as answer:
            assert answer.status == 400
    assert (await presenter.ask(LECTURE, "edit", edit(room)))["ok"]


async def test_two_processes_share_a_lecture(
    stack: Stack, redis_url: str, sql: Sql, sio_config: SioConfig, lecture_config: LectureConfig
) -> None:  # X20
    room = await stack.room()
    presenter = await stack.presenter(room)
    async with running(redis_url, sql, "api-two", sio_config, lecture_config) as other:
        student = await other.student(room)
        await presenter.ask(LECTURE, "edit", edit(room, b"board", at=2))
        assert (await student.event("update"))["content"]["objects"] == b"board"
        await student.ask(LECTURE, "ask", {"roomId": room, "content": "From afar"})
        assert (await presenter.event("asked"))["content"] == "From afar"
        sequence = [data["seq"] for data in student.all("update")]
        assert sequence == sorted(set(sequence))


async def test_closing_sends_everyone_to_the_next_process(
    stack: Stack, redis_url: str, sql: Sql, sio_config: SioConfig, lecture_config: LectureConfig
) -> None:
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    async with running(redis_url, sql, "api-next", sio_config, lecture_config) as following:
        await stack.server.close()
        await presenter.until(lambda: not presenter.sio.connected)
        await student.until(lambda: not student.sio.connected)
        back = following.client()
        await back.join(CREATE, stack.token(OWNER))
        await back.join(LECTURE, stack.token(OWNER))
        assert (await back.ask(LECTURE, "edit", edit(room)))["ok"]


async def test_redis_away_strands_nobody(stack: Stack) -> None:  # P12
    room = await stack.room()
    await stack.presenter(room)
    student = await stack.student(room)
    await student.drop()

    async def away(*_: Any) -> Any:
        raise Unavailable("away")

    resume, stack.lectures.resume = stack.lectures.resume, away  # type: ignore[method-assign]
    back = stack.client()
    auth = {"accessToken": stack.token(STUDENT), "refreshToken": ""}
    await back.sio.connect(stack.url, auth=auth, namespaces=[LECTURE], wait=False)
    await back.until(lambda: not back.sio.connected)
    assert back.refused.get(LECTURE) is None or "data" not in (back.refused[LECTURE] or {})
    stack.lectures.resume = resume  # type: ignore[method-assign]
    again = stack.client()
    await again.join(LECTURE, stack.token(STUDENT))
    await again.event("state")


async def test_a_defect_of_ours_is_answered(stack: Stack) -> None:  # X12
    room = await stack.room()
    presenter = await stack.presenter(room)

    async def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    end, stack.lectures.end = stack.lectures.end, broken  # type: ignore[method-assign]
    answer = await presenter.ask(LECTURE, "end", {"roomId": room})
    assert answer["error"]["code"] == "internal"
    stack.lectures.end = end  # type: ignore[method-assign]
    assert (await presenter.ask(LECTURE, "end", {"roomId": room}))["ok"]


async def test_nothing_is_left_behind(stack: Stack) -> None:
    gauge = metrics.SOCKET_CONNECTIONS.labels(LECTURE)._value
    before = gauge.get()
    room = await stack.room()
    presenter = await stack.presenter(room)
    for _ in range(5):
        student = await stack.student(room)
        await student.close()
    await presenter.ask(LECTURE, "end", {"roomId": room})
    await presenter.event("ended")
    await presenter.drop()
    gateway = stack.server._gateway
    async with asyncio.timeout(5):
        while gateway.connections or len(stack.server._hub):
            await asyncio.sleep(0.02)
    assert gauge.get() == before
    assert gateway.manager.rooms == {}
    assert gateway.environ == {}
    assert gateway._binary_packet == {}


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://class.example", True),
        ("https://evil.example", False),
        ("own", True),
        (None, True),
    ],
)
async def test_origins(
    redis_url: str, sql: Sql, lecture_config: LectureConfig, origin: str | None, allowed: bool
) -> None:
    config = SioConfig(cors_origins=("https://class.example",))
    async with (
        running(redis_url, sql, "api-cors", config, lecture_config) as stack,
        aiohttp.ClientSession() as session,
    ):
        shown = stack.url if origin == "own" else origin
        headers = {"Origin": shown} if shown else {}
        url = f"{stack.url}/socket.io/?EIO=4&transport=polling"
        async with session.get(url, headers=headers) as answer:
            assert (answer.status == 200) is allowed
            if shown and allowed:
                assert answer.headers["Access-Control-Allow-Origin"] == shown


async def test_connections_are_limited(
    redis_url: str, sql: Sql, lecture_config: LectureConfig
) -> None:
    config = SioConfig(max_connections=2)
    async with running(redis_url, sql, "api-full", config, lecture_config) as stack:
        for _ in range(2):
            await stack.client().join(ENTER, "")
        with pytest.raises(Exception, match=r"401|nexpected|refused|status"):
            await stack.client().join(ENTER, "")
