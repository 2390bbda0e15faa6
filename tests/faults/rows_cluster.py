"""Relays and api processes that die, drain or are deployed anew: rows 10, 36, 37 and 40."""

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.faults.classroom import Classroom
from tests.faults.rows import Load, Row
from tests.faults.world import ROOT, Process, World, until

LISTENERS = 50


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Two relays, so that there is somewhere to go to, and two api processes."""
    with World(apis=2, relays=2) as world:
        yield world


@pytest.fixture(autouse=True)
async def _all_are_there(row: Row) -> None:
    """A row begins when what the one before ended is registered again."""
    await until(lambda: deployed(row), 30, "all four are registered")


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


async def metrics_are_true(row: Row, people: int) -> None:  # L35
    """What /metrics says is what is there: one room, everybody's socket and media, no load lost."""

    async def are_true() -> bool:
        texts = [(await api.get("/metrics")).text for api in row.world.apis]
        sockets = sum(
            figure(text, 'lectern_socket_connections{namespace="/lecture"}') for text in texts
        )
        rooms = sum(figure(text, "lectern_rooms") for text in texts)
        relays = re.findall(r"^lectern_relay_peers{[^}]*} (\d+)$", texts[0], re.MULTILINE)
        takes = re.findall(r"^lectern_relay_takes_rooms{[^}]*} 1$", texts[0], re.MULTILINE)
        seen = (sockets, rooms, sum(map(int, relays)), len(takes))
        return seen == (people, 1, people, len(row.world.relays))

    await until(are_true, 5, "the metrics are true")


def figure(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def no_orphan_key(row: Row, node: str) -> None:
    """Nothing in Redis is named after a process that is gone, nor assigned to it."""

    async def left() -> list[bytes]:
        return [key async for key in row.raw.scan_iter(match=f"*{node}*")]

    async def is_clean() -> bool:
        return not await left()

    with contextlib.suppress(AssertionError):
        await until(is_clean, 5)
    assert await left() == []
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
    await metrics_are_true(row, LISTENERS + 1)
    room.forget()
    row.killed.append(victim)
    victim.kill()
    began = time.monotonic()
    await until(lambda: all(one.moves for one in room.listeners), 15, "all are told")
    row.figure("told after", time.monotonic() - began)
    await room.all_hear(20)
    row.figure("offers made again", sum(one.refused for one in (room.voice, *room.listeners)), "")
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


async def test_row_10_relay_and_api_killed_at_once(row: Row) -> None:
    """Relay and api kill -9 at one moment: all come back to the other api and hear again."""
    room = Classroom(row)
    await room.fill(20)
    asked = await room.listeners[0].ask_until_taken()
    victim, (api, *_) = await relay_of(row), row.world.apis
    room.forget()
    row.killed += [victim, api]
    victim.kill()
    api.kill()
    await room.all_hear(30)
    row.figure("hear again, p99", room.p99(), most=10.0)  # P5 and then row 11's 5 s
    row.figure("offers made again", sum(one.refused for one in (room.voice, *room.listeners)), "")
    await until(lambda: all(one.is_in.is_set() for one in row.people), 10, "all are in")
    assert room.voice.shown == [asked.result]
    await row.settled()


async def test_row_10_everything_but_redis_killed_at_once(row: Row) -> None:
    """All relays and api processes kill -9 at one moment, started again: all are back and hear."""
    room = Classroom(row)
    await room.fill(20)
    asked = await room.listeners[0].ask_until_taken()
    processes = [*row.world.relays, *row.world.apis]
    row.killed += processes
    for process in processes:
        process.kill()
    began = time.monotonic()
    await row.world.mend()
    row.figure("ready again", time.monotonic() - began)
    await room.all_hear(30)
    row.figure("all hear again", time.monotonic() - began)
    await until(lambda: all(one.is_in.is_set() for one in row.people), 10, "all are in")
    assert room.voice.shown == [asked.result]
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
    await until(lambda: deployed(row), 20, "two relays are registered")

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


async def drain(row: Row, node: str) -> str:
    """Have a process drained as an operator does; return what was said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "drain", node, cwd=ROOT,
        env=row.world.relays[0].environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, said.decode()
    return said.decode()


def some_load(room: Classroom) -> Load:
    """Have the presenter and some listeners write: fifty would measure the disk."""
    writers = SimpleNamespace(audience=room.listeners[:6], host=room.voice, sketchers=[])
    return Load(writers)  # type: ignore[arg-type]


async def api_nodes(row: Row) -> dict[str, str]:
    """Return the id of each live api process, by its address."""
    found = {}
    for node in await row.raw.zrange("nodes:api", 0, -1):
        address = await row.raw.hget(f"node:api:{node.decode()}", "address")
        found[(address or b"").decode()] = node.decode()
    return found


async def ended(process: Process) -> float:
    """Wait until a process that was asked to end has; return the seconds."""
    return await until(lambda: not process.is_running, 40, f"{process.name} has ended")


async def test_row_36_drain(row: Row) -> None:
    """`drain` of the relay, then of an api process, under load with 50 listeners."""
    room = Classroom(row)
    await room.fill(LISTENERS)
    load = some_load(room)
    await until(lambda: load.taken >= 30, 20)
    victim = await relay_of(row)
    node = (await row.raw.hget(f"room:{{{row.room}}}", "relay")).decode()
    room.forget()
    row.killed.append(victim)
    began = time.monotonic()
    said = await drain(row, node)
    assert f"{node} has ended" in said
    row.figure("relay has ended after", time.monotonic() - began, most=30.0)
    assert await ended(victim) < 5.0
    assert victim._popen is not None
    assert victim._popen.returncode == 0
    await room.all_hear(20)
    row.figure("longest silence", max(room.silences()), most=5.0)
    assert (await relay_of(row)) is not victim
    assert [len(person.heard("media_moved")) for person in row.people] == [1] * (LISTENERS + 1)
    await no_orphan_key(row, node)

    api = row.world.apis[1]
    room.forget()
    row.killed.append(api)
    began = time.monotonic()
    await drain(row, (await api_nodes(row))[f"127.0.0.1:{api.port}"])
    assert await ended(api) < 5.0
    row.figure("api has ended after", time.monotonic() - began, most=30.0)
    await until(lambda: all(one.is_in.is_set() for one in row.people), 20, "all are back")
    lost = [one for one in row.people if one.returns]
    assert len(lost) >= LISTENERS // 2
    row.figure("clients back", max(one.returns[-1] for one in lost), most=5.0)
    before = load.taken
    await until(lambda: load.taken >= before + 30, 20)
    await load.stop()
    row.figure("acknowledged", load.taken, "writes")
    row.figure("longest silence", max(room.silences()), most=5.0)
    assert all(person.refusals == [] for person in row.people)
    await row.settled()


async def test_row_37_rolling_deploy(row: Row) -> None:
    """SIGTERM and start of two relays and two api processes in turn, 50 listeners, under load."""
    room = Classroom(row)
    await room.fill(LISTENERS)
    load = some_load(room)
    await until(lambda: load.taken >= 30, 20)
    room.forget()
    row.killed += [*row.world.relays, *row.world.apis]
    longest = 0.0
    for process in (*row.world.relays, *row.world.apis):
        process.signal(signal.SIGTERM)
        longest = max(longest, await ended(process))
        assert process._popen is not None
        assert process._popen.returncode == 0, process.log()
        process.start()
        await row.world.mend()
        await until(lambda: deployed(row), 20, "all four are registered")
        await room.all_hear(20)
    row.figure("slowest end", longest, most=30.0)
    await until(lambda: all(one.is_in.is_set() for one in row.people), 20, "all are back")
    before = load.taken
    await until(lambda: load.taken >= before + 30, 20)
    await load.stop()
    row.figure("longest silence", max(room.silences()), most=5.0)
    row.figure("slowest return", max(max(p.returns, default=0.0) for p in row.people), most=5.0)
    row.figure("acknowledged", load.taken, "writes")
    await row.settled()


async def deployed(row: Row) -> bool:
    relays = await row.raw.zcard("nodes:relay")
    return relays == len(row.world.relays) and len(await api_nodes(row)) == len(row.world.apis)
