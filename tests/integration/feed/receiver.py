"""A webhook's receiver: a real HTTP server that does as it is told."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass
class Call:
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return dict(orjson.loads(self.body))


@dataclass
class Receiver:
    """``answer`` decides the status of each call."""

    answer: Callable[[Call], int] = lambda call: 204
    calls: list[Call] = field(default_factory=list)
    port: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()

    async def until(self, count: int, seconds: float = 15.0) -> list[Call]:
        async with asyncio.timeout(seconds):
            while len(self.calls) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.calls

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                pairs = (line.split(": ", 1) for line in head[1:] if line)
                headers = {name.lower(): value for name, value in pairs}
                call = Call(headers, await reader.readexactly(int(headers["content-length"])))
                status = self.answer(call)
                self.calls.append(call)
                self.changed.set()
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def is_signed(call: Call, secret: str) -> bool:
    """As the specification says, written by hand: not with our own code."""
    key = base64.b64decode(secret[len("whsec_") :])
    text = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    wanted = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return call.headers["webhook-signature"] == wanted
