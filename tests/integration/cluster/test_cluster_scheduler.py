"""Tasks and who has them, with a real Redis between the processes that schedule."""

import asyncio
import sys
import textwrap
import time
from collections import Counter

import pytest
import redis.asyncio as driver

from app.cluster.node import NodeInfo, NodeState
from app.cluster.placement import Preference
from app.cluster.refusals import (
    AllFull,
    NoMatch,
    NoScheduler,
    NoSuchTask,
    NotReady,
    SchedulingFailed,
)
from app.cluster.registry import Registry
from app.cluster.scheduler import Scheduler
from app.cluster.strategy import Strategy
from app.core.ids import NodeId
from app.store.redis import Redis
from tests.redis_server import RedisServer

A, B, C = NodeId("relay-a"), NodeId("relay-b"), NodeId("relay-c")


async def announce(redis: Redis, node: NodeId, load: float | None = 0.1, **more: object) -> None:
    info = NodeInfo(node, "relay", "h:1", load, **more)  # type: ignore[arg-type]
    await Registry(redis).announce("relay", node, info)


@pytest.fixture
def scheduler(store: Redis) -> Scheduler:
    return Scheduler(Registry(store))


async def test_a_task_stays_with_its_process_also_when_that_is_full(  # O9
    store: Redis, scheduler: Scheduler
) -> None:
    await announce(store, A)
    await announce(store, B, 0.5)
    assert (await scheduler.schedule("relay", "room")).id == A
    await announce(store, A, 0.99)
    assert (await scheduler.schedule("relay", "room")).id == A
    assert (await scheduler.schedule("relay", "other")).id == B


async def test_reserved_for_a_minute_then_as_long_as_it_is_executed(  # O9, O10, O11
    store: Redis, scheduler: Scheduler, raw: driver.Redis
) -> None:
    await announce(store, A)
    await scheduler.schedule("relay", "room")
    now = await store.steady_ms()
    found = await scheduler.scheduled("relay", "room")
    assert not found.is_executing
    assert found.due_ms is not None
    assert 55_000 < found.due_ms - now <= 60_000

    await scheduler.pick_up("relay", A, ["room"])
    assert (await scheduler.scheduled("relay", "room")).due_ms is None
    await scheduler.schedule("relay", "room", reserve_seconds=90)
    assert (await scheduler.scheduled("relay", "room")).due_ms is None  # executing: no timer
    await scheduler.lay_down("relay", A, ["room"])
    due = (await scheduler.scheduled("relay", "room")).due_ms
    assert due is not None
    assert due - now > 85_000  # the longer reservation of the two

    await raw.hset("tasks:{relay}", "room", f"{A}|60000|{now - 1}")  # it is over
    with pytest.raises(NoSuchTask, match=r"^No such a task$"):  # O16
        await scheduler.scheduled("relay", "room")
    assert await scheduler.tidy("relay", lambda _: False) == 1
    assert await raw.hgetall("tasks:{relay}") == {}


async def test_a_process_that_is_gone_loses_its_tasks(  # O9, O32
    store: Redis, scheduler: Scheduler
) -> None:
    await announce(store, A, 0.5)
    await announce(store, B, 0.6)
    await scheduler.schedule("relay", "room")
    await scheduler.pick_up("relay", A, ["room", "second"])
    await Registry(store).withdraw("relay", A)
    assert (await scheduler.schedule("relay", "room")).id == B
    assert not (await scheduler.scheduled("relay", "room")).is_executing
    assert await scheduler.tasks_of("relay", A) == ["second"]
    assert await scheduler.tidy("relay", lambda node: node == A) == 1
    assert await scheduler.tasks_of("relay", A) == []
    assert await scheduler.tasks_of("relay", B) == ["room"]


@pytest.mark.parametrize("strategy", list(Strategy))
async def test_a_dead_process_is_skipped_whatever_the_strategy(  # L31, O15
    store: Redis, strategy: Strategy
) -> None:
    scheduler = Scheduler(Registry(store), {"relay": strategy})
    for node in (A, B, C):
        await announce(store, node, 0.1 if node == B else 0.4)
    before = {(await scheduler.schedule("relay", f"room-{n}")).id for n in range(12)}
    assert before <= {A, B, C}
    await Registry(store).bury("relay", B)  # announced a moment ago: it lives
    assert B in {node.id for node in await Registry(store).alive("relay")}
    await Registry(store).withdraw("relay", B)
    again = {(await scheduler.schedule("relay", f"room-{n}")).id for n in range(24)}
    assert again <= {A, C}, "nothing new, and what it had goes elsewhere"
    if strategy in (Strategy.ROUND_ROBIN, Strategy.WEIGHTED):
        assert again == {A, C}


async def test_the_policy_looks_at_load(store: Redis) -> None:  # L31
    await announce(store, A, 0.2)
    await announce(store, B, 0.6)
    least, most = (
        Scheduler(Registry(store)),
        Scheduler(Registry(store), {"relay": Strategy.MOST_USED}),
    )
    assert (await least.schedule("relay", "one")).id == A
    assert (await most.schedule("relay", "two")).id == B
    await announce(store, A, 0.7)
    assert (await least.schedule("relay", "three")).id == B


async def test_only_its_owner_gives_a_task_up(store: Redis, scheduler: Scheduler) -> None:  # O10
    await announce(store, A)
    await scheduler.schedule("relay", "room")
    await scheduler.unschedule("relay", B, ["room"])
    assert (await scheduler.scheduled("relay", "room")).node == A
    await scheduler.unschedule("relay", A, ["room", "never"])
    assert await scheduler.tasks("relay") == []


async def test_nobody_takes_it(store: Redis, scheduler: Scheduler) -> None:  # L16, O8, O12, O16
    with pytest.raises(AllFull, match=r"^No worker available, all in full load\.$"):
        await scheduler.schedule("relay", "room")
    await announce(store, A, None)
    await announce(store, B, 0.85)
    await announce(store, C, 0.1, state=NodeState.DRAINING)
    with pytest.raises(AllFull):
        await scheduler.schedule("relay", "room")
    await announce(store, A, 0.1, isps=("kt",))
    with pytest.raises(NoMatch, match=r"^No worker matches the preference\.$"):
        await scheduler.schedule("relay", "room", Preference(isp="skt"))
    assert (await scheduler.schedule("relay", "room", Preference(isp="kt"))).id == A
    with pytest.raises(AllFull):
        await scheduler.schedule("relay", "room", avoid=A)
    with pytest.raises(NoScheduler, match=r"^No scheduler for purpose: sip$"):
        await scheduler.schedule("sip", "room")


async def test_a_late_comer_is_used_within_the_time_that_is_waited(  # L14, L17, O4
    store: Redis, scheduler: Scheduler
) -> None:
    waiting = asyncio.ensure_future(scheduler.schedule_within(5, "relay", "room"))
    await asyncio.sleep(0.1)
    await announce(store, A)
    assert (await waiting).id == A
    began = time.monotonic()
    with pytest.raises(
        SchedulingFailed,
        match=r"^Failed in scheduling api worker, reason: No worker available, all in full load\.$",
    ):
        await scheduler.schedule_within(0.3, "api", "ticket")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("strategy", list(Strategy))
async def test_all_who_ask_at_once_are_told_the_same(  # L17
    store: Redis, redis_url: str, strategy: Strategy
) -> None:
    for node in (A, B, C):
        await announce(store, node)
    others = [Redis(redis_url) for _ in range(4)]
    schedulers = [Scheduler(Registry(redis), {"relay": strategy}) for redis in others]
    rooms = [f"room-{n}" for n in range(6)]
    answers = await asyncio.gather(
        *(one.schedule("relay", room) for room in rooms for one in schedulers * 2)
    )
    by_room = [answers[n * 8 : n * 8 + 8] for n in range(len(rooms))]
    assert all(len({answer.id for answer in told}) == 1 for told in by_room)
    if strategy in (Strategy.ROUND_ROBIN, Strategy.WEIGHTED):  # its memory is shared, too
        assert Counter(told[0].id for told in by_room) == {A: 2, B: 2, C: 2}
    for redis in others:
        await redis.close()


async def test_a_class_that_asks_at_once_after_a_death_is_told_at_once(  # L17, P5
    store: Redis, redis_url: str, scheduler: Scheduler
) -> None:
    await announce(store, A)
    await scheduler.schedule("relay", "room")
    await scheduler.pick_up("relay", A, ["room"])
    await Registry(store).withdraw("relay", A)
    await announce(store, B)
    await announce(store, C)
    other = Redis(redis_url)
    both = (scheduler, Scheduler(Registry(other)))
    answers = await asyncio.gather(*(one.schedule("relay", "room") for one in both * 100))
    assert len({answer.id for answer in answers}) == 1
    await other.close()


SCHEDULES = textwrap.dedent(
    """
    import asyncio, sys
    from app.cluster.registry import Registry
    from app.cluster.scheduler import Scheduler
    from app.store.redis import Redis

    async def main(url):
        redis = Redis(url)
        await redis.open()
        scheduler = Scheduler(Registry(redis))
        for n in range(20):
            node = await scheduler.schedule("relay", f"room-{n}")
            print(node.id, flush=True)
        await asyncio.sleep(60)

    asyncio.run(main(sys.argv[1]))
    """
)


async def test_who_scheduled_may_die_and_all_stands(  # O20, O21
    store: Redis, redis_url: str, scheduler: Scheduler
) -> None:
    for node in (A, B, C):
        await announce(store, node)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCHEDULES, redis_url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    first = []
    try:
        async with asyncio.timeout(30):
            for _ in range(20):
                first.append((await process.stdout.readline()).decode().strip())
                for node in (A, B, C):
                    await announce(store, node, 0.01 * first.count(node))
    finally:
        process.kill()
        await process.wait()
    killed = time.monotonic()
    again = [(await scheduler.schedule("relay", f"room-{n}")).id for n in range(20)]
    assert time.monotonic() - killed < 3.0
    assert again == first
    assert len(set(first)) == 3


async def test_a_restarted_redis_has_forgotten_nothing(  # O20: no manager to restart but this
    redis_server: RedisServer,
) -> None:
    redis = Redis(redis_server.url)
    scheduler = Scheduler(Registry(redis))
    await announce(redis, A, 0.1)
    await announce(redis, B, 0.2)
    await scheduler.schedule("relay", "room")
    await scheduler.pick_up("relay", A, ["room"])
    redis_server.kill()
    with pytest.raises(NotReady, match=r"^cluster manager is not ready\.$"):  # O16
        await scheduler.schedule("relay", "room")
    with pytest.raises(NotReady):
        await scheduler.tasks("relay")
    redis_server.start()
    await announce(redis, A, 0.9)  # it is heard of again, and is full by now
    await announce(redis, B, 0.2)
    assert (await scheduler.schedule("relay", "room")).id == A
    assert (await scheduler.scheduled("relay", "room")).is_executing
    await redis.close()
