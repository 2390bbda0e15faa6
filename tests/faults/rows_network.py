"""Networks that vanish, in network namespaces: rows 17 and 19 of the fault matrix."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.faults.network import Network
from tests.faults.people import Presenter
from tests.faults.proxy import Proxy
from tests.faults.rows import Row
from tests.faults.world import Api, until

CLIENTS, REDIS = 0, 1
"""Two wires: one to whoever uses the process, one to its Redis."""


@pytest.fixture
def network() -> Iterator[Network]:
    with Network(wires=2) as network:
        yield network


class Faraway(Presenter):
    """A presenter in another network."""

    network: Network

    def _socket(self, api: Api) -> socket.socket:
        return self.network.connect(self.network.near(), api.port)


async def test_row_19_half_open_connection(row: Row, network: Network) -> None:
    """The presenter's network vanishes without a word: noticed, slot freed."""
    api = row.world.new_api("api-on-a-network", LECTERN_HOST="0.0.0.0")
    api.start()
    try:
        await asyncio.to_thread(api.wait_until_up)
        await until(api.is_ready, 10)
        row.room, row.owner = await row.world.lecture()
        host = Faraway("host", row.room, row.world.token(row.owner), [api], row.history)
        host.network = network
        row.people.append(host)
        await host.enter()
        member = await row.student()
        assert (await host.edit()).outcome == "ok"
        network.vanish(CLIENTS)
        took = await member.until(lambda: member.heard("presenter_away"), 20)
        row.figure("presenter gone after", took, most=10.0)
        host.is_in.clear()
        network.heal(CLIENTS)
        began = time.monotonic()
        host.link.abort() if host.link else None
        await host.come_back()
        await member.until(lambda: member.heard("presenter_back"), 10)
        row.figure("presents again after", time.monotonic() - began)
        assert (await host.edit()).outcome == "ok"
        await row.settled()
        for person in row.people:
            await person.close()
    finally:
        api.stop()


@contextlib.asynccontextmanager
async def marooned(row: Row, network: Network, students: int) -> AsyncIterator[Api]:
    """A lecture on an api process in a network of its own, with a wire to Redis alone."""
    world = row.world
    async with Proxy("127.0.0.1", world.redis.port, listen=network.near(REDIS)) as carrier:
        url = f"redis://{network.near(REDIS)}:{carrier.port}/0"
        api = world.new_api("api-in-a-network", REDIS_URL=url, LECTERN_HOST="0.0.0.0")
        api.inside(network.command(), network.far(CLIENTS))
        api.start()
        try:
            await asyncio.to_thread(api.wait_until_up)
            await until(api.is_ready, 10)
            row.room, row.owner = await world.lecture()
            apis, world.apis = world.apis, [api]
            try:
                await row.presenter()
                for _ in range(students):
                    await row.student()
            finally:
                world.apis = apis
            yield api
            await row.settled()
            for person in row.people:
                await person.close()
        finally:
            api.stop()


async def test_row_17_black_hole_to_redis(row: Row, network: Network) -> None:
    """Black hole between an api process and Redis: noticed, refused, no pile of tasks."""
    async with marooned(row, network, 10) as api:
        calm = await api.reading()
        network.maroon(REDIS)
        began = time.monotonic()

        async def notices() -> bool:
            with contextlib.suppress(Exception):
                return (await api.get("/ready", 4)).status_code == 503
            return False

        await until(notices, 10)
        row.figure("noticed", time.monotonic() - began, most=6.0)
        most = 0
        asks = (person.ask() for person in row.audience for _ in range(3))
        waiting = asyncio.gather(*asks)
        while not waiting.done():
            most = max(most, (await api.reading()).tasks)
            await asyncio.sleep(0.2)
        logs = await waiting
        assert {log.outcome for log in logs} == {"unknown"}
        slowest = max((log.ended or 0) - log.began for log in logs)
        row.figure("slowest of 30 refusals, three of one person", slowest)
        row.figure("tasks more than in calm", most - calm.tasks, "", most=100)
        assert (await api.get("/health")).status_code == 200
        network.heal(REDIS)
        began = time.monotonic()
        for person in row.people:
            person.stay()
        await until(lambda: all(p.is_in.is_set() for p in row.people), 20)
        await row.audience[0].ask_until_taken()
        row.figure("writes resume", time.monotonic() - began)
        await until(lambda: row.host.epoch, 10)
