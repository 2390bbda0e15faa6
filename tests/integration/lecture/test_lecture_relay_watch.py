"""What becomes of a room whose relay dies or drains, and of an offer on its way there."""

import asyncio
import time

import pytest

from app.cluster.node import NodeInfo, NodeState
from app.core.errors import Unavailable
from app.core.ids import ConnectionId, NodeId, RoomId
from app.lecture.media import PURPOSE
from tests.integration.lecture.live_world import OFFER, OWNER, ROOM, STUDENT, World

TAB1, TAB2 = ConnectionId("tab1"), ConnectionId("tab2")
ONE, TWO = NodeId("relay-1"), NodeId("relay-2")


async def announce(
    world: World, node: NodeId, state: NodeState = NodeState.READY, load: float = 0
) -> None:
    info = NodeInfo(node, PURPOSE, "h:1", load, 100, state)
    await world.one.registry.announce(PURPOSE, node, info)


async def kinds(world: World) -> list[str]:
    return [kind for kind, _ in await world.events()]


async def executed(world: World) -> NodeId | None:
    """Return who executes the room, once that has been noted in the background."""
    async with asyncio.timeout(5):
        while True:
            for task in await world.one.media._scheduler.tasks(PURPOSE):
                if task.is_executing:
                    return task.node
            await asyncio.sleep(0.01)


async def test_a_draining_relay_gives_its_room_away_once(world: World) -> None:  # P13
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    world.two.lectures.present(ROOM, TAB2)
    await announce(world, ONE, NodeState.DRAINING)
    await world.look()
    assert await kinds(world) == []  # nobody else takes it: it stays where it is
    await announce(world, ONE, NodeState.DRAINING)
    await announce(world, TWO)
    await world.look()
    assert await kinds(world) == ["media_moved"]
    assert await world.one.rooms.relay_of(ROOM) == TWO
    entered = await world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER)
    assert world.relay.opened[-1][0] == TWO
    assert world.relay.opened[-1][1].peer == entered.peer


async def test_a_room_that_no_process_serves_is_moved_too(world: World) -> None:  # P13
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    assert await executed(world) == ONE
    for process in (world.one, world.two):
        for slot in process.presence.held():
            process.presence.drop(slot)
    await announce(world, ONE, NodeState.DRAINING)
    await announce(world, TWO)
    await world.look()
    assert await world.one.rooms.relay_of(ROOM) == TWO


async def test_what_a_dead_relay_left_is_removed(world: World) -> None:  # O32, L32, P5
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    assert await executed(world) == ONE
    await world.look()
    await world.raw.rpush(f"commands:{ONE}", "never read")
    await world.raw.zincrby("nodes:relay", -4000, ONE)  # silent for four seconds
    await world.look()
    assert await kinds(world) == ["media_moved"]
    assert [key for key in await world.raw.keys("*") if ONE.encode() in key] == []
    assert await world.raw.hgetall("tasks:{relay}") == {}


async def test_a_redis_that_was_away_is_no_dead_relay(world: World) -> None:  # P12
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await world.look()
    redis = world.one.registry.redis
    try:
        world.one.registry.redis = Broken()  # type: ignore[assignment]
        for _ in range(6):
            with pytest.raises(Unavailable):
                await world.one.watch.look()
            world.one.clock.advance(0.5)
    finally:
        world.one.registry.redis = redis
    await world.raw.zincrby("nodes:relay", -4000, ONE)  # its heartbeats did not come through
    for _ in range(3):
        await world.one.watch.look()
        world.one.clock.advance(0.5)
    await world.announce_relay()
    for _ in range(6):
        await world.one.watch.look()
        world.one.clock.advance(0.5)
    assert await kinds(world) == []
    assert await world.one.rooms.relay_of(ROOM) == ONE


class Broken:
    async def script(self, *_: object) -> None:
        raise Unavailable("Redis is away")


async def test_an_offer_to_a_relay_that_dies_is_answered_by_another(world: World) -> None:  # row 40
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    world.one.lectures.present(ROOM, TAB2)
    await world.look()
    world.relay.gate = asyncio.Event()  # it does not answer
    entering = asyncio.ensure_future(world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER))
    await asyncio.sleep(0.05)
    await world.one.registry.withdraw(PURPOSE, ONE)
    await announce(world, TWO)
    before = len(world.relay.opened)
    await world.look()
    world.relay.gate.set()
    await asyncio.wait_for(entering, 5)
    assert [node for node, _ in world.relay.opened[before:]] == [TWO]
    assert await kinds(world) == ["media_moved"]


async def test_a_dead_relay_answers_with_an_error_never_with_a_hang(world: World) -> None:  # L19
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    world.relay.failing = Unavailable("the other process did not answer in time")
    with pytest.raises(Unavailable, match="in time"):
        await world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER)
    await world.one.registry.withdraw(PURPOSE, ONE)
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"reason: No worker available, all in full load\.$"):
        await world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER)  # it waits for another
    assert time.monotonic() - began < 6


async def test_a_room_outlives_a_relay_that_comes_back_late(world: World) -> None:  # P5, L14
    await world.one.registry.withdraw(PURPOSE, ONE)
    starting = asyncio.ensure_future(world.one.lectures.start(OWNER, TAB1, ROOM, OFFER))
    await asyncio.sleep(0.2)
    await announce(world, TWO)
    assert (await asyncio.wait_for(starting, 5)).seat.epoch == 1
    assert await world.one.rooms.relay_of(ROOM) == TWO


async def test_a_full_relay_keeps_its_room_and_gets_no_other(world: World) -> None:  # L16, O19
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await announce(world, ONE, NodeState.FULL, 99)
    entered = await world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER)
    assert (world.relay.opened[-1][0], world.relay.opened[-1][1].peer) == (ONE, entered.peer)
    with pytest.raises(Unavailable, match=r"^No worker available, all in full load\.$"):
        await world.one.media.relay_for(RoomId("004218"), None)
