"""Redis that is there and does not serve: rows 14 to 17, 23, 39 of the fault matrix."""

import asyncio
import contextlib
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faults.link import LostError, RefusedError
from tests.faults.people import Presenter, Student
from tests.faults.proxy import Proxy
from tests.faults.readings import read_final
from tests.faults.rows import Row
from tests.faults.world import Api, TcpRedis, World, student, until


async def test_row_14_redis_out_of_memory(row: Row) -> None:
    """Redis out of memory: writes refused with a code; solving and ending work."""
    await row.lecture()
    host, member = row.host, row.audience[0]
    question = await member.ask()
    try:
        await row.raw.config_set("maxmemory", 1)
        refused = [await member.ask(), await host.edit()]
        assert {log.result for log in refused} == {"unavailable"}
        row.figure("refused after", max((log.ended or 0) - log.began for log in refused))
        for api in row.world.apis:
            assert not await api.is_ready()
            assert (await api.get("/health")).status_code == 200
        assert (await host.solve(question.result)).outcome == "ok"
        await row.settled()
        assert (await host.end())["ok"]
        await member.until(lambda: member.heard("ended"), 5)
    finally:
        await row.raw.config_set("maxmemory", 0)
    for api in row.world.apis:
        await until(api.is_ready, 5)


async def test_row_15_redis_read_only(row: Row) -> None:
    """Redis read-only: refused, recovers by itself."""
    await row.lecture()
    row.stay()
    host, member = row.host, row.audience[0]
    try:
        await row.raw.execute_command("REPLICAOF", "127.0.0.1", "1")
        logs = [await member.ask(), await host.edit()]
        assert {log.outcome for log in logs} == {"unknown"}
        assert not await row.world.apis[0].is_ready()
    finally:
        await row.raw.execute_command("REPLICAOF", "NO", "ONE")
    began = time.monotonic()
    await member.ask_until_taken()
    row.figure("writes resume", time.monotonic() - began, most=3.0)
    assert (await host.edit()).outcome == "ok"
    await row.settled()


@pytest.fixture
def late_world() -> Iterator[World]:
    """Processes whose Redis is not there yet."""
    world = World(apis=1, relays=1, redis_is_late=True)
    with world:
        yield world


async def test_row_16_redis_absent_at_start(late_world: World, row: Row) -> None:
    """Redis absent at start: up and not ready; joins soon after it appears."""
    api = late_world.apis[0]
    assert (await api.get("/health")).status_code == 200
    answer = await api.get("/ready")
    assert answer.status_code == 503
    assert "redis" in answer.text
    room, owner = await late_world.lecture()
    late_world.redis.start()
    appeared = time.monotonic()
    host = Presenter("host", room, late_world.token(owner), late_world.apis, row.history)
    guest = Student("student", room, late_world.token(student(0)), late_world.apis, row.history)
    for person in (host, guest):
        while True:
            try:
                await person.enter()
            except (LostError, RefusedError):
                assert time.monotonic() - appeared < 15
                await asyncio.sleep(0.1)
            else:
                break
    row.figure("presenter and student in after it appeared", time.monotonic() - appeared, most=5.0)
    assert await api.is_ready()
    assert (await guest.ask()).outcome == "ok"
    await host.until(lambda: host.shown, 5)
    for person in (host, guest):
        await person.close()


@contextlib.asynccontextmanager
async def behind_proxy(row: Row, students: int) -> AsyncIterator[tuple[Api, Proxy]]:
    """A lecture whose people are all on an api process that reaches Redis through a proxy."""
    world = row.world
    async with Proxy("127.0.0.1", world.redis.port, seed=17) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        api = world.new_api("api-behind-a-router", REDIS_URL=url)
        api.start()
        try:
            await asyncio.to_thread(api.wait_until_up)
            await until(api.is_ready, 10)
            row.room, row.owner = await world.lecture()
            apis, world.apis = world.apis, [api]
            try:
                await row.presenter()
                for _ in range(students):
                    await row.student()
            finally:
                world.apis = apis
            yield api, proxy
            await row.settled()
            for person in row.people:
                await person.close()
        finally:
            api.stop()


async def test_row_17_slow_redis(row: Row) -> None:
    """Redis slow: answers delayed at random; late ones are refused, never repeated."""
    async with behind_proxy(row, 5) as (api, proxy):
        proxy.delay_seconds = (0.02, 0.15)
        logs = await asyncio.gather(*(person.ask() for person in row.audience for _ in range(4)))
        assert {log.outcome for log in logs} == {"ok"}
        row.figure(
            "slowest of 20 at 0.04 to 0.3 s", max((log.ended or 0) - log.began for log in logs)
        )
        proxy.delay_seconds = (0.4, 0.8)
        logs = await asyncio.gather(*(person.ask() for person in row.audience))
        assert {log.outcome for log in logs} <= {"ok", "unknown"}
        row.figure(
            "slowest of 5 at 0.8 to 1.6 s", max((log.ended or 0) - log.began for log in logs)
        )
        assert (await api.get("/health")).status_code == 200
        proxy.delay_seconds = (0.0, 0.0)
        for person in row.people:
            person.stay()
        for log in logs:  # who was not sure asks again under the same id
            asker = next(person for person in row.audience if person.name == log.client)
            await asker.ask_until_taken(log.key)
        await until(lambda: all(p.is_in.is_set() for p in row.people), 20)
        await until(lambda: row.host.epoch, 10)


async def test_row_23_lifetimes_forced_low(row: Row) -> None:
    """Every key's lifetime forced to 3 s mid-lecture: refreshed, also while nobody writes."""
    await row.lecture()
    question = await row.audience[0].ask()
    for key in await row.raw.keys(f"*{{{row.room}}}*"):
        await row.raw.pexpire(key, 3000)

    async def lasts() -> bool:
        kept = await row.raw.keys(f"*{{{row.room}}}*")
        return all([await row.raw.pttl(key) > 3_600_000 for key in kept])

    row.figure("refreshed", await until(lasts, 3))
    await row.settled()
    assert row.host.shown == [question.result]


async def test_row_24_room_keys_deleted(row: Row) -> None:
    """All keys of a live room deleted, more than once: written back as it was a moment before."""
    await row.lecture()
    row.stay()
    host = row.host
    worst = 0.0
    for times in range(1, 4):
        asked = [await member.ask() for member in row.audience for _ in range(3)]
        assert (await host.edit()).outcome == "ok"
        assert (await host.solve(asked[0].result)).outcome == "ok"
        before = await read_final(row.raw, row.room)
        await asyncio.sleep(0.1)  # copies follow events; what is written now may not be in one
        await row.raw.delete(*await row.raw.keys(f"*{{{row.room}}}*"))
        began = time.monotonic()
        await host.until(lambda n=times: len(host.heard("restored")) == n, 10)
        worst = max(worst, time.monotonic() - began)
        after = await read_final(row.raw, row.room)
        assert (after.stored, after.pending) == (before.stored, before.pending)
        assert after.board == before.board
        again = await row.audience[0].ask(asked[1].key)  # whose answer it did not trust
        assert again.result == asked[1].result
    row.figure("written back", worst, most=3.0)
    assert (await host.edit()).outcome == "ok"
    assert (host.heard("ended"), host.returns) == ([], [])
    await row.settled()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder with 6 MB; whoever runs this needs to be root."""
    folder = Path(tempfile.mkdtemp(prefix="lectern-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, timeout=10)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=10)
    folder.rmdir()


async def test_row_39_disk_full_for_the_append_only_file(small_disk: Path, row: Row) -> None:
    """Disk full for the append-only file: nothing false, nothing lost, the lecture goes on."""
    world = World(apis=1, relays=1)
    world.redis.close()
    world.redis = TcpRedis(small_disk, world.redis.port)
    with world:
        mine = Row(world, row.properties)
        await mine.lecture(3)
        mine.stay()
        show = await mine.show()
        load = mine.load()
        await until(lambda: load.taken >= 40, 20)
        ballast = small_disk / "ballast"
        with ballast.open("wb") as full, contextlib.suppress(OSError):
            while True:
                full.write(bytes(65_536))
                full.flush()
        began = time.monotonic()
        # With `appendfsync always` the server ends rather than go on without its file.
        failing = lambda: time.monotonic() - load.last_taken > 1.5  # noqa: E731
        await until(failing, 30, "writes are refused")
        assert (await world.apis[0].get("/health")).status_code == 200
        assert not await world.apis[0].is_ready()
        row.figure("longest silence of the media", show.longest_gap, most=0.5)
        ballast.unlink()
        if world.redis.is_running:
            world.redis.kill()
        world.redis.start()
        freed = time.monotonic()
        await until(lambda: load.last_taken > freed, 20)
        row.figure("refused for", freed - began)
        row.figure("writes resume", load.last_taken - freed, most=5.0)
        before = load.taken
        await until(lambda: load.taken >= before + 20, 20)
        await load.stop()
        await mine.settled(15)
        await mine.finish()
