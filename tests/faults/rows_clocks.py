"""Dates that jump: row 25 of the fault matrix."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faults.people import Presenter, Student
from tests.faults.rows import Row
from tests.faults.world import LEASE_SECONDS, Api, World, student, until

SHIM = Path(__file__).resolve().parent / "clock_shim.c"


@pytest.fixture
def shim(tmp_path: Path) -> dict[str, str]:
    """What makes a process' date what the file ``$CLOCK_OFFSET`` says, in seconds from the real."""
    library, offset = tmp_path / "clock_shim.so", tmp_path / "offset"
    build = ["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SHIM), "-ldl"]
    subprocess.run(build, check=True, timeout=60)
    offset.write_text("0")
    return {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(offset)}


@pytest.fixture
async def shifted(row: Row, shim: dict[str, str]) -> AsyncIterator[tuple[Api, Path]]:
    """An api process whose date is what a file says it is."""
    api = row.world.new_api("api-shifted", **shim)
    api.start()
    try:
        await asyncio.to_thread(api.wait_until_up)
        await until(api.is_ready, 10)
        yield api, Path(shim["CLOCK_OFFSET"])
    finally:
        api.stop()


@pytest.fixture
def shifted_world(shim: dict[str, str]) -> Iterator[tuple[World, Path]]:
    """Processes whose Redis has the date that a file says."""
    world = World(apis=2, relays=1)
    world.redis.environment = shim
    with world:
        yield world, Path(shim["CLOCK_OFFSET"])


async def test_row_25_clock_jumps(shifted: tuple[Api, Path], row: Row) -> None:
    """An api process' date jumps an hour on and back: nobody is lost, nothing ends."""
    api, offset = shifted
    row.room, row.owner = await row.world.lecture()
    token = row.world.token(row.owner)
    host = Presenter("host", row.room, token, [api], row.history)
    member = Student("student", row.room, row.world.token(student(0)), [api], row.history)
    row.people += [host, member]
    await host.enter()
    await member.enter()
    for jump in (3600, -3600, 0):
        offset.write_text(str(jump))
        for _ in range(5):
            assert (await host.edit()).outcome == "ok"
            assert (await member.ask()).outcome == "ok"
            await asyncio.sleep(0.5)  # long enough for every timer that looks at dates
        assert await api.is_ready()
    await asyncio.sleep(8)  # a lease, and a ping with its time-out
    assert host.link is not None
    assert not host.link.lost.is_set()
    assert (host.heard("ended"), member.heard("presenter_away")) == ([], [])
    status = await row.raw.hget(f"room:{{{row.room}}}", "status")
    assert status == b"LIVE"
    row.figure("connections lost", 0, "")
    await row.settled()
    for person in row.people:
        await person.close()


async def test_row_25_redis_clock_jumps(shifted_world: tuple[World, Path], row: Row) -> None:
    """Redis' date jumps an hour on and back: who is in stays in, nothing ends, order is kept."""
    world, offset = shifted_world
    mine = Row(world, row.properties)
    await mine.lecture(3)
    mine.stay()
    host = mine.host
    refused = 0
    for jump in (3600, -3600, 0):
        offset.write_text(str(jump))
        jumped = time.monotonic()
        while time.monotonic() - jumped < LEASE_SECONDS + 3:  # every lease and heartbeat has passed
            for member in mine.audience:
                await member.ask_until_taken(seconds=10)
            log = await host.edit()
            refused += log.outcome != "ok"
            await asyncio.sleep(0.5)
        for api in world.apis:
            await until(api.is_ready, 10)
        assert (await host.edit()).outcome == "ok"
        status, epoch = await mine.raw.hmget(f"room:{{{mine.room}}}", "status", "epoch")
        assert (status, int(epoch)) == (b"LIVE", host.epoch)
    assert host.heard("ended") == []
    assert all(person.returns == [] for person in mine.people)
    row.figure("edits refused", refused, "", most=0)
    row.figure("times the class was told that the presenter is away",
               len(mine.audience[0].heard("presenter_away")), "")  # fmt: skip
    newcomer = await mine.student()
    assert (await newcomer.ask()).outcome == "ok"
    await mine.settled()
    await mine.finish()
