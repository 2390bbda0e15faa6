"""A Socket.IO client for load: one WebSocket, as little work per message as possible.

It masks with a key of zeros (RFC 6455 §5.3 wants an unforeseeable one of browsers; a server cannot
tell), reads only the head of what comes in, and answers pings.
"""

import asyncio
import base64
import json
import os
from collections.abc import Callable
from typing import Any

TEXT, BINARY, CLOSE = 1, 2, 8
_FIN, _MASKED = 0x80, 0x80
_PONG = b"\x81\x81\x00\x00\x00\x003"

Message = tuple[int, bytes]
"""Opcode and payload of one WebSocket message."""


class SocketLostError(Exception):
    """The server closed the connection, or refused it."""


def masked(opcode: int, payload: bytes) -> bytes:
    """Return one frame from a client, masked with zeros."""
    size = len(payload)
    if size < 126:
        head = bytes((_FIN | opcode, _MASKED | size))
    elif size < 65536:
        head = bytes((_FIN | opcode, _MASKED | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FIN | opcode, _MASKED | 127)) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


class LoadSocket(asyncio.Protocol):
    """One connection. ``on_message`` gets every message but Engine.IO's pings."""

    def __init__(self, on_message: Callable[[int, bytes], None] | None = None) -> None:
        self.on_message = on_message or self._file
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set when connected
        self.is_lost = False
        self._buffer = b""
        self._upgraded = False
        self._messages: list[Message] = []
        self._news: asyncio.Future[None] | None = None

    @classmethod
    async def connect(cls, host: str, port: int) -> "LoadSocket":
        """Open a WebSocket and wait for Engine.IO's greeting. Raises SocketLostError, OSError."""
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(cls, host, port)
        key = base64.b64encode(os.urandom(16)).decode()
        socket.transport.write(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        await socket.until(lambda kind, data: kind == TEXT and data[:1] == b"0")
        return socket

    async def join(self, namespace: str, auth: dict[str, Any] | None = None) -> str:
        """Join a namespace; return the socket id there. Raises SocketLostError when refused."""
        self.send(f"40{namespace},{json.dumps(auth or {})}".encode())
        welcome, refusal = f"40{namespace},".encode(), f"44{namespace},".encode()
        answer = await self.until(lambda _, data: data.startswith((welcome, refusal)))
        if answer.startswith(refusal):
            raise SocketLostError(answer.decode())
        return str(json.loads(answer[len(welcome) :])["sid"])

    def emit(
        self, namespace: str, ident: int, event: str, data: dict[str, Any], *blobs: bytes
    ) -> None:
        """Send an event with an acknowledgement id, then its attachments."""
        head = f"45{len(blobs)}-" if blobs else "42"
        self.send(f"{head}{namespace},{ident}{json.dumps([event, data])}".encode())
        for blob in blobs:
            self.transport.write(masked(BINARY, blob))

    async def ask(
        self, namespace: str, ident: int, event: str, data: dict[str, Any], *blobs: bytes
    ) -> dict[str, Any]:
        """As ``emit``; return the acknowledgement."""
        self.emit(namespace, ident, event, data, *blobs)
        head = f"43{namespace},{ident}[".encode()
        answer = await self.until(lambda _, data: data.startswith(head))
        found: dict[str, Any] = json.loads(answer[len(head) - 1 :])[0]
        return found

    def send(self, text: bytes) -> None:
        """Write one text message."""
        self.transport.write(masked(TEXT, text))

    async def until(self, wanted: Callable[[int, bytes], bool]) -> bytes:
        """Return the next message that is ``wanted``, dropping those before it."""
        while True:
            messages, self._messages = self._messages, []
            for position, (kind, data) in enumerate(messages):
                if wanted(kind, data):
                    self._messages = messages[position + 1 :]
                    return data
            if self.is_lost:
                raise SocketLostError("the connection was closed")
            self._news = asyncio.get_running_loop().create_future()
            await self._news

    def watch(self, on_message: Callable[[int, bytes], None]) -> None:
        """Hand every message from now on to ``on_message``; what waits is dropped."""
        self._messages.clear()
        self.on_message = on_message

    def close(self) -> None:
        """Drop the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a TCP transport has both halves

    def connection_lost(self, _: Exception | None) -> None:
        self.is_lost = True
        self._wake()

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        start = 0 if self._upgraded else self._response(data)
        if start < 0:
            self._buffer = data
            return
        self._buffer = data[self._frames(data, start) :]

    def _response(self, data: bytes) -> int:
        """Return where the frames begin, -1 before the end of the HTTP response."""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return -1
        if not data.startswith(b"HTTP/1.1 101"):
            self.close()
            return len(data)
        self._upgraded = True
        return end + 4

    def _frames(self, data: bytes, start: int) -> int:
        """Take every whole frame from ``start`` on; return where the rest begins."""
        length = len(data)
        while start + 2 <= length:
            size, body = data[start + 1] & 0x7F, start + 2
            if size > 125:
                body = start + (4 if size == 126 else 10)
                if length < body:
                    break
                size = int.from_bytes(data[start + 2 : body], "big")
            if length < body + size:
                break
            kind = data[start] & 0x0F
            if kind == TEXT and size == 1 and data[body] == 0x32:  # a ping
                self.transport.write(_PONG)
            elif kind == CLOSE:
                self.close()
            else:
                self.on_message(kind, data[body : body + size])
            start = body + size
        return start

    def _file(self, kind: int, data: bytes) -> None:
        self._messages.append((kind, data))
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
