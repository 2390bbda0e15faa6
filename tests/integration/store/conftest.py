"""A room on a real Redis: the shared server, or one of the test's own to break."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio as driver

from app.store.redis import Redis
from tests.integration.store.live_room import LiveRoomWorld
from tests.redis_server import RedisServer


@pytest.fixture
async def live(redis_url: str) -> AsyncIterator[LiveRoomWorld]:
    redis, raw = Redis(redis_url), driver.Redis.from_url(redis_url)
    await redis.open()
    yield LiveRoomWorld(redis, raw)
    await raw.aclose()
    await redis.close()


@pytest.fixture
async def breakable(redis_server: RedisServer) -> AsyncIterator[LiveRoomWorld]:
    redis, raw = Redis(redis_server.url), driver.Redis.from_url(redis_server.url)
    await redis.open()
    yield LiveRoomWorld(redis, raw)
    await raw.aclose()
    await redis.close()
