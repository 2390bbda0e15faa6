"""A live world on a real Redis; a test may override ``config``."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio as driver

from app.core.ids import LectureId
from app.lecture.model import LectureConfig
from tests.integration.lecture.live_world import (
    OWNER,
    ROOM,
    FakeCatalogue,
    FakeRelay,
    Process,
    StoredLecture,
    World,
)


@pytest.fixture
def config() -> LectureConfig:
    return LectureConfig()


@pytest.fixture
async def world(redis_url: str, config: LectureConfig) -> AsyncIterator[World]:
    catalogue, relay = FakeCatalogue(), FakeRelay()
    catalogue.lectures[ROOM] = StoredLecture(LectureId("a" * 32), ROOM, OWNER.email)
    one, two = (Process(redis_url, name, catalogue, relay, config) for name in ("api-1", "api-2"))
    raw = driver.Redis.from_url(redis_url)
    await one.redis.open()
    made = World(redis_url, raw, catalogue, relay, one, two)
    await made.announce_relay()
    yield made
    await raw.aclose()
    for process in (one, two):
        await process.media.close()
        await process.redis.close()
