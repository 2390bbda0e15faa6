"""One room on four relay processes in two network namespaces (M15, L34)."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from bench.ports import free_port
from bench.workload import frame_ticks, schedule
from tests.integration.relay.relay_processes import ROOM, Hall, RelayProcess
from tests.integration.turn.namespaces import Namespace
from tests.redis_server import RedisServer

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.usefixtures("foremost"),
]


@contextmanager
def redis_at(host: str) -> Iterator[str]:
    server = RedisServer()
    port = free_port()
    try:
        server.start("--port", str(port), "--bind", host, "--protected-mode", "no")
        yield f"redis://{host}:{port}"
    finally:
        server.close()


@asynccontextmanager
async def campus(tmp_path: Path) -> AsyncIterator[tuple[Hall, list[RelayProcess]]]:
    """Two relays here, two in a namespace that has its own network and one cable to here."""
    async with AsyncExitStack() as stack:
        inside = stack.enter_context(Namespace())
        url = stack.enter_context(redis_at(inside.host))
        relays = []
        for number, (host, where) in enumerate(
            [
                (inside.host, None),
                (inside.host, None),
                (inside.guest, inside),
                (inside.guest, inside),
            ]
        ):
            relay = RelayProcess(url, host, tmp_path / f"relay-{number}", where)
            stack.callback(relay.close)
            relays.append(relay)
        hall = Hall(url)
        stack.push_async_callback(hall.close)
        await hall.open(relays)
        yield hall, relays


async def play(hall: Hall, seconds: float) -> None:
    await hall.publisher.play(schedule("bursts", seconds, 1), frame_ticks("bursts"))


async def egress(hall: Hall, relay: RelayProcess, seconds: float) -> tuple[int, int]:
    """Return the bytes that a relay sent while the presenter did, and the presenter's packets."""
    before, sent = (await hall.count(relay))["bytes_forwarded"], hall.publisher.sent
    await play(hall, seconds)
    await asyncio.sleep(0.3)
    after = (await hall.count(relay))["bytes_forwarded"]
    return after - before, hall.publisher.sent - sent


async def test_the_first_relays_traffic_grows_with_relays_not_with_listeners(
    tmp_path: Path,
) -> None:
    async with campus(tmp_path) as (hall, relays):
        first, *others = relays
        await hall.begin(first)
        for relay in relays:
            await hall.listen(relay)
        await play(hall, 1.0)
        few, packets = await egress(hall, first, 1.5)
        for relay in others:
            for _ in range(7):
                await hall.listen(relay)
        await play(hall, 1.0)
        for one in hall.listeners:
            one.verified.intact = 0
        many, more = await egress(hall, first, 1.5)
        # Every listener on every relay has what the presenter sent, content and all.
        for one in hall.listeners:
            assert one.verified.broken == 0
            assert one.verified.intact >= 0.97 * more, one.relay.node
        assert len(hall.listeners) == 4 + 3 * 7
        assert many / more == pytest.approx(few / packets, rel=0.08)
        # A copy for its own listener, and one for each other relay.
        copies = many / more / 1_000
        assert 3.2 <= copies <= 4.8
        stats = await asyncio.gather(*(hall.count(relay) for relay in relays))
        assert [one["pipes"] for one in stats] == [3, 1, 1, 1]
        assert [one["errors"] for one in stats] == [0, 0, 0, 0]
        assert all(one["pipe_packets_received"] > 0 for one in stats[1:])
        assert await hall.rooms.relays(ROOM) == {relay.node for relay in relays}
        # A newcomer has a picture at once: the promise is a second, and this machine may be busy.
        playing = asyncio.ensure_future(play(hall, 3.0))
        late = await hall.listen(others[2])
        async with asyncio.timeout(2.0):
            while not late.verified.intact:
                await asyncio.sleep(0.01)
        await playing
        # Who is the last to leave closes the pipe, and nothing of it stays in Redis.
        for one in [one for one in hall.listeners if one.relay is others[2]]:
            await hall.leave(one)
        async with asyncio.timeout(8.0):
            while (await hall.count(others[2]))["pipes"] or (await hall.count(first))["pipes"] > 2:
                await asyncio.sleep(0.1)
        assert others[2].node not in await hall.rooms.relays(ROOM)


async def test_a_dead_first_relay_is_followed_by_another_and_nobody_else_moves(
    tmp_path: Path,
) -> None:  # P5, fault row 10
    async with campus(tmp_path) as (hall, relays):
        first, second, *far = relays
        await hall.begin(first)
        for relay in (second, *far):
            await hall.listen(relay)
        await play(hall, 1.0)
        assert all(one.verified.intact for one in hall.listeners)
        first.kill()
        # As the api processes do: the room leaves the dead relay, the presenter offers anew.
        assert await hall.rooms.media_moved(ROOM, first.node)
        hall.renew_publisher()
        await hall.begin(second, seen=(1, None))
        began = hall.clock.now()
        before = [one.verified.intact for one in hall.listeners]
        playing = asyncio.ensure_future(play(hall, 6.0))
        waits: dict[str, float] = {}
        while len(waits) < len(hall.listeners) and not playing.done():
            await asyncio.sleep(0.02)
            for one, count in zip(hall.listeners, before, strict=True):
                if one.verified.intact > count + 5:
                    waits.setdefault(one.relay.node, hall.clock.now() - began)
        await playing
        assert set(waits) == {relay.node for relay in (second, *far)}
        assert max(waits.values()) <= 5.0, waits
        stats = await asyncio.gather(*(hall.count(relay) for relay in (second, *far)))
        assert [one["errors"] for one in stats] == [0, 0, 0]
        assert [one["peers"] for one in stats] == [2, 1, 1]  # nobody offered again
        assert [one["pipes"] for one in stats] == [2, 1, 1]
