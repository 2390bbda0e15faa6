"""An ASGI request, as the Engine.IO library is told of it."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.transport.sio.requests import read_request


def receiving(*messages: Mapping[str, Any]) -> Any:
    left = list(messages)

    async def receive() -> Mapping[str, Any]:
        return left.pop(0)

    return receive


def body(data: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


SCOPE = {"method": "POST", "path": "/socket.io/", "query_string": b"EIO=4&sid=x", "headers": []}


async def test_the_headers_that_are_looked_at_are_passed_on() -> None:
    headers = [
        (b"Host", b"class.example"),
        (b"origin", b"https://class.example"),
        (b"connection", b"keep-alive"),
        (b"connection", b"Upgrade"),
        (b"x-forwarded-proto", b"https"),
        (b"cookie", b"\xff\xfe"),
    ]
    receive = receiving({"type": "websocket.connect"})
    environ = await read_request({**SCOPE, "headers": headers}, receive, None)
    assert environ["HTTP_HOST"] == "class.example"
    assert environ["HTTP_ORIGIN"] == "https://class.example"
    assert environ["HTTP_CONNECTION"] == "keep-alive,Upgrade"
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["QUERY_STRING"] == "EIO=4&sid=x"
    assert "HTTP_COOKIE" not in environ


@pytest.mark.parametrize(
    ("asked", "found"), [(5, b"abcde"), (2, b"ab"), (100, b"abcdef"), (0, b"")]
)
async def test_a_body_is_read_to_the_length_that_is_asked_for(asked: int, found: bytes) -> None:
    receive = receiving(body(b"abc", more=True), body(b"def"))
    environ = await read_request(SCOPE, receive, None)
    assert await environ["wsgi.input"].read(asked) == found


async def test_a_body_that_breaks_off_ends() -> None:
    receive = receiving(body(b"abc", more=True), {"type": "http.disconnect"})
    environ = await read_request(SCOPE, receive, None)
    assert await environ["wsgi.input"].read(10) == b"abc"


async def test_anything_else_is_no_request() -> None:
    assert await read_request(SCOPE, receiving({"type": "http.disconnect"}), None) == {}
