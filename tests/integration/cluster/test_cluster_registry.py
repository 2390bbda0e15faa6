"""Which processes are alive, by Redis' own clock."""

import asyncio

import redis.asyncio as driver

from app.cluster.heartbeat import Heartbeat
from app.cluster.node import NodeInfo
from app.cluster.registry import Registry
from app.core.ids import NodeId
from app.store.redis import Redis


def info(name: str, load: float = 0) -> NodeInfo:
    return NodeInfo(NodeId(name), "relay", "127.0.0.1:7000", load, 100)


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


async def test_nothing_of_the_registry_lives_forever(store: Redis, raw: driver.Redis) -> None:
    registry = Registry(store)
    await registry.announce("relay", NodeId("relay-1"), info("relay-1"))
    keys = await raw.keys("*")
    assert sorted(keys) == [b"node:relay:relay-1", b"nodes:relay"]
    assert all([0 < await raw.ttl(key) <= 60 for key in keys])


async def test_the_long_dead_are_dropped_from_the_list(store: Redis, raw: driver.Redis) -> None:
    registry = Registry(store)
    await registry.announce("relay", NodeId("relay-1"), info("relay-1"))
    await raw.zincrby("nodes:relay", -61_000, "relay-1")
    await registry.announce("relay", NodeId("relay-2"), info("relay-2"))
    assert await raw.zrange("nodes:relay", 0, -1) == [b"relay-2"]


async def test_a_heartbeat_announces_and_withdraws(store: Redis) -> None:
    registry = Registry(store)
    beat = Heartbeat(registry, lambda: info("relay-1"))
    await beat.open()
    async with asyncio.timeout(5):
        while not await registry.alive("relay"):
            await asyncio.sleep(0.01)
    await beat.close()
    await beat.close()
    assert await registry.alive("relay") == []
