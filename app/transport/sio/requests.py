"""An ASGI request in the words of the Engine.IO library.

The library's own translation makes a class for each request, keeps every header for as long as a
WebSocket lasts, and reads a body to its end whatever its length.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Receive = Callable[[], Awaitable[Mapping[str, Any]]]

_HEADERS = {
    b"accept-encoding": "HTTP_ACCEPT_ENCODING",
    b"connection": "HTTP_CONNECTION",
    b"content-length": "CONTENT_LENGTH",
    b"content-type": "CONTENT_TYPE",
    b"host": "HTTP_HOST",
    b"origin": "HTTP_ORIGIN",
    b"upgrade": "HTTP_UPGRADE",
    b"x-forwarded-host": "HTTP_X_FORWARDED_HOST",
    b"x-forwarded-proto": "HTTP_X_FORWARDED_PROTO",
    b"access-control-request-headers": "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
}
"""Those that the library, or we, look at."""


class Body:
    """The body of a request, up to the length that its reader asks for."""

    __slots__ = ("_first", "_receive")

    def __init__(self, first: Mapping[str, Any], receive: Receive) -> None:
        self._first = first
        self._receive = receive

    async def read(self, length: int) -> bytes:
        """Return at most ``length`` bytes."""
        part, parts, size = self._first, [], 0
        while part["type"] == "http.request":
            piece = part.get("body", b"")
            parts.append(piece)
            size += len(piece)
            if size >= length or not part.get("more_body"):
                break
            part = await self._receive()
        return b"".join(parts)[:length]


async def read_request(scope: Mapping[str, Any], receive: Receive, send: Any) -> dict[str, Any]:
    """Return the request's environment; the library calls this."""
    first = await receive()
    if first["type"] not in {"http.request", "websocket.connect"}:
        return {}
    environ: dict[str, Any] = {
        "wsgi.input": Body(first, receive),
        "wsgi.url_scheme": "http",
        "REQUEST_METHOD": scope.get("method", "GET"),
        "PATH_INFO": scope["path"],
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "asgi.receive": receive,
        "asgi.send": send,
        "asgi.scope": scope,
    }
    for name, value in scope["headers"]:
        known = _HEADERS.get(name.lower())
        if known is not None:
            text = value.decode("latin-1")
            environ[known] = f"{environ[known]},{text}" if known in environ else text
    environ["wsgi.url_scheme"] = environ.get("HTTP_X_FORWARDED_PROTO", "http")
    return environ
