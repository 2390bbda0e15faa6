"""The monitor's watch over a real coturn, and what others see of it."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from app.core.ids import NodeId
from app.store import keys
from app.store.redis import Redis
from app.turn import monitor
from app.turn.store import GONE_SECONDS, TurnStore
from tests.integration.turn.conftest import StartCoturn
from tests.integration.turn.coturns import (
    Coturn,
    ShiftedClock,
    allocate,
    eventually,
    refusal,
    turn_config,
)
from tests.redis_server import RedisServer


async def test_a_killed_coturn_is_offered_to_nobody_and_back_after_three_seconds(
    start_coturn: StartCoturn,
) -> None:  # T8, row 35
    coturn = await start_coturn()
    credential = await coturn.issue()
    first = coturn.pid
    died = time.monotonic()
    os.kill(first, signal.SIGKILL)

    async def is_gone() -> bool:
        return not await coturn.is_offered()

    assert await eventually(is_gone) < 1.0
    await coturn.until_offered()
    assert coturn.pid != first
    assert 3.0 <= time.monotonic() - died < 7.0
    assert await refusal(coturn.config, credential) is None, "credentials outlive coturn"
    assert coturn.role.monitor.health().restarts == 1
    assert (await asyncio.to_thread(coturn.figures))["lectern_turn_restarts_total"] == 1


async def test_a_silent_coturn_is_offered_to_nobody(start_coturn: StartCoturn) -> None:  # T7
    coturn = await start_coturn()
    os.kill(coturn.pid, signal.SIGSTOP)
    try:

        async def is_gone() -> bool:
            return not await coturn.is_offered()

        assert await eventually(is_gone, 10) < 10.0
    finally:
        os.kill(coturn.pid, signal.SIGCONT)
    await coturn.until_offered()


async def test_what_others_see_of_a_server(start_coturn: StartCoturn, redis: Redis) -> None:  # T5
    coturn = await start_coturn(region="north")
    node = await redis.hash(keys.node("turn", NodeId(coturn.config.id)))
    assert float(node[b"freeTraffic"]) == 1000.0
    assert node[b"restAddr"].decode() == f"127.0.0.1:{coturn.config.rest_port}"
    assert node[b"region"] == b"north"
    (server,) = await coturn.store.alive()
    assert server.urls == coturn.config.urls
    await coturn.role.monitor.close()
    assert await coturn.store.alive() == []


class Network:
    """The counters of an interface over which so many bytes go between two looks."""

    def __init__(self) -> None:
        self.sent = 0
        self.step = 0

    def __call__(self) -> str:
        self.sent += self.step
        return f"headings\n\n  eth0: 0 0 0 0 0 0 0 0 {self.sent} 0 0 0 0 0 0 0\n"


async def test_a_saturated_server_is_never_given_out(
    start_coturn: StartCoturn, monkeypatch: pytest.MonkeyPatch
) -> None:  # T6, T7
    monkeypatch.setattr(monitor, "SAMPLE_SECONDS", 0.2)
    network = Network()
    free = await start_coturn()
    full = await start_coturn(network=network, interface="eth0")
    network.step = 10**9

    async def is_full() -> bool:
        servers = {server.id: server.free_mbps for server in await free.store.alive()}
        return servers[full.config.id] == 0.0

    await eventually(is_full, 10)
    await free.servers.look()
    given = {
        server.server
        for number in range(20)
        for server in free.servers.issue("004217", f"guest-{number}").servers
    }
    assert given == {free.config.id}
    network.step = 0

    async def is_free_again() -> bool:
        return not await is_full()

    await eventually(is_free_again, 10)


async def test_everybody_gets_two_servers_evenly(start_coturn: StartCoturn) -> None:  # T7
    one, two = await start_coturn(), await start_coturn()
    await one.servers.look()
    firsts = [one.servers.issue("004217", f"guest-{n}").servers[0].server for n in range(40)]
    assert firsts.count(one.config.id) == firsts.count(two.config.id) == 20
    both = one.servers.issue("004217", "ada@example.org").servers
    assert {server.server for server in both} == {one.config.id, two.config.id}
    assert both[0].credential != both[1].credential, "each server has secrets of its own"
    for coturn in (one, two):
        mine = next(s.credential for s in both if s.server == coturn.config.id)
        assert await refusal(coturn.config, mine) is None
        other = next(s.credential for s in both if s.server != coturn.config.id)
        assert await refusal(coturn.config, other) == 401


async def test_a_vanished_monitor_is_gone_in_ten_seconds(
    start_coturn: StartCoturn, redis: Redis
) -> None:  # T5
    coturn = await start_coturn()
    store = TurnStore(redis)
    await coturn.role.monitor._tasks.close()  # as kill -9 leaves it: nothing is withdrawn

    async def is_gone() -> bool:
        return await store.alive() == []

    assert await eventually(is_gone, 10) <= GONE_SECONDS + 1.0
    assert await store.known() == [coturn.config.id], "its secrets are remembered"


async def test_two_monitors_of_a_server_share_its_secrets(
    start_coturn: StartCoturn, redis: Redis
) -> None:  # T4
    coturn = await start_coturn()
    credential = await coturn.issue()
    await coturn.role.monitor._tasks.close()
    coturn.child.kill()
    await coturn.child.wait()
    again = Coturn(turn_config(coturn.config.folder, port=coturn.config.port), redis, coturn.clock)
    try:
        await again.open()
        assert await refusal(again.config, credential) is None, "the same until it expires"
    finally:
        await again.close()


async def test_coturn_takes_credentials_while_redis_is_away(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    redis = Redis(redis_server.url, timeout=0.3)
    await redis.open()
    coturn = Coturn(turn_config(tmp_path / "turn"), redis, ShiftedClock())
    try:
        await coturn.open()
        credential = await coturn.issue()
        redis_server.stop()
        allocation = await allocate(coturn.config, credential)
        await allocation.close()
        issued = coturn.servers.issue("004217", "late@example.org")
        assert issued.servers, "what was known is handed out"
        redis_server.start()
        await coturn.until_offered()
        assert await refusal(coturn.config, credential) is None
    finally:
        await coturn.close()
        await redis.close()


async def test_secrets_are_given_back_to_a_redis_that_lost_them(
    start_coturn: StartCoturn, redis: Redis
) -> None:
    coturn = await start_coturn()
    credential = await coturn.issue()
    before = await coturn.store.slots(coturn.config.id)
    await redis._connections._client.flushall()

    async def is_back() -> bool:
        return await coturn.store.slots(coturn.config.id) == before

    await eventually(is_back)
    assert await refusal(coturn.config, credential) is None
