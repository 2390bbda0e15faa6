"""What happens around every request: limits, headers, faults, counting."""

import asyncio
import re
from collections.abc import Callable

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.clock import Clock
from app.core.metrics import HTTP_REQUESTS, HTTP_SECONDS
from app.transport.http.problems import problem

log = structlog.get_logger(__name__)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


LARGE_ROUTES = re.compile(r"/lecture/(log/[^/]+|[^/]+/text)")
"""Where services bring a board or a lecture's text, with its length said beforehand."""

LARGE_LIMIT_BYTES = 4 * 1024 * 1024
"""There: a board's objects (1 MiB) as an array of numbers are up to four times as long."""

LARGE_AT_ONCE = 4
"""Such bodies at once, of everybody together; more are refused for the moment."""


class BodyLimit:
    """Hands a request on once its whole body is here, or refuses it for its size or slowness."""

    def __init__(
        self,
        app: ASGIApp,
        limit_bytes: int,
        timeout_seconds: float,
        large_limit_bytes: int = LARGE_LIMIT_BYTES,
    ) -> None:
        self._app = app
        self._limit = limit_bytes
        self._large_limit = max(limit_bytes, large_limit_bytes)
        self._timeout = timeout_seconds
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if "content-length" not in headers and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        declared = headers.get("content-length", "0")
        is_number = declared.isascii() and declared.isdigit()
        size = int(declared[:20]) if is_number else -1
        if self._limit < size <= self._large_limit and LARGE_ROUTES.fullmatch(scope["path"]):
            if self._large.locked():
                answer = problem(503, "unavailable", "too much is being sent", retryable=True)
                await answer(scope, receive, send)
                return
            async with self._large:
                await self._take(scope, receive, send, size)
        elif size < 0 or size > self._limit:
            await self._too_large(scope, receive, send)
        else:
            await self._take(scope, receive, send, self._limit)

    async def _take(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                body = await self._read(receive, limit)
        except TimeoutError:
            answer = problem(408, "request_timeout", "the body took too long", retryable=True)
            await answer(scope, receive, send)
            return
        if body is None:
            await self._too_large(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive, limit: int) -> bytes | None:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return bytes(body)  # the client has gone; whoever reads on is told so
            body += message.get("body", b"")
            if len(body) > limit:
                return None
            if not message.get("more_body", False):
                return bytes(body)

    async def _too_large(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = problem(413, "too_large", f"a body has at most {self._limit} bytes")
        answer.headers["Connection"] = "close"  # the rest of the body is not read
        await answer(scope, receive, send)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


class Faults:
    """Turns an exception that nobody foresaw into a 500 and a log entry, never into a traceback
    that the client sees."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            log.exception("request failed", method=scope.get("method"), route=route_of(scope))
            if started:
                raise  # half an answer is out: only cutting the connection tells the client
            answer = problem(500, "internal", "a defect of this server; it is in its log")
            await answer(scope, receive, send)


class FixedHeaders:
    """Puts headers on every answer that does not have them yet."""

    def __init__(self, app: ASGIApp, headers: Callable[[str], dict[str, str]]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers(scope["path"]).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


class Observed:
    """Counts and times requests by route template."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        began = self._clock.now()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = route_of(scope)
            HTTP_REQUESTS.labels(method, route, str(status)).inc()
            HTTP_SECONDS.labels(method, route).observe(max(0.0, self._clock.now() - began))


def route_of(scope: Scope) -> str:
    """Return the request's route template, or ``"pages"``: never a path, which may hold a code."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "pages"
