"""One Socket.IO connection over a WebSocket, small enough that one process holds ten thousand.

It does what the wire protocol asks of a client and nothing by itself: no reconnection, no retry,
no buffering. What a fault does to it is seen at once.
"""

import asyncio
import base64
import json
import os
import socket
import struct
from collections.abc import Callable
from typing import Any

CONNECT_SECONDS = 10.0


class LostError(Exception):
    """The connection is gone: whatever was asked may or may not have happened."""


class RefusedError(Exception):
    """The server let this client not in; ``data`` is what it said."""

    def __init__(self, data: Any) -> None:
        super().__init__(str(data))
        self.data = data


OnEvent = Callable[[str, str, Any], None]


class Link(asyncio.Protocol):
    """``on_event(namespace, name, argument)`` is called for each event."""

    def __init__(self, on_event: OnEvent | None = None) -> None:
        self.on_event = on_event or (lambda *_: None)
        self.sids: dict[str, str] = {}
        self.lost = asyncio.Event()
        self.is_deaf = False
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._joins: dict[str, asyncio.Future[str]] = {}
        self._acks: dict[int, asyncio.Future[Any]] = {}
        self._next_ack = 0
        self._parts: list[bytes] = []
        self._waiting: tuple[int, str] | None = None
        self._fragments = bytearray()
        self._opcode = 1
        self.bytes_in = 0

    # connecting

    async def connect(self, host: str, port: int, sock: socket.socket | None = None) -> None:
        """Open the WebSocket, on ``sock`` if it is connected already. Raises LostError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if sock is not None:
                    await loop.create_connection(lambda: self, sock=sock)
                else:
                    await loop.create_connection(lambda: self, host, port)
                key = base64.b64encode(os.urandom(16)).decode()
                self._write(
                    (
                        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
                        f"Host: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
                    ).encode()
                )
                await self._upgraded
                await self._open
        except (OSError, TimeoutError) as error:
            self.abort()
            raise LostError(f"no connection: {error!r}") from None

    async def join(self, namespace: str, auth: dict[str, Any], seconds: float = 10.0) -> str:
        """Join a namespace; return the socket id. Raises RefusedError, LostError."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._joins[namespace] = future
        self._text(f"40{namespace},{json.dumps(auth)}")
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            raise LostError("not let in in time") from None

    # asking

    async def call(self, namespace: str, event: str, data: Any, seconds: float = 10.0) -> Any:
        """Emit and return the acknowledgement. Raises LostError, also when none comes in time."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._next_ack += 1
        ack = self._next_ack
        self._acks[ack] = future
        self.emit(namespace, event, data, ack)
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            raise LostError(f"{event} was not acknowledged in {seconds:g} s") from None
        finally:
            self._acks.pop(ack, None)

    def emit(self, namespace: str, event: str, data: Any, ack: int | None = None) -> None:
        """Emit. Raises LostError when the connection is known to be gone."""
        if self.lost.is_set():
            raise LostError("the connection is gone")
        parts: list[bytes] = []
        text = json.dumps([event, _without_bytes(data, parts)])
        number = "" if ack is None else str(ack)
        kind = f"45{len(parts)}-" if parts else "42"
        self._text(f"{kind}{namespace},{number}{text}")
        for part in parts:
            self._frame(2, part)

    def raw(self, text: str | bytes) -> None:
        """Send one WebSocket message as it stands."""
        if isinstance(text, str):
            self._text(text)
        else:
            self._frame(2, text)

    def abort(self) -> None:
        """Lose the connection as a killed tab does."""
        if self._transport is not None:
            self._transport.abort()
        self._lose()

    def close(self) -> None:
        """Leave politely."""
        if self._transport is not None and not self.lost.is_set():
            self._text("1")
            self._transport.close()
        self._lose()

    def pause(self) -> None:
        """Read no more: the kernel's buffers fill, then the server's."""
        assert self._transport is not None
        self._transport.pause_reading()

    def resume(self) -> None:
        assert self._transport is not None
        self._transport.resume_reading()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, _: Exception | None) -> None:
        self._lose()

    def data_received(self, data: bytes) -> None:
        self.bytes_in += len(data)
        self._buffer += data
        if not self._upgraded.done():
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            status = bytes(self._buffer[: self._buffer.find(b"\r\n")])
            if b" 101 " not in status:
                self._upgraded.set_exception(OSError(status.decode(errors="replace")))
                self._upgraded.exception()
                return
            del self._buffer[: end + 4]
            self._upgraded.set_result(None)
        self._take_frames()

    def _take_frames(self) -> None:
        buffer, at, size = self._buffer, 0, len(self._buffer)
        while size - at >= 2:
            length, head = buffer[at + 1] & 127, 2
            if length == 126:
                if size - at < 4:
                    break
                length, head = struct.unpack_from(">H", buffer, at + 2)[0], 4
            elif length == 127:
                if size - at < 10:
                    break
                length, head = struct.unpack_from(">Q", buffer, at + 2)[0], 10
            if size - at < head + length:
                break
            payload = bytes(buffer[at + head : at + head + length])
            self._take_frame(buffer[at], payload)
            at += head + length
        del buffer[:at]

    def _take_frame(self, first: int, payload: bytes) -> None:
        opcode, is_final = first & 15, first & 128
        if opcode == 8:
            self.abort()
        elif opcode == 9:
            self._frame(10, payload)
        elif opcode in (0, 1, 2):
            if opcode:
                self._fragments.clear()
                self._opcode = opcode
            if not is_final or opcode == 0:
                self._fragments += payload
                if not is_final:
                    return
                payload = bytes(self._fragments)
            if self._opcode == 1:
                self._take_text(payload.decode())
            else:
                self._take_binary(payload)

    # Engine.IO and Socket.IO

    def _take_text(self, text: str) -> None:
        kind = text[:1]
        if kind == "2":
            if not self.is_deaf:
                self._text("3" + text[1:])
        elif kind == "0":
            if not self._open.done():
                self._open.set_result(None)
        elif kind == "1":
            self.abort()
        elif kind == "4":
            self._take_packet(text[1:])

    def _take_packet(self, packet: str) -> None:
        kind, rest = packet[:1], packet[1:]
        if kind in "56":
            count, _, rest = rest.partition("-")
            self._waiting, self._parts = (int(count), kind + rest), []
            return
        namespace, rest = _namespace(rest)
        future = self._joins.pop(namespace, None) if kind in "04" else None
        if kind == "0":
            self.sids[namespace] = json.loads(rest)["sid"]
            if future is not None and not future.done():
                future.set_result(self.sids[namespace])
        elif kind == "4":
            if future is not None and not future.done():
                future.set_exception(RefusedError(json.loads(rest)))
        elif kind == "1":
            self.sids.pop(namespace, None)
        elif kind in "23":
            self._take_event(kind, namespace, rest, [])

    def _take_binary(self, payload: bytes) -> None:
        if self._waiting is None:
            return
        self._parts.append(payload)
        count, packet = self._waiting
        if len(self._parts) == count:
            self._waiting = None
            namespace, rest = _namespace(packet[1:])
            self._take_event("2" if packet[0] == "5" else "3", namespace, rest, self._parts)

    def _take_event(self, kind: str, namespace: str, rest: str, parts: list[bytes]) -> None:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        number, args = rest[:digits], json.loads(rest[digits:])
        if parts:
            args = _with_bytes(args, parts)
        if kind == "3":
            future = self._acks.pop(int(number), None)
            if future is not None and not future.done():
                future.set_result(args[0] if args else None)
        else:
            self.on_event(namespace, args[0], args[1] if len(args) > 1 else None)

    def _lose(self) -> None:
        self.lost.set()
        for future in (self._upgraded, self._open, *self._joins.values(), *self._acks.values()):
            if not future.done():
                future.set_exception(LostError("the connection is gone"))
                future.exception()
        self._joins.clear()
        self._acks.clear()

    # writing

    def _text(self, text: str) -> None:
        self._frame(1, text.encode())

    def _frame(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        if size < 126:
            head = struct.pack(">BB", 128 | opcode, 128 | size)
        elif size < 65_536:
            head = struct.pack(">BBH", 128 | opcode, 128 | 126, size)
        else:
            head = struct.pack(">BBQ", 128 | opcode, 128 | 127, size)
        self._write(head + b"\0\0\0\0" + payload)  # a mask of zeros changes nothing

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def _namespace(rest: str) -> tuple[str, str]:
    if not rest.startswith("/"):
        return "/", rest
    name, _, rest = rest.partition(",")
    return name, rest


def _without_bytes(value: Any, parts: list[bytes]) -> Any:
    if isinstance(value, bytes):
        parts.append(value)
        return {"_placeholder": True, "num": len(parts) - 1}
    if isinstance(value, dict):
        return {name: _without_bytes(item, parts) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_bytes(item, parts) for item in value]
    return value


def _with_bytes(value: Any, parts: list[bytes]) -> Any:
    if isinstance(value, dict):
        if value.get("_placeholder"):
            return parts[value["num"]]
        return {name: _with_bytes(item, parts) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_bytes(item, parts) for item in value]
    return value
