"""Processes that meet in one real Redis."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio as driver

from app.store.redis import Redis


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Redis]:
    redis = Redis(redis_url)
    await redis.open()
    yield redis
    await redis.close()


@pytest.fixture
async def raw(redis_url: str) -> AsyncIterator[driver.Redis]:
    client = driver.Redis.from_url(redis_url)
    yield client
    await client.aclose()
