"""A guest's id in Redis: good on one connection at a time (X4)."""

import asyncio

import pytest

from app.core.errors import Unauthorized
from app.core.ids import ConnectionId, NodeId
from app.rooms.guests import Guests
from app.store import keys
from app.store.redis import Redis

GUEST = "a-guest"
OLD, NEW, THIRD = ConnectionId("old"), ConnectionId("new"), ConnectionId("third")


async def dead(_: object) -> bool:
    return False


async def alive(_: object) -> bool:
    return True


async def gone(_: object) -> None:
    return None


class Beating:
    """A process that is heard of again at each of so many looks, and then no more; gone at last."""

    def __init__(self, beats: int, gone_after: int = 1000) -> None:
        self.looks = 0
        self._beats, self._gone_after = beats, gone_after

    async def __call__(self, _: object) -> int | None:
        self.looks += 1
        return None if self.looks > self._gone_after else min(self.looks, self._beats)


@pytest.fixture
async def redis(redis_url: str):  # type: ignore[no-untyped-def]
    redis = Redis(redis_url)
    await redis.open()
    await redis.script("remember", [keys.user(GUEST)], ["GUEST", "004217", 60_000])
    yield redis
    await redis.close()


def guests(redis: Redis, node: str = "api-one", grace: float = 60.0, others=None) -> Guests:  # type: ignore[no-untyped-def]
    return Guests(redis, NodeId(node), others or Beating(1000), grace)


async def test_a_lost_guest_comes_back_on_one_connection(redis: Redis) -> None:  # X4
    here, there = guests(redis), guests(redis, "api-two")
    await here.hold(GUEST, OLD)
    await here.lost(GUEST, OLD)
    results = await asyncio.gather(
        here.come_back(GUEST, NEW, alive),
        there.come_back(GUEST, THIRD, alive),
        return_exceptions=True,
    )
    assert sorted(type(result) for result in results if result) == [Unauthorized]


async def test_a_live_guest_is_nobody_elses(redis: Redis) -> None:  # X4
    here, there = guests(redis), guests(redis, "api-two")
    await here.hold(GUEST, OLD)
    for where in (here, there):
        with pytest.raises(Unauthorized):
            await where.come_back(GUEST, NEW, alive)
    await here.come_back(GUEST, OLD, alive)


async def test_a_silent_connection_or_a_dead_process_gives_way(redis: Redis) -> None:
    here = guests(redis)
    await here.hold(GUEST, OLD)
    await here.come_back(GUEST, NEW, dead)
    await guests(redis, "api-two", others=gone).come_back(GUEST, THIRD, alive)


async def test_a_process_that_was_just_killed_is_waited_for(redis: Redis) -> None:  # P5
    """It counts as alive until it has been silent for the liveness window: no refusal meanwhile."""
    await guests(redis).hold(GUEST, OLD)
    killed = Beating(beats=1, gone_after=4)
    await guests(redis, "api-two", others=killed).come_back(GUEST, NEW, alive)
    assert killed.looks == 5


async def test_a_process_that_is_heard_of_again_lives(redis: Redis) -> None:  # X4
    await guests(redis).hold(GUEST, OLD)
    slow = Beating(beats=2)
    with pytest.raises(Unauthorized):
        await guests(redis, "api-two", others=slow).come_back(GUEST, NEW, alive)
    assert slow.looks == 2


async def test_a_late_loss_of_the_old_connection_changes_nothing(redis: Redis) -> None:  # X7
    here = guests(redis)
    await here.hold(GUEST, OLD)
    await here.come_back(GUEST, NEW, dead)
    await here.lost(GUEST, OLD)
    with pytest.raises(Unauthorized):
        await here.come_back(GUEST, THIRD, alive)


async def test_after_the_grace_period_it_is_too_late(redis: Redis) -> None:
    here = guests(redis, grace=0.05)
    await here.hold(GUEST, OLD)
    await here.lost(GUEST, OLD)
    await asyncio.sleep(0.1)
    with pytest.raises(Unauthorized):
        await here.come_back(GUEST, NEW, alive)


async def test_an_unknown_guest_is_nobody(redis: Redis) -> None:
    for ident in ("nobody", "ada@example.org"):
        await guests(redis).hold(ident, OLD)
        with pytest.raises(Unauthorized):
            await guests(redis).come_back(ident, OLD, alive)
        assert await redis.hash(keys.user(ident)) == {}
