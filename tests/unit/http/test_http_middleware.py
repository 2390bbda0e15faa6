"""Around every request: limits, faults, headers. ASGI by hand, no server."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.transport.http.middleware import BodyLimit, Faults, FixedHeaders, route_of


def scope_of(**headers: str) -> Scope:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "path": "/x", "headers": raw}


class Exchange:
    """One request's messages in, one answer's messages out."""

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


def chunk(body: bytes, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


class Inner:
    """An application that notes what body it was given."""

    def __init__(self) -> None:
        self.body: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        self.body = message["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def limited(inner: Inner, seconds: float = 5.0) -> BodyLimit:
    return BodyLimit(inner, limit_bytes=10, timeout_seconds=seconds)


async def test_a_body_within_the_limit_comes_whole() -> None:
    inner, exchange = Inner(), Exchange(chunk(b"01234", True), chunk(b"56789", False))
    await limited(inner)(scope_of(transfer_encoding="chunked"), exchange.receive, exchange.send)
    assert (inner.body, exchange.status) == (b"0123456789", 200)


@pytest.mark.parametrize("length", ["11", "-1", "1e3", "x", "²", "9" * 5000])
async def test_a_declared_length_over_the_limit_is_not_read(length: str) -> None:
    inner, exchange = Inner(), Exchange()
    await limited(inner)(scope_of(content_length=length), exchange.receive, exchange.send)
    assert (inner.body, exchange.status) == (None, 413)


async def test_a_stream_over_the_limit_is_cut() -> None:
    inner = Inner()
    exchange = Exchange(*(chunk(b"0123", True) for _ in range(3)), chunk(b"", False))
    await limited(inner)(scope_of(transfer_encoding="chunked"), exchange.receive, exchange.send)
    assert (inner.body, exchange.status) == (None, 413)
    assert (b"connection", b"close") in exchange.sent[0]["headers"]


async def test_a_body_that_never_comes_is_given_up() -> None:
    inner, exchange = Inner(), Exchange(chunk(b"0", True))
    await limited(inner, 0.01)(scope_of(content_length="5"), exchange.receive, exchange.send)
    assert (inner.body, exchange.status) == (None, 408)


async def test_without_a_body_nothing_is_waited_for() -> None:
    seen: list[Any] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(receive)

    exchange = Exchange()
    await BodyLimit(inner, 10, 5.0)(scope_of(), exchange.receive, exchange.send)
    assert seen == [exchange.receive]


async def test_a_client_that_goes_is_told_to_the_application() -> None:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        seen.append((await receive())["type"])

    seen: list[str] = []
    gone: Message = {"type": "http.disconnect"}
    exchange = Exchange(chunk(b"0", False), gone)
    await BodyLimit(inner, 10, 5.0)(scope_of(content_length="1"), exchange.receive, exchange.send)
    assert seen == ["http.disconnect"]


async def test_a_fault_before_the_answer_is_a_500() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("hunter2")

    exchange = Exchange()
    await Faults(broken)(scope_of(), exchange.receive, exchange.send)
    assert exchange.status == 500
    assert b"hunter2" not in exchange.sent[1]["body"]


async def test_a_fault_in_the_middle_of_an_answer_cuts_it() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("half")

    exchange = Exchange()
    with pytest.raises(RuntimeError):
        await Faults(broken)(scope_of(), exchange.receive, exchange.send)
    assert len(exchange.sent) == 1


async def test_headers_that_are_there_stay() -> None:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"own")]})

    exchange = Exchange()
    await FixedHeaders(inner, lambda path: {"X-A": path, "X-B": path})(
        scope_of(), exchange.receive, exchange.send
    )
    assert exchange.sent[0]["headers"] == [(b"x-a", b"own"), (b"x-b", b"/x")]


def test_an_unknown_route_is_called_pages() -> None:
    assert route_of({"type": "http", "path": "/004217"}) == "pages"
