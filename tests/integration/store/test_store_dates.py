"""Redis' date is set an hour on or back: no deadline comes early, none is put off (row 25)."""

import time
from collections.abc import AsyncIterator, Iterator

import pytest
import redis.asyncio as driver

from app.cluster.node import NodeInfo
from app.cluster.registry import Registry
from app.core.errors import Unauthorized
from app.core.ids import ConnectionId, NodeId
from app.rooms.guests import Guests
from app.rooms.model import EndedRoom, Wait
from app.store import steady
from app.store.lease import Lease
from app.store.redis import Redis
from tests.clock_shim import ClockShim
from tests.integration.store.live_room import EMAIL, ROOM, LiveRoomWorld
from tests.redis_server import RedisServer

HOUR = 3600
GRACE = 300.0
KEY = "room:{004217}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, ClockShim]]:
    shim = ClockShim(tmp_path_factory.mktemp("shim"))
    server = RedisServer()
    server.environment = shim.environment
    with server:
        yield server, shim


@pytest.fixture
async def jumping(
    server: tuple[RedisServer, ClockShim],
) -> AsyncIterator[tuple[LiveRoomWorld, ClockShim]]:
    """A room whose Redis has the date that a test sets."""
    running, shim = server
    await shim.jump(0)
    running.flush()
    redis, raw = Redis(running.url), driver.Redis.from_url(running.url)
    await redis.open()
    yield LiveRoomWorld(redis, raw), shim
    await raw.aclose()
    await redis.close()


async def noticed(redis: Redis) -> None:
    """Look at the date now, which every process does each second."""
    await redis._steady.look()


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
@pytest.mark.parametrize("is_noticed", [False, True])
async def test_a_date_that_is_set_ends_no_lease_and_no_grace(
    jumping: tuple[LiveRoomWorld, ClockShim], jump: int, is_noticed: bool
) -> None:
    live, shim = jumping
    epoch = await live.start()
    lease = int(await live.raw.hget(KEY, "lease"))
    await shim.jump(jump)
    if is_noticed:
        await noticed(live.redis)
        assert abs(live.redis.date_ms(0) - jump * 1000) < 1000
    assert await live.rooms.look(ROOM, GRACE) == Wait(lease)
    assert await live.rooms.due() == []
    assert await live.rooms.release(ROOM, "api/1", epoch, GRACE)
    deadline = int(await live.raw.hget(KEY, "deadline"))
    assert abs(deadline - await live.redis.steady_ms() - GRACE * 1000) < 1000
    await shim.jump(-jump)
    assert await live.rooms.look(ROOM, GRACE) == Wait(deadline)
    assert await live.rooms.due() == []
    assert await live.rooms.try_claim(ROOM, EMAIL, "api/2", 6) == epoch + 1


async def test_a_grace_that_began_before_a_jump_ends_when_it_would_have(
    jumping: tuple[LiveRoomWorld, ClockShim],
) -> None:
    live, shim = jumping
    epoch = await live.start()
    assert await live.rooms.release(ROOM, "api/1", epoch, 0.5)
    began = time.monotonic()
    for jump in (HOUR, -HOUR):
        await shim.jump(jump)
        await noticed(live.redis)
        assert await live.rooms.due() == [] or time.monotonic() - began > 0.4
    while not await live.rooms.due():
        assert time.monotonic() - began < 5
    assert isinstance(await live.rooms.look(ROOM, GRACE), EndedRoom)


async def test_dates_that_people_are_told_are_redis_own(
    jumping: tuple[LiveRoomWorld, ClockShim],
) -> None:
    live, shim = jumping
    epoch = await live.start()
    await shim.jump(HOUR)
    await noticed(live.redis)
    await live.rooms.release(ROOM, "api/1", epoch, GRACE)
    room = await live.rooms.read(ROOM)
    assert room is not None
    assert room.deadline_ms is not None
    assert abs(room.deadline_ms - await live.redis.now_ms() - GRACE * 1000) < 1000


async def test_processes_are_alive_when_the_date_is_set(
    jumping: tuple[LiveRoomWorld, ClockShim],
) -> None:
    live, shim = jumping
    registry, node = Registry(live.redis), NodeId("relay-1")
    said = NodeInfo(node, "relay", "h:1", 0.0, 100)
    await registry.announce("relay", node, said)
    assert await registry.alive("relay") == [said]
    for jump in (HOUR, -HOUR, 0):
        await shim.jump(jump)
        assert await registry.alive("relay") == [said]
    assert await live.raw.hgetall("node:relay:relay-1") == {}  # its lifetime ended with the jump
    await live.raw.zincrby("nodes:relay", -3600, "relay-1")  # and it is gone when it is silent
    assert await registry.alive("relay") == []


async def test_a_guest_may_come_back_for_a_minute_whatever_the_date(
    jumping: tuple[LiveRoomWorld, ClockShim],
) -> None:
    live, shim = jumping

    async def heard(_: NodeId) -> int | None:
        return None

    async def probe(_: ConnectionId) -> bool:
        return True

    guests = Guests(live.redis, NodeId("api-1"), heard)
    for guest, jump in (("g1", HOUR), ("g2", -HOUR)):
        await live.rooms.remember(guest, "GUEST", ROOM)
        await guests.hold(guest, ConnectionId("c1"))
        await guests.lost(guest, ConnectionId("c1"))
        await shim.jump(jump)
        await guests.come_back(guest, ConnectionId("c2"), probe)
        await guests.lost(guest, ConnectionId("c2"))
        await live.raw.hincrby(f"user:{guest}", "lostAt", -61_000)
        await shim.jump(0)
        with pytest.raises(Unauthorized):
            await guests.come_back(guest, ConnectionId("c3"), probe)


async def test_a_lease_is_held_for_no_longer_than_a_whole_one(live: LiveRoomWorld) -> None:
    mine, theirs = (Lease(live.redis, "work", name, 5) for name in ("a", "b"))
    assert await mine.hold()
    await live.raw.pexpire("lease:work", 3_600_000)  # as after the date was set back
    assert not await theirs.hold()
    assert await live.raw.pttl("lease:work") <= 5000


async def test_a_script_that_comes_late_counts_from_when_it_was_sent(
    live: LiveRoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    epoch = await live.start()
    sent = await live.redis.steady_ms() - 8000
    late = steady.Stamp(0, sent)
    monkeypatch.setattr(live.redis._steady, "stamp", lambda: late)
    assert await live.rooms.release(ROOM, "api/1", epoch, GRACE)
    assert int(await live.raw.hget(KEY, "deadline")) == sent + GRACE * 1000
