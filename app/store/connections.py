"""The connections to Redis: a command is sent once or not at all, and each ends in time."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar, cast

import redis.asyncio as driver
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as DriverConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as DriverTimeoutError

from app.core import metrics
from app.core.errors import LecternError, Unavailable
from app.core.tasks import Tasks
from app.store.pipeline import Pipeline
from app.store.replies import refusal
from app.store.script import Script

MAX_CONNECTIONS = 32
"""Of one process, besides its one blocking reader and its one subscription. A command that finds
none free waits for one, within its own timeout."""

Argument = str | bytes | int | float
T = TypeVar("T")


class Connections:
    """Every connection of one process to Redis, but for what tests and tools open by themselves.

    Guarantees that a command is sent once or not at all: the library's retries are off, because
    a retried write may be a second one. Every command ends within ``timeout`` seconds, but for
    ``blocking``. A caller of ``evaluate`` that is cancelled does not cut its write short: the write
    runs on and its outcome is dropped.

    Every command raises Unavailable when Redis cannot be reached, is too slow, is read-only or
    full, and what ``replies.refusal`` makes of other refusals; the next one connects again.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self.url = url
        self.timeout = timeout
        self._tasks = Tasks("redis")
        self._writes: set[asyncio.Task[None]] = set()
        self._client: Any = driver.Redis.from_pool(self._pool(MAX_CONNECTIONS, timeout))
        self._line: Any = Pipeline(url, timeout) if Pipeline.suits(url) else None
        # Blocking reads wait longer than any command may, so they have a connection of their own.
        self._reader: Any = driver.Redis.from_pool(self._pool(2, None))
        self._listener: Any = driver.Redis.from_pool(self._pool(2, timeout))

    def _pool(self, connections: int, socket_timeout: float | None) -> driver.ConnectionPool:
        # A half-open connection of a quiet process is found by the kernel; unix sockets have none.
        keepalive = {} if self.url.startswith("unix:") else {"socket_keepalive": True}
        return driver.BlockingConnectionPool.from_url(
            self.url,
            **keepalive,
            max_connections=connections,
            timeout=self.timeout,
            socket_timeout=socket_timeout,
            socket_connect_timeout=self.timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )

    async def close(self) -> None:
        """Wait for writes under way, then close every connection. Safe to call twice."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=self.timeout)
        await self._tasks.close()
        if self._line is not None:
            self._line.close()
        for client in (self._client, self._reader, self._listener):
            await client.aclose()
            await client.connection_pool.disconnect()

    async def command(self, *words: Argument) -> Any:
        """Return the answer to one command, read by the library."""
        return await self._answer(lambda: self._client.execute_command(*words), self.timeout)

    async def raw(self, *words: Argument) -> Any:
        """As ``command``, for those whose answer the library leaves as it is, or may leave so."""
        if self._line is None:
            return await self.command(*words)
        return await self._answer(lambda: self._line.execute(*words), None)

    async def blocking(self, seconds: float, *words: Argument) -> Any:
        """Return the answer to a command that waits up to ``seconds`` for it (one caller)."""
        return await self._answer_in(  # unmeasured: it waits on purpose
            lambda: self._reader.execute_command(*words), seconds + self.timeout
        )

    def evaluate(self, name: str, script: Script, call: tuple[Argument, ...]) -> Awaitable[Any]:
        """Return the reply of a script, to be awaited; ``call``: key count, keys, arguments."""
        execute = self._client.execute_command if self._line is None else self._line.execute

        async def run() -> Any:
            try:
                return await execute("EVALSHA", script.sha, *call)
            except NoScriptError:  # a restarted server; the script did not run
                return await execute("EVAL", script.text, *call)

        if self._line is not None:  # a command once written runs, whatever becomes of its caller
            return self._answer(run, None)
        return self._shielded(name, run)

    def subscription(self) -> PubSub:
        """Return a subscription with a connection of its own; its errors are the library's."""
        return cast("PubSub", self._listener.pubsub(ignore_subscribe_messages=False))

    async def _shielded(self, name: str, run: Callable[[], Awaitable[Any]]) -> Any:
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            try:
                outcome.set_result(await self._answer(run, self.timeout))
            except LecternError as error:
                outcome.set_exception(error)
                outcome.exception()  # seen, even if the caller is gone
            except asyncio.CancelledError:
                outcome.cancel()
                raise

        try:
            task = self._tasks.start(name, work)
        except RuntimeError:
            raise Unavailable("the connection to Redis is closed") from None
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(outcome)

    async def _answer(self, run: Callable[[], Awaitable[T]], seconds: float | None) -> T:
        """Return what ``run`` does, within ``seconds``; None for the pipeline, which bounds each
        command by itself and loses no cancellation."""
        clock = asyncio.get_running_loop().time
        asked = clock()
        try:
            return await self._answer_in(run, seconds)
        finally:
            metrics.REDIS_SECONDS.observe(clock() - asked)

    async def _answer_in(self, run: Callable[[], Awaitable[T]], seconds: float | None) -> T:
        try:
            if seconds is None:
                return await run()
            with cancellation_kept():
                async with asyncio.timeout(seconds):
                    return await run()
        except (DriverConnectionError, DriverTimeoutError, TimeoutError, OSError) as error:
            raise Unavailable("Redis cannot be reached") from error
        except ResponseError as error:
            raise refusal(error) from error
        except RedisError as error:
            raise Unavailable("Redis cannot be reached") from error


@contextlib.contextmanager
def cancellation_kept() -> Iterator[None]:
    """Raise CancelledError at the end of the block if the task was cancelled inside it.

    The library writes under ``asyncio.wait_for``, which in Python 3.11 loses a cancellation that
    comes when the write is just done: a loop around a command would then never end.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        yield
    finally:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError
