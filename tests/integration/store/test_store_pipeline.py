"""The pipeline on a real Redis: order, bounds in time, what a lost connection does."""

import asyncio

import pytest
from redis.exceptions import ConnectionError as DriverConnectionError
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as DriverTimeoutError

from app.store.pipeline import Pipeline


async def test_each_caller_gets_its_own_answer(redis_url: str) -> None:
    line = Pipeline(redis_url, 2.0)
    answers = await asyncio.gather(*(line.execute("ECHO", str(n)) for n in range(500)))
    assert answers == [str(n).encode() for n in range(500)]
    line.close()


async def test_a_cancelled_callers_answer_goes_to_nobody(redis_url: str) -> None:
    line = Pipeline(redis_url, 2.0)
    await line.execute("PING")
    for _ in range(50):
        gone = asyncio.ensure_future(line.execute("INCR", "counter"))
        await asyncio.sleep(0)
        gone.cancel()
        assert await line.execute("ECHO", "mine") == b"mine"
    assert await line.execute("GET", "counter") == b"50"  # what was written runs
    line.close()


async def test_an_error_is_its_own_commands_alone(redis_url: str) -> None:
    line = Pipeline(redis_url, 2.0)
    answers = await asyncio.gather(
        line.execute("EVALSHA", "0" * 40, 0),
        line.execute("ECHO", "fine"),
        line.execute("NOSUCHCOMMAND"),
        return_exceptions=True,
    )
    assert isinstance(answers[0], NoScriptError)
    assert answers[1] == b"fine"
    assert isinstance(answers[2], ResponseError)
    line.close()


async def test_a_connection_that_was_killed_is_made_again(redis_url: str) -> None:
    line, other = Pipeline(redis_url, 2.0), Pipeline(redis_url, 2.0)
    await line.execute("PING")
    waiting = asyncio.ensure_future(line.execute("BLPOP", "nothing", 5))
    await asyncio.sleep(0.05)
    assert await other.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") >= 1
    with pytest.raises(DriverConnectionError):
        await waiting
    assert await line.execute("PING") == b"PONG"
    for each in (line, other):
        each.close()


async def test_a_redis_that_does_not_answer_fails_in_time_and_recovers(redis_url: str) -> None:
    line, other = Pipeline(redis_url, 0.3), Pipeline(redis_url, 2.0)
    await line.execute("PING")
    assert await other.execute("CLIENT", "PAUSE", 1000, "ALL") == b"OK"
    began = asyncio.get_running_loop().time()
    with pytest.raises((DriverTimeoutError, DriverConnectionError)):
        await line.execute("PING")
    assert asyncio.get_running_loop().time() - began < 0.9
    await asyncio.sleep(1.0)
    assert await line.execute("PING") == b"PONG"
    for each in (line, other):
        each.close()


async def test_a_closed_one_stays_closed(redis_url: str) -> None:
    line = Pipeline(redis_url, 2.0)
    await line.execute("PING")
    line.close()
    with pytest.raises(DriverConnectionError):
        await line.execute("PING")


async def test_nobody_listens(tmp_path: object) -> None:
    with pytest.raises(OSError):  # noqa: PT011 (refused or missing, by system)
        await Pipeline(f"unix://{tmp_path}/nothing", 1.0).execute("PING")
    assert not Pipeline.suits("rediss://secure")
