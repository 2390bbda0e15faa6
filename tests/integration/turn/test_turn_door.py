"""The Redis that coturn sees, as anybody on this machine may try it."""

from collections.abc import AsyncIterator

import pytest
import redis as driver
import redis.asyncio as asyncio_driver
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.core.errors import Unavailable
from app.turn.door import RedisDoor

REALM = "r"
STATUS = "turn/realm/r/user/1:a/allocation/1/status"


class Keeper:
    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.away = False

    async def accepted(self) -> list[bytes]:
        return [b"one", b"two"]

    async def status(self, key: str, value: str) -> None:
        if self.away:
            raise Unavailable("Redis cannot be reached")
        self.asked.append(("status", key, value))

    async def forget(self, key: str) -> None:
        self.asked.append(("forget", key))

    async def publish(self, channel: str, message: str) -> None:
        self.asked.append(("publish", channel, message))


class Open:
    def __init__(self) -> None:
        self.keeper = Keeper()
        self.heard: list[tuple[str, str]] = []
        self.door = RedisDoor(REALM, self.keeper, lambda *said: self.heard.append(said))

    def client(self, password: str | None) -> asyncio_driver.Redis:
        return asyncio_driver.Redis(
            port=self.door.address.port,
            password=password,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
        )


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    opened = Open()
    await opened.door.open()
    yield opened
    await opened.door.close()


async def test_only_with_the_password(opened: Open) -> None:
    async with opened.client("guess") as client:
        with pytest.raises(driver.AuthenticationError):
            await client.smembers("turn/realm/r/secret")
    async with opened.client(None) as client:
        with pytest.raises(driver.AuthenticationError):
            await client.smembers("turn/realm/r/secret")


async def test_the_own_realms_secrets_and_nothing_else(opened: Open) -> None:
    async with opened.client(opened.door.address.password) as client:
        assert await client.smembers("turn/realm/r/secret") == {b"one", b"two"}
        assert await client.smembers("turn/realm/other/secret") == set()
        assert await client.get("user:ada@example.org") is None
        assert await client.keys("*") == []
        assert await client.hgetall("room:{004217}") in ({}, [])
        for command in (["FLUSHALL"], ["CONFIG", "GET", "*"], ["EVAL", "return 1", "0"]):
            with pytest.raises(driver.ResponseError, match="unknown command"):
                await client.execute_command(*command)


async def test_statistics_are_heard_kept_and_published(opened: Open) -> None:  # T13
    async with opened.client(opened.door.address.password) as client:
        await client.set(STATUS, "new lifetime=600")
        await client.publish(STATUS, "new lifetime=600")
        await client.publish("__XXX__", "__YYY__")
        await client.execute_command("del", STATUS, "")
        await client.set("room:{004217}", "mine now")
        await client.publish("room:{004217}:wake", "forged")
        await client.delete("room:{004217}")
    assert opened.heard == [(STATUS, "new lifetime=600")]
    assert opened.keeper.asked == [
        ("status", STATUS, "new lifetime=600"),
        ("publish", STATUS, "new lifetime=600"),
        ("forget", STATUS),
    ]


async def test_redis_away_is_an_error_and_no_end(opened: Open) -> None:
    opened.keeper.away = True
    async with opened.client(opened.door.address.password) as client:
        with pytest.raises(driver.RedisError):
            await client.set(STATUS, "new lifetime=600")
        assert await client.smembers("turn/realm/r/secret") == {b"one", b"two"}
