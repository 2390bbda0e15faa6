"""Redis away, frozen, read-only, full, restarted: refused, never twice, and back by itself."""

import asyncio
import time

import pytest

from app.cluster.node import NodeInfo
from app.cluster.registry import Registry
from app.core.errors import Internal, LecternError, Unavailable
from app.core.ids import NodeId
from app.store import connections
from app.store.redis import Redis
from app.whiteboard.model import Board
from tests.integration.store.live_room import ROOM, STREAM, LiveRoomWorld
from tests.redis_server import RedisServer


async def until_ready(redis: Redis) -> None:
    async with asyncio.timeout(10):
        while not await redis.ready():
            await asyncio.sleep(0.05)


async def ask(live: LiveRoomWorld, client_id: str | None, person: int = 0) -> str:
    return await live.questions.ask(ROOM, f"sam{person}", "Sam", "why?", client_id)


async def test_a_frozen_redis_is_unavailable_soon_and_stores_once(
    breakable: LiveRoomWorld, redis_server: RedisServer
) -> None:  # row 13, P2, P12
    await breakable.start()
    redis_server.pause()
    try:
        began = time.perf_counter()
        outcomes = await asyncio.gather(
            *(ask(breakable, f"c{n}", n) for n in range(100)), return_exceptions=True
        )
        took = time.perf_counter() - began
    finally:
        redis_server.resume()
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    assert 0.9 < took < 4
    await until_ready(breakable.redis)
    again = [await ask(breakable, f"c{n}", n) for n in range(100)]
    assert len(set(again)) == 100
    assert await breakable.raw.xlen(STREAM) == 100


async def test_a_write_that_timed_out_is_not_repeated(
    breakable: LiveRoomWorld, redis_server: RedisServer
) -> None:  # the library's default retries would store it several times
    await breakable.start()
    redis_server.pause()
    try:
        with pytest.raises(Unavailable):
            await ask(breakable, None)
    finally:
        redis_server.resume()
    await until_ready(breakable.redis)
    assert await breakable.raw.xlen(STREAM) <= 1


async def test_acknowledged_questions_survive_a_killed_redis(
    breakable: LiveRoomWorld, redis_server: RedisServer
) -> None:  # P1, row 12
    await breakable.start()
    asked = [await ask(breakable, f"c{n}") for n in range(10)]
    redis_server.kill()
    with pytest.raises(Unavailable):
        await ask(breakable, "c10")
    redis_server.start()  # which has forgotten the scripts
    await until_ready(breakable.redis)
    asked.append(await ask(breakable, "c10"))
    assert [q.id for q in await breakable.questions.pending(ROOM)] == asked


async def test_a_read_only_redis_refuses_and_recovers(
    breakable: LiveRoomWorld, redis_server: RedisServer
) -> None:  # row 15
    epoch = await breakable.start()
    await breakable.raw.replicaof("127.0.0.1", "1")
    assert not await breakable.redis.ready()
    with pytest.raises(Unavailable):
        await ask(breakable, None)
    with pytest.raises(Unavailable):
        await breakable.boards.edit(ROOM, epoch, Board(b"x"))
    await breakable.raw.replicaof("NO", "ONE")
    assert await breakable.redis.ready()
    await ask(breakable, None)


async def test_a_full_redis_refuses_whole_and_lets_go(
    breakable: LiveRoomWorld,
) -> None:  # row 14
    epoch = await breakable.start()
    question = await ask(breakable, "c1")
    before = await breakable.event_kinds()
    await breakable.raw.config_set("maxmemory", 1)
    assert not await breakable.redis.ready()
    with pytest.raises(Unavailable):
        await breakable.boards.edit(ROOM, epoch, Board(b"x"))
    with pytest.raises(Unavailable):
        await ask(breakable, "c2")
    assert await breakable.event_kinds() == before
    assert await breakable.raw.xlen(STREAM) == 1

    assert await ask(breakable, "c1") == question
    assert await breakable.rooms.renew(ROOM, "api/1", epoch, 6)
    assert await breakable.questions.solve(ROOM, epoch, question)
    registry, node = Registry(breakable.redis), NodeId("relay-1")
    await registry.announce("relay", node, NodeInfo(node, "relay", "h:1", 0, 1))
    assert len(await registry.alive("relay")) == 1
    assert await breakable.rooms.end(ROOM, epoch, "presenter") is not None
    await breakable.raw.config_set("maxmemory", 0)
    assert await breakable.event_kinds() == [b"asked", b"question", b"solved", b"ended"]
    assert all([await breakable.raw.ttl(key) > 0 for key in await breakable.raw.keys("*")])


async def test_a_forgotten_script_loads_itself(live: LiveRoomWorld) -> None:
    await live.start()
    await live.raw.script_flush()
    await ask(live, None)
    assert await live.raw.xlen(STREAM) == 1


async def test_a_cancelled_write_still_happens_and_leaves_no_reply(live: LiveRoomWorld) -> None:
    epoch = await live.start()
    for n in range(40):
        write = asyncio.ensure_future(live.boards.edit(ROOM, epoch, Board(b"x", event_time=n)))
        for _ in range(n % 5):
            await asyncio.sleep(0)
        if write.cancel():  # it may have been answered already
            with pytest.raises(asyncio.CancelledError):
                await write
        assert isinstance(await live.redis.now_ms(), int)
        assert (await live.redis.fields("room:{004217}", "v")) == [b"2"]
    await live.redis.close()
    done = int(await live.raw.hget("room:{004217}", "rev"))
    assert 30 <= done <= 40


async def test_connections_are_bounded(live: LiveRoomWorld) -> None:
    await live.start()
    await asyncio.gather(*(ask(live, None, n) for n in range(300)))
    clients = await live.raw.client_list()
    assert len(clients) <= connections.MAX_CONNECTIONS + 1
    assert await live.raw.xlen(STREAM) == 300


async def test_an_absent_redis_is_no_crash(tmp_path: object) -> None:  # row 16
    redis = Redis(f"unix://{tmp_path}/none")
    await redis.open()
    assert not await redis.ready()
    with pytest.raises(Unavailable):
        await redis.hash("x")
    await redis.close()
    with pytest.raises(Unavailable):
        await redis.script("push", ["x"], ["y", 1, 1])


async def test_a_defect_is_internal_and_not_retryable(live: LiveRoomWorld) -> None:
    await live.raw.set("room:{004217}", "not a hash")
    with pytest.raises(Internal) as refusal:
        await live.rooms.read(ROOM)
    assert isinstance(refusal.value, LecternError)
    with pytest.raises(Internal):
        await ask(live, None)


async def test_a_cancelled_read_ends_wherever_it_is(live: LiveRoomWorld) -> None:
    # Python 3.11's wait_for, which the library writes under, loses some cancellations.
    for steps in range(12):
        read = asyncio.ensure_future(live.redis.now_ms())
        for _ in range(steps):
            await asyncio.sleep(0)
        if read.cancel():
            with pytest.raises(asyncio.CancelledError):
                await read
