"""One connection to Redis on which commands follow each other without waiting for answers.

A pool's connection is taken, written to, read from and given back for each command: that is most of
what a command costs a Python process, and a burst waits for free connections. Redis answers the
commands of one connection in order, so one connection does for all.
"""

import asyncio
from collections import deque
from typing import Any, cast

import hiredis
from redis.asyncio.connection import DefaultParser, parse_url
from redis.exceptions import ConnectionError as DriverConnectionError
from redis.exceptions import TimeoutError as DriverTimeoutError

MAX_UNANSWERED = 20_000
"""Commands under way; one more fails as if Redis were away."""

ANSWERS_AT_ONCE = 50
"""Answers given out in one turn of the event loop, to as many waiting tasks. A class that comes or
goes at once asks thousands of things within a moment."""

Word = str | bytes | int | float


class Pipeline:
    """Commands to the Redis at ``url`` (``redis://`` or ``unix://``), one connection at a time.

    A command is written once or not at all. One that is not answered within ``timeout`` seconds
    fails, and so does everything behind it: the connection is dropped, and the next command makes
    another. A caller that is cancelled leaves its command to run; the answer is dropped.

    Raises ConnectionError, TimeoutError and ResponseError of the redis package, and OSError.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self._options: dict[str, Any] = dict(parse_url(url))
        self._timeout = timeout
        self._link: _Link | None = None
        self._opening = asyncio.Lock()
        self._is_closed = False

    @staticmethod
    def suits(url: str) -> bool:
        """Tell whether a pipeline can be made to this address (not over TLS)."""
        return url.startswith(("redis://", "unix://"))

    async def execute(self, *words: Word) -> Any:
        """Return the answer to one command: bytes, ints, None and lists of them."""
        packed = _packed(*words)
        try:
            async with asyncio.timeout(self._timeout):
                link = self._link
                if link is None or link.is_lost:
                    link = await self._open()
                answer = link.write(packed)
                return await answer
        except TimeoutError:
            if self._link is not None:
                self._link.abort()
            raise DriverTimeoutError("no answer in time") from None

    def close(self) -> None:
        """Drop the connection; commands under way fail. Safe to call twice."""
        self._is_closed = True
        if self._link is not None:
            self._link.abort()

    async def _open(self) -> "_Link":
        async with self._opening:
            if self._is_closed:
                raise DriverConnectionError("the connection to Redis is closed")
            if self._link is not None and not self._link.is_lost:
                return self._link  # another caller has just made it
            loop, options = asyncio.get_running_loop(), self._options
            if "path" in options:
                _, link = await loop.create_unix_connection(_Link, options["path"])
            else:
                host, port = options.get("host", "localhost"), options.get("port", 6379)
                _, link = await loop.create_connection(_Link, host, port)
            try:
                await self._greet(link)
            except BaseException:
                link.abort()
                raise
            self._link = link
            return link

    async def _greet(self, link: "_Link") -> None:
        options = self._options
        if options.get("password"):
            names = [options["username"]] if options.get("username") else []
            await link.write(_packed("AUTH", *names, options["password"]))
        if options.get("db"):
            await link.write(_packed("SELECT", options["db"]))


def _packed(*words: Word) -> bytes:
    packed: bytes = hiredis.pack_command(cast("Any", words))  # the stub says: a tuple of one
    return packed


class _Link(asyncio.Protocol):
    """One connection: answers go to whoever waits for them, in order."""

    def __init__(self) -> None:
        self.is_lost = False
        self._transport: asyncio.Transport | None = None
        self._unanswered: deque[asyncio.Future[Any]] = deque()
        self._is_answering = False
        """More answers have come, which are given out soon."""
        self._parser = hiredis.Reader(replyError=DefaultParser.parse_error)

    def write(self, packed: bytes) -> asyncio.Future[Any]:
        """Send a command; its answer is the future's result."""
        if self._transport is None or self.is_lost or len(self._unanswered) >= MAX_UNANSWERED:
            raise DriverConnectionError("there is no connection to Redis")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._unanswered.append(answer)
        self._transport.write(packed)
        return answer

    def abort(self) -> None:
        """Drop the connection at once."""
        self.is_lost = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed(data)
        if not self._is_answering:
            self._answer_some()

    def _answer_some(self) -> None:
        """Give out the next answers, and the rest in the next turn of the loop."""
        self._is_answering = False
        for _ in range(ANSWERS_AT_ONCE):
            if (answer := self._parser.gets()) is False:
                return
            if not self._unanswered:
                self.abort()  # an answer that nobody asked for: the order is lost
                return
            waiting = self._unanswered.popleft()
            if waiting.done():
                continue
            if isinstance(answer, Exception):
                waiting.set_exception(answer)
            else:
                waiting.set_result(answer)
        self._is_answering = True
        asyncio.get_running_loop().call_soon(self._answer_some)

    def connection_lost(self, _: Exception | None) -> None:
        while self._is_answering:
            self._answer_some()
        self.is_lost = True
        for waiting in self._unanswered:
            if not waiting.done():
                waiting.set_exception(DriverConnectionError("the connection to Redis was lost"))
        self._unanswered.clear()
