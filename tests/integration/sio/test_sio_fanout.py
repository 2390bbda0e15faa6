"""The fan-out on real sockets: the same bytes on both paths, and a reader that stops reading."""

import asyncio
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.core.clock import SystemClock
from app.lecture.model import LectureConfig
from app.store.sql import Sql
from app.transport.sio.config import SioConfig
from bench.lecture import LecternServer
from bench.process import rss_bytes
from bench.sockets import BINARY, TEXT, LoadSocket
from tests.integration.sio.conftest import STUDENT, Stack, edit, running

pytestmark = pytest.mark.usefixtures("foremost")

PING = b"\x81\x012"
EDITS = 40


class RawSocket(LoadSocket):
    """Keeps every byte that came."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = bytearray()

    def data_received(self, data: bytes) -> None:
        self.raw += data
        super().data_received(data)


async def raw_student(stack: Stack, room: str) -> RawSocket:
    address = urlsplit(stack.url)
    assert address.hostname is not None
    assert address.port is not None
    student = await RawSocket.connect(address.hostname, address.port)
    assert isinstance(student, RawSocket)
    auth = {"accessToken": stack.token(STUDENT), "room": room, "refreshToken": ""}
    await student.join("/lecture", auth)
    await student.until(lambda _, data: data.startswith(b'42/lecture,["state"'))
    return student


async def test_both_paths_put_the_same_bytes_on_the_wire(
    redis_url: str, sql: Sql, lecture_config: LectureConfig
) -> None:
    frames = SioConfig(close_seconds=0.5, ping_interval_seconds=60)
    ordinary = SioConfig(close_seconds=0.5, ping_interval_seconds=60, writes_frames=False)
    async with (
        running(redis_url, sql, "api-frames", frames, lecture_config) as fast,
        running(redis_url, sql, "api-ordinary", ordinary, lecture_config) as slow,
    ):
        room = await fast.room()
        presenter = await fast.presenter(room)
        _ = await fast.student(room)  # from now on the raw ones may come back by their token
        pair = [await raw_student(fast, room), await raw_student(slow, room)]
        await asyncio.sleep(1.5)  # the count of listeners is told once a second: let it settle
        for student in pair:
            student.raw.clear()
        for number, size in enumerate((1, 100, 200, 70_000)):
            objects = os.urandom(size)
            answer = await presenter.ask("/lecture", "edit", edit(room, objects, number))
            assert answer["ok"], answer
            for student in pair:  # or a newer board takes the place of one that waits
                await student.until(lambda _, data, objects=objects: data == objects)
        ended = await presenter.ask("/lecture", "end", {"type": "lecture", "roomId": room})
        assert ended["ok"], ended
        for student in pair:
            await student.until(lambda _, data: data.startswith(b'42/lecture,["ended"'))
        one, other = (bytes(student.raw).replace(PING, b"") for student in pair)
        assert one == other
        assert one.count(b'"update"') == 4
        for student in pair:
            student.close()


async def test_a_reader_that_stops_costs_little_and_delays_nobody(tmp_path: Path) -> None:
    """P8, fault row 20: the whole server as it is served, a socket that is not read any more."""
    async with LecternServer(tmp_path) as server:
        clock = SystemClock()
        presenter, quick, stuck = (
            await server.presenter(), await server.member(), await server.member()
        )  # fmt: skip
        delays: list[float] = []
        sent_at = 0.0

        def take(kind: int, data: bytes) -> None:
            nonlocal sent_at
            if kind == TEXT and (start := data.find(b'"eventTime":')) > 0:
                sent_at = float(data[start + 12 : data.index(b",", start)])
            elif kind == BINARY and sent_at:
                delays.append(clock.now() * 1e3 - sent_at)

        quick.watch(take)
        presenter.watch(lambda _, __: None)

        async def draw() -> None:
            for number in range(EDITS):
                change = server.edit(clock.now() * 1e3)
                presenter.emit("/lecture", number, "edit", change, os.urandom(256 * 1024))
                await asyncio.sleep(0.1)

        await draw()  # everybody reads: what the boards themselves cost
        before, delays[:] = rss_bytes(server.pid), []
        stuck.transport.pause_reading()
        await draw()
        assert rss_bytes(server.pid) - before < 20 * 2**20
        assert len(delays) == EDITS
        assert sorted(delays)[int(0.9 * EDITS)] < 250
        members = 'lectern_socket_connections{namespace="/lecture"}'
        async with asyncio.timeout(15):  # it answers no ping either
            while await asyncio.to_thread(server.metric, members) > 2:
                await asyncio.sleep(0.2)
        assert not quick.is_lost
        for socket in (presenter, quick, stuck):
            socket.close()
