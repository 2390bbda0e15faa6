"""Which processes are alive, by Redis' own clock, and that nothing is left of the others."""

import asyncio
import contextlib
import signal
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import redis.asyncio as driver

from app.cluster.heartbeat import Heartbeat
from app.cluster.node import NodeInfo, NodeState
from app.cluster.refusals import NoSuchWorker
from app.cluster.registry import CUT_SECONDS, GONE_SECONDS, Registry
from app.core.errors import Unavailable
from app.core.ids import NodeId
from app.store.redis import Redis

RELAY = NodeId("relay-1")


def info(name: str, load: float | None = 0, state: NodeState = NodeState.READY) -> NodeInfo:
    return NodeInfo(NodeId(name), "relay", "127.0.0.1:7000", load, 100, state, ("seoul",), ("kt",))


async def soon(holds: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> float:
    """Look until it holds; return the seconds that it took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def test_who_announces_is_alive_until_it_is_silent(store: Redis, raw: driver.Redis) -> None:
    registry = Registry(store)
    assert await registry.alive("relay") == []
    for name in ("relay-1", "relay-2"):
        await registry.announce("relay", NodeId(name), info(name, 2.5))
    assert await registry.alive("relay") == [info("relay-1", 2.5), info("relay-2", 2.5)]
    assert await registry.alive("api") == []

    await raw.zincrby("nodes:relay", -4000, "relay-1")  # silent for four seconds
    assert await registry.alive("relay") == [info("relay-2", 2.5)]
    await registry.withdraw("relay", NodeId("relay-2"))
    assert await registry.alive("relay") == []
    await registry.announce("relay", NodeId("relay-1"), info("relay-1", 3))
    assert await registry.alive("relay") == [info("relay-1", 3)]


async def test_all_kinds_and_one_of_them(store: Redis) -> None:  # O7: getWorkers, getWorkerAttr
    registry = Registry(store)
    api = NodeInfo(NodeId("api-1"), "api", "h:1", 0.5, state=NodeState.FULL)
    await registry.announce("relay", RELAY, info("relay-1"))
    await registry.announce("api", api.id, api)
    assert await registry.all() == [api, info("relay-1")]
    assert await registry.find(RELAY) == info("relay-1")
    with pytest.raises(NoSuchWorker, match=r"^Worker \[relay-x\] does NOT exist\.$"):  # O16
        await registry.find(NodeId("relay-x"))


async def test_nothing_of_the_registry_outlives_its_process(
    store: Redis, raw: driver.Redis
) -> None:
    registry = Registry(store)
    await registry.announce("relay", RELAY, info("relay-1"))
    await registry.order_drain(RELAY, 5)
    assert sorted(await raw.keys("*")) == [
        b"clock:correction",
        b"drain:relay-1",
        b"node:relay:relay-1",
        b"nodes:relay",
    ]
    assert 0 < await raw.pttl("node:relay:relay-1") <= GONE_SECONDS * 1000
    assert 0 < await raw.ttl("nodes:relay") <= 86_400
    assert 0 < await raw.ttl("drain:relay-1") <= 600
    await registry.withdraw("relay", RELAY)
    await registry.withdraw("relay", RELAY)  # quitting twice is harmless (O17)
    assert await raw.keys("*") == [b"clock:correction"]


async def test_a_dead_process_is_buried_unless_it_was_heard_of(
    store: Redis, raw: driver.Redis
) -> None:
    registry = Registry(store)
    await registry.announce("relay", RELAY, info("relay-1"))
    await raw.rpush("commands:relay-1", "something")
    assert not await registry.bury("relay", RELAY)
    assert await registry.alive("relay") == [info("relay-1")]
    await raw.zincrby("nodes:relay", -1300, "relay-1")
    assert await registry.bury("relay", RELAY)
    assert await raw.keys("*") == [b"clock:correction"]


async def test_the_long_dead_are_dropped_from_the_list(store: Redis, raw: driver.Redis) -> None:
    registry = Registry(store)
    await registry.announce("relay", RELAY, info("relay-1"))
    await raw.zincrby("nodes:relay", -61_000, "relay-1")
    assert await registry.alive("relay") == []
    assert await raw.zrange("nodes:relay", 0, -1) == []


async def test_a_heartbeat_announces_changes_at_once_and_withdraws(
    store: Redis, raw: driver.Redis
) -> None:  # O18, O19
    registry, state = Registry(store), [NodeState.READY]
    beat = Heartbeat(registry, lambda: info("relay-1", 1, state[0]))
    await beat.open()

    async def is_there() -> bool:
        return bool(await registry.alive("relay"))

    async def drains() -> bool:
        return (await registry.find(RELAY)).state is NodeState.DRAINING

    await soon(is_there)
    state[0] = NodeState.DRAINING
    beat.changed()
    assert await soon(drains) < 0.9  # not with the next second's beat
    await beat.close()
    await beat.close()
    assert await raw.keys("*") == [b"clock:correction"]


class SlowRegistry(Registry):
    """Its writes take a while to arrive, also those whose caller is gone."""

    async def announce(self, kind: str, node: NodeId, info: NodeInfo) -> float | None:
        await asyncio.sleep(0.1)
        return await super().announce(kind, node, info)


async def test_a_beat_on_its_way_does_not_bring_back_who_left(
    store: Redis, raw: driver.Redis
) -> None:
    beat = Heartbeat(SlowRegistry(store), lambda: info("relay-1"))
    await beat.open()
    await asyncio.sleep(0.02)  # the first beat is under way
    await beat.close()
    await asyncio.sleep(0.2)
    assert await raw.keys("*") == [b"clock:correction"]
    assert not await beat.beat()
    assert await raw.keys("*") == [b"clock:correction"]


async def test_an_order_to_drain_comes_with_the_next_beat_once(store: Redis) -> None:
    registry, orders = Registry(store), []
    beat = Heartbeat(registry, lambda: info("relay-1"), orders.append)
    assert await beat.beat()
    assert orders == []
    await registry.order_drain(RELAY, 7.5)
    for _ in range(3):
        assert await beat.beat()
    assert orders == [7.5]
    with pytest.raises(NoSuchWorker):
        await registry.order_drain(NodeId("relay-x"), 1)
    await beat.close()


CHILD = textwrap.dedent(
    """
    import asyncio, sys
    from app.cluster.heartbeat import Heartbeat
    from app.cluster.lifeline import Lifeline
    from app.cluster.node import NodeInfo
    from app.cluster.registry import Registry
    from app.core.ids import NodeId
    from app.store.redis import Redis

    async def main(url):
        redis, node = Redis(url), NodeId("relay-1")
        await redis.open()
        info = NodeInfo(node, "relay", "", 0.0, has_lifeline=True)
        await Lifeline(redis, node).open()
        await Heartbeat(Registry(redis), lambda: info).open()
        await asyncio.sleep(120)

    asyncio.run(main(sys.argv[1]))
    """
)


@pytest.fixture
async def child(redis_url: str, store: Redis) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process with a heartbeat and a lifeline, registered."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, redis_url)
    registry = Registry(store)

    async def is_there() -> bool:
        return bool(await registry.alive("relay")) and (await store.listening(["alive:relay-1"]))[0]

    try:
        await soon(is_there, 30)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.kill()
        await process.wait()


async def is_missed(registry: Registry) -> float:
    async def is_gone() -> bool:
        return not await registry.alive("relay")

    return await soon(is_gone)


async def test_a_killed_process_is_missed_within_a_beat(  # O18, L32, P5
    child: asyncio.subprocess.Process, store: Redis
) -> None:
    child.kill()
    await child.wait()
    assert await is_missed(Registry(store)) < CUT_SECONDS + 0.8


async def test_a_frozen_process_is_missed_within_four_seconds(  # O18, L15
    child: asyncio.subprocess.Process, store: Redis
) -> None:
    child.send_signal(signal.SIGSTOP)
    took = await is_missed(Registry(store))
    assert CUT_SECONDS < took < 4.0  # its connections stand: only silence tells


async def test_where_redis_does_not_say_who_listens_silence_decides(
    store: Redis, raw: driver.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_: object) -> list[bool]:
        raise Unavailable("no permission")

    registry = Registry(store)
    alone = NodeInfo(RELAY, "relay", "", 0.0, has_lifeline=True)  # it listens to nothing
    await registry.announce("relay", RELAY, alone)
    await raw.zincrby("nodes:relay", -2000, RELAY)
    assert await registry.alive("relay") == []
    monkeypatch.setattr(store, "listening", refused)
    assert await registry.alive("relay") == [alone]


async def test_a_lifeline_that_only_broke_is_mended(
    child: asyncio.subprocess.Process, store: Redis, raw: driver.Redis
) -> None:
    registry = Registry(store)
    await raw.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    async def is_up() -> bool:
        assert await registry.alive("relay")
        return (await store.listening(["alive:relay-1"]))[0]

    await soon(is_up, 5)
