"""Commands between processes: one answer each, in time or not at all."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio as driver

from app.cluster.commands import MAX_HANDLERS, CommandBus
from app.core.errors import BadOffer, Internal, Unavailable
from app.core.ids import NodeId
from app.store.redis import Redis

API, RELAY = NodeId("api-1"), NodeId("relay-1")


@pytest.fixture
async def api(store: Redis) -> AsyncIterator[CommandBus]:
    bus = CommandBus(store, API)
    await bus.open()
    yield bus
    await bus.close()


@pytest.fixture
async def relay(redis_url: str) -> AsyncIterator[CommandBus]:
    redis = Redis(redis_url)
    bus = CommandBus(redis, RELAY)
    await bus.open()
    yield bus
    await bus.close()
    await redis.close()


async def test_each_call_gets_its_own_answer(api: CommandBus, relay: CommandBus) -> None:
    async def backwards(payload: bytes) -> bytes:
        await asyncio.sleep(0.02 if payload.endswith(b"0") else 0)
        return payload[::-1]

    relay.serve(backwards)
    payloads = [b"\n\x00 call %d" % n for n in range(60)]
    answers = await asyncio.gather(*(api.call(RELAY, payload, 3) for payload in payloads))
    assert answers == [payload[::-1] for payload in payloads]


async def test_a_refusal_crosses_as_the_error_it_is(api: CommandBus, relay: CommandBus) -> None:
    async def refuse(payload: bytes) -> bytes:
        if payload == b"offer":
            raise BadOffer("no m-line")
        raise ZeroDivisionError

    relay.serve(refuse)
    with pytest.raises(BadOffer, match="no m-line"):
        await api.call(RELAY, b"offer", 3)
    with pytest.raises(Internal):
        await api.call(RELAY, b"else", 3)


async def test_nobody_there_is_unavailable_at_the_deadline(
    api: CommandBus, raw: driver.Redis
) -> None:
    with pytest.raises(Unavailable):
        await api.call(NodeId("relay-x"), b"hello", 0.1)
    assert 0 < await raw.ttl("commands:relay-x") <= 60


async def test_an_expired_request_is_dropped_unrun(api: CommandBus, redis_url: str) -> None:
    with pytest.raises(Unavailable):
        await api.call(RELAY, b"old", 0.05)
    await asyncio.sleep(0.1)
    ran: list[bytes] = []

    async def note(payload: bytes) -> bytes:
        ran.append(payload)
        return b""

    redis = Redis(redis_url)
    late = CommandBus(redis, RELAY)
    late.serve(note)
    await late.open()
    await api.call(RELAY, b"new", 3)
    assert ran == [b"new"]
    assert late.counters.expired == 1
    await late.close()
    await redis.close()


async def test_a_late_answer_is_dropped(api: CommandBus, relay: CommandBus) -> None:
    async def slow(payload: bytes) -> bytes:
        await asyncio.sleep(0.15)
        return b"late"

    relay.serve(slow)
    with pytest.raises(Unavailable):
        await api.call(RELAY, b"x", 0.05)
    async with asyncio.timeout(5):
        while not api.counters.late_answers:
            await asyncio.sleep(0.01)


async def test_too_many_at_once_are_answered_as_unavailable(
    api: CommandBus, relay: CommandBus
) -> None:
    gate, most = asyncio.Event(), 0

    async def wait(payload: bytes) -> bytes:
        nonlocal most
        most = max(most, relay._running)
        await gate.wait()
        return b""

    relay.serve(wait)
    calls = [asyncio.ensure_future(api.call(RELAY, b"x", 5)) for _ in range(MAX_HANDLERS + 6)]
    async with asyncio.timeout(5):
        while relay.counters.overflowed < 6:
            await asyncio.sleep(0.01)
    gate.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(outcome, Unavailable) for outcome in outcomes) == 6
    assert most == MAX_HANDLERS


async def test_garbage_on_the_list_is_counted_and_survived(
    api: CommandBus, relay: CommandBus, raw: driver.Redis
) -> None:
    async def echo(payload: bytes) -> bytes:
        return payload

    relay.serve(echo)
    for garbage in (b"", b"{}", b"[]", b"\xff\x00", b'{"kind":1}\n'):
        await raw.rpush("commands:relay-1", garbage)
    assert await api.call(RELAY, b"x", 3) == b"x"
    assert relay.counters.garbled == 5


async def test_a_closed_bus_ends_its_calls(store: Redis) -> None:
    bus = CommandBus(store, NodeId("api-9"))
    await bus.open()
    call = asyncio.ensure_future(bus.call(NodeId("relay-x"), b"x", 30))
    async with asyncio.timeout(5):
        while not bus._waiting:
            await asyncio.sleep(0)
        await bus.close()
        with pytest.raises(Unavailable):
            await call
