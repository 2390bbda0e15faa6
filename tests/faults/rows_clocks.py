"""Dates that jump: row 25 of the fault matrix."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.clock_shim import ClockShim
from tests.faults.people import Presenter, Student
from tests.faults.rows import Row
from tests.faults.world import GRACE_SECONDS, LEASE_SECONDS, Api, World, student, until


@pytest.fixture
def shim(tmp_path: Path) -> ClockShim:
    return ClockShim(tmp_path)


@pytest.fixture
async def shifted(row: Row, shim: ClockShim) -> AsyncIterator[tuple[Api, ClockShim]]:
    """An api process whose date is what a file says it is."""
    api = row.world.new_api("api-shifted", **shim.environment)
    api.start()
    try:
        await asyncio.to_thread(api.wait_until_up)
        await until(api.is_ready, 10)
        yield api, shim
    finally:
        api.stop()


@pytest.fixture
def shifted_world(shim: ClockShim) -> Iterator[tuple[World, ClockShim]]:
    """Processes whose Redis has the date that a file says."""
    world = World(apis=2, relays=1)
    world.redis.environment = shim.environment
    with world:
        yield world, shim


async def test_row_25_clock_jumps(shifted: tuple[Api, ClockShim], row: Row) -> None:
    """An api process' date jumps an hour on and back: nobody is lost, nothing ends."""
    api, shim = shifted
    row.room, row.owner = await row.world.lecture()
    token = row.world.token(row.owner)
    host = Presenter("host", row.room, token, [api], row.history)
    member = Student("student", row.room, row.world.token(student(0)), [api], row.history)
    row.people += [host, member]
    await host.enter()
    await member.enter()
    for jump in (3600, -3600, 0):
        shim.set(jump)
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


async def test_row_25_redis_clock_jumps(shifted_world: tuple[World, ClockShim], row: Row) -> None:
    """Redis' date jumps an hour on and back: who is in stays in, nothing ends, order is kept."""
    world, shim = shifted_world
    mine = Row(world, row.properties)
    await mine.lecture(3)
    mine.stay()
    host = mine.host
    refused = 0
    for jump in (3600, -3600, 0):
        shim.set(jump)
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


@pytest.mark.parametrize("jump", [3600, -3600])
async def test_row_25_redis_clock_jumps_while_the_presenter_is_away(
    shifted_world: tuple[World, ClockShim], row: Row, jump: int
) -> None:
    """Redis' date jumps an hour while the presenter is away: the grace lasts as long as it says."""
    world, shim = shifted_world
    mine = Row(world, row.properties)
    await mine.lecture(2)
    host, member = mine.host, mine.audience[0]
    question = await member.ask()
    await host.drop()
    await member.until(lambda: member.heard("presenter_away"), 5)
    await shim.jump(jump)
    await asyncio.sleep(GRACE_SECONDS / 2)
    assert member.heard("ended") == []
    await host.come_back()
    await host.until(lambda: host.epoch, 10)
    assert host.shown == [question.result]
    assert (await host.edit()).outcome == "ok"
    await mine.settled()  # what was asked goes with the room
    await host.drop()
    lost = time.monotonic()
    await member.until(lambda: len(member.heard("presenter_away")) == 2, 5)
    await shim.jump(0)
    await member.until(lambda: member.heard("ended"), GRACE_SECONDS + 15)
    held = time.monotonic() - lost
    assert held > GRACE_SECONDS - 0.1, held
    row.figure("held for", held, most=GRACE_SECONDS + 3)
    assert [ended["reason"] for ended in member.heard("ended")] == ["grace"]
    await mine.finish()


async def test_row_25_redis_clock_jumps_with_a_process_killed(
    shifted_world: tuple[World, ClockShim], row: Row
) -> None:
    """Redis' date is set back an hour and the presenter's process is killed: its lease ends."""
    world, shim = shifted_world
    mine = Row(world, row.properties)
    await mine.lecture(2)
    member = next(person for person in mine.audience if person.home % 2)
    await shim.jump(-3600)
    world.apis[0].kill()
    killed = time.monotonic()
    await member.until(lambda: member.heard("presenter_away"), LEASE_SECONDS + 15)
    row.figure("members told", time.monotonic() - killed, most=LEASE_SECONDS + 3)
    mine.host.home = 1  # while the room is held for it, to the process that lives
    await mine.host.come_back()
    await mine.host.until(lambda: mine.host.epoch > 1, 10)
    assert (await mine.host.edit()).outcome == "ok"
    await world.mend()
    for person in mine.audience:
        if person.link is not None and person.link.lost.is_set():
            await person.come_back()
    await mine.settled()
    await mine.finish()
