"""Coturns to test with: at most a second or two each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from app.store.redis import Redis
from app.turn.assembly import read_network
from tests.integration.turn.coturns import HOST, Coturn, Echo, ShiftedClock, turn_config

StartCoturn = Callable[..., Awaitable[Coturn]]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    connection = Redis(redis_url)
    await connection.open()
    yield connection
    await connection.close()


@pytest.fixture
async def start_coturn(redis: Redis, tmp_path: Path) -> AsyncIterator[StartCoturn]:
    started: list[Coturn] = []

    async def start(
        clock: ShiftedClock | None = None,
        network: Callable[[], str] = read_network,
        **changes: Any,
    ) -> Coturn:
        config = turn_config(tmp_path / f"turn-{len(started)}", **changes)
        made = Coturn(config, redis, clock or ShiftedClock(), network)
        started.append(made)
        await made.open()
        return made

    yield start
    await asyncio.gather(*(made.close() for made in started))


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Echo, local_addr=(HOST, 0))
    yield protocol
    transport.close()
