"""A started room on a real Redis, and the feed of it."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio as driver

from app.feed.stream import FeedStream
from app.store.redis import Redis
from tests.integration.store.live_room import LiveRoomWorld


@pytest.fixture
async def live(redis_url: str) -> AsyncIterator[LiveRoomWorld]:
    redis, raw = Redis(redis_url), driver.Redis.from_url(redis_url)
    await redis.open()
    yield LiveRoomWorld(redis, raw)
    await raw.aclose()
    await redis.close()


@pytest.fixture
def stream(live: LiveRoomWorld) -> FeedStream:
    return FeedStream(live.redis)
