"""The way out to webhooks' receivers: HTTP that cannot be led into the operator's own network."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpcore
from httpcore import AsyncNetworkBackend, AsyncNetworkStream

from app.core.errors import BadRequest

MAX_URL_CHARS = 2000
ANSWER_BYTES = 4096
"""Of an answer that are read at most: its status is all that matters."""

SECONDS = 10.0
"""For each of connecting, sending and answering."""

MAX_CONNECTIONS = 64


def check_url(url: str, *, private: bool) -> str:
    """Return a receiver's address if it can be one.

    ``private`` allows plain HTTP and addresses of private networks, which the operator alone may
    do. Raises BadRequest.
    """
    if len(url) > MAX_URL_CHARS:
        raise BadRequest(f"url: at most {MAX_URL_CHARS} characters")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise BadRequest("url: not an address") from None
    schemes = {"https", "http"} if private else {"https"}
    if parts.scheme not in schemes or not parts.hostname or not url.isascii():
        raise BadRequest(f"url: an address that begins with {' or '.join(sorted(schemes))}://")
    if parts.username is not None or parts.fragment:
        raise BadRequest("url: without a user name and without a #")
    return url


class Door:
    """Sends webhooks. Names are looked up for each connection, and every address is looked at
    before it is connected to: a name that turns private later is refused later (no rebinding).
    Redirects are not followed."""

    def __init__(self, *, private: bool) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=30.0,
            network_backend=_Guarded(private=private),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def post(self, url: str, headers: Iterable[tuple[str, str]], body: bytes) -> int:
        """Send and return the status. Raises ConnectionError (which says why) or TimeoutError."""
        kind = ("content-type", "application/cloudevents+json")
        sent = [kind, ("user-agent", "lectern"), *headers]
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), SECONDS)
        try:
            async with self._pool.stream(
                "POST", url, headers=sent, content=body, extensions={"timeout": timeouts}
            ) as answer:
                read = 0
                async for part in answer.aiter_stream():
                    read += len(part)
                    if read > ANSWER_BYTES:
                        break
                return int(answer.status)
        except httpcore.TimeoutException:
            raise TimeoutError("no answer in time") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
            raise ConnectionError(str(error) or type(error).__name__) from None


class _Guarded(AsyncNetworkBackend):
    """Connects to addresses that it has looked at, and to nothing else."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 the library's own signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        address = await self._address(host, port)
        return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)

    async def _address(self, host: str, port: int) -> str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise httpcore.ConnectError("the name is unknown") from None
        for *_, place in found:
            if self._private or _is_public(str(place[0])):
                return str(place[0])
        raise httpcore.ConnectError("its address is in a private network")


def _is_public(host: str) -> bool:
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address.teredo is not None:
            inner = address.teredo[1]
        if inner is not None:
            address = inner
    return address.is_global and not address.is_multicast
