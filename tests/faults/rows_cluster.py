"""Relays and api processes that die, drain or are deployed anew: rows 10, 36, 37 and 40."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.faults.classroom import Classroom
from tests.faults.rows import Row
from tests.faults.world import ROOT, Process, World, until

LISTENERS = 50


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Two relays, so that there is somewhere to go to, and two api processes."""
    with World(apis=2, relays=2) as world:
        yield world


async def relay_of(row: Row) -> Process:
    """Return the relay process that the row's room is on."""
    node = (await row.raw.hget(f"room:{{{row.room}}}", "relay")).decode()
    address = (await row.raw.hget(f"node:relay:{node}", "address")).decode()
    port = address.rpartition(":")[2]
    (process,) = [r for r in row.world.relays if r.environment["LECTERN_MEDIA_PORT"] == port]
    return process


def moved_once(row: Row) -> None:
    """Everybody was told once, and nobody was told that the presenter is away."""
    for person in row.people:
        assert len(person.heard("media_moved")) == 1, person.name
        assert person.heard("presenter_away") == [], person.name


async def no_orphan_key(row: Row, node: str) -> None:
    """Nothing in Redis is named after a process that is gone, nor assigned to it."""
    keys = [key async for key in row.raw.scan_iter(match=f"*{node}*")]
    assert [key for key in keys if not key.startswith(b"commands:")] == []
    assert node.encode() not in await row.raw.zrange("nodes:relay", 0, -1)
    tasks = await row.raw.hvals("tasks:{relay}")
    assert [task for task in tasks if task.startswith(node.encode())] == []


async def test_row_10_relay_killed(row: Row) -> None:
    """Relay kill -9, 50 participants: all hear again without doing anything; state untouched."""
    room = Classroom(row)
    await room.fill(LISTENERS)
    asked = await room.listeners[0].ask_until_taken()
    board = (await room.voice.edit()).outcome
    before = await row.raw.hgetall(f"room:{{{row.room}}}")
    victim, node = await relay_of(row), before[b"relay"].decode()
    room.forget()
    row.killed.append(victim)
    victim.kill()
    began = time.monotonic()
    await until(lambda: all(one.moves for one in room.listeners), 15, "all are told")
    row.figure("told after", time.monotonic() - began)
    await room.all_hear(20)
    row.figure("hear again, p99", room.p99(), most=5.0)
    row.figure("median", room.silences()[LISTENERS // 2])
    moved_once(row)
    assert board == "ok"
    after = await row.raw.hgetall(f"room:{{{row.room}}}")
    same = (b"lectureId", b"startTime", b"whiteboardObjects", b"rev", b"status", b"presenterEmail")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    assert room.voice.shown == [asked.result]
    await no_orphan_key(row, node)
    await row.settled()


async def test_row_40_relay_dies_between_placement_and_join(row: Row) -> None:
    """The relay dies when a participant was placed on it, before and after the answer: placed
    again."""
    room = Classroom(row)
    await room.fill(2)
    victim = await relay_of(row)
    victim.signal(signal.SIGSTOP)  # it is in the registry still, and answers nothing
    began = time.monotonic()
    late = asyncio.ensure_future(room.listener(2))
    await asyncio.sleep(0.2)
    row.killed.append(victim)
    victim.kill()
    await asyncio.wait_for(late, 20)
    await until(lambda: room.listeners[2].packets > 10, 20, "the late one hears")
    row.figure("placed again, from the offer on", time.monotonic() - began, most=6.0)
    await row.world.mend()

    after = Classroom(row)
    after.voice, after.listeners = room.voice, room.listeners
    victim = await relay_of(row)
    one = after.listeners[0]
    one._connect_soon()  # offers again; the relay dies with the answer on its way to the page
    answered = len(one.heard("serverAnswer"))
    await until(lambda: len(one.heard("serverAnswer")) > answered, 10)
    row.killed.append(victim)
    victim.kill()
    began = time.monotonic()
    await room.all_hear(20)
    row.figure("hears, from the answer on", time.monotonic() - began, most=6.0)
    await row.settled()


async def drain(node: str) -> str:
    """Have a process drained as an operator does; return what was said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "drain", node, cwd=ROOT, env=drain.environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, said.decode()
    return said.decode()
