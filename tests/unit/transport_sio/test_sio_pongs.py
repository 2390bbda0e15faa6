"""Pongs, most of what a class sends: known by their bytes where a message begins."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from app.transport.sio.frames import FrameWriter, LeanWebSocket, is_pong

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
PONG = Frame(Opcode.TEXT, b"3").serialize(mask=True)


class Transport(asyncio.Transport):
    """A TCP connection of which one end is the test."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Listener:
    """An accepted WebSocket: what its application read, and how many pongs went past it."""

    def __init__(self) -> None:
        self.read: list[str | bytes] = []
        self.pongs = 0
        self.transport = Transport()
        self.writer: FrameWriter | None = None
        config = uvicorn.Config(
            self._app,
            ws=LeanWebSocket,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            ws_per_message_deflate=False,
            ws_ping_interval=None,
        )
        config.load()
        self.socket = LeanWebSocket(config, ServerState(), {})
        self.socket.connection_made(self.transport)

    async def _app(self, _: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self.writer = FrameWriter.of(send)
        assert self.writer is not None
        self.writer.hear_pongs(self._pong)
        while (message := await receive())["type"] == "websocket.receive":
            self.read.append(message.get("text") or message["bytes"])

    def _pong(self) -> None:
        self.pongs += 1

    async def hear(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.data_received(piece)
            for _ in range(3):
                await asyncio.sleep(0)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    await listener.hear(REQUEST)
    assert listener.transport.written.startswith(b"HTTP/1.1 101")
    yield listener
    listener.socket.connection_lost(None)
    await asyncio.sleep(0.01)


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the protocol library was given."""
    given: list[bytes] = []
    real = LeanWebSocket.__base__.data_received  # type: ignore[union-attr]  # it has one

    def data_received(socket: Any, data: bytes) -> None:
        given.append(data)
        real(socket, data)

    monkeypatch.setattr(LeanWebSocket.__base__, "data_received", data_received)
    return given


def test_what_a_pong_looks_like() -> None:
    assert len(PONG) == 7
    assert is_pong(PONG)
    for text in (b"2", b"33", b""):
        assert not is_pong(Frame(Opcode.TEXT, text).serialize(mask=True))
    assert not is_pong(Frame(Opcode.BINARY, b"3").serialize(mask=True))
    assert not is_pong(Frame(Opcode.TEXT, b"3", fin=False).serialize(mask=True))
    assert not is_pong(PONG + PONG)


async def test_a_pong_alone_is_not_parsed(listener: Listener, unread: list[bytes]) -> None:
    await listener.hear(Frame(Opcode.TEXT, b"first").serialize(mask=True))
    unread.clear()
    await listener.hear(PONG, PONG)
    assert (listener.pongs, listener.read, unread) == (2, ["first"], [])


async def test_pongs_in_pieces_or_together_are_pongs(listener: Listener) -> None:
    await listener.hear(PONG[:3], PONG[3:], PONG + PONG, PONG)
    assert (listener.pongs, listener.read) == (4, [])


@pytest.mark.parametrize("cut", [1, 2, 6, 8])
async def test_in_the_midst_of_a_message_the_same_bytes_are_its_bytes(
    listener: Listener, cut: int
) -> None:
    key = b"\x00\x00\x00\x00"
    whole = b"\x82\xfe\x00\xc8" + key + PONG * 28 + b"end."
    pieces = [whole[:cut], whole[cut:8], *[PONG] * 28, b"end."]
    await listener.hear(*[piece for piece in pieces if piece])
    assert (listener.pongs, listener.read) == (0, [PONG * 28 + b"end."])
    await listener.hear(PONG)
    assert listener.pongs == 1


async def test_between_two_fragments_it_is_the_fault_that_it_is(listener: Listener) -> None:
    await listener.hear(Frame(Opcode.TEXT, b"4one", fin=False).serialize(mask=True), PONG)
    assert listener.pongs == 0
    assert listener.transport.closing


async def test_a_message_after_pongs_is_read(listener: Listener) -> None:
    await listener.hear(PONG, Frame(Opcode.TEXT, b"42").serialize(mask=True), PONG)
    assert (listener.pongs, listener.read) == (2, ["42"])


async def test_a_slow_reader_is_not_written_to_at_once(listener: Listener) -> None:
    writer = listener.writer
    assert writer is not None
    assert writer.write(b"one")
    listener.socket.pause_writing()
    assert not writer.write(b"two")
    listener.socket.resume_writing()
    assert writer.write(b"three")
    assert listener.transport.written.endswith(b"onethree")


async def test_nothing_follows_the_answer_to_a_close(listener: Listener) -> None:
    writer = listener.writer
    assert writer is not None
    await listener.hear(Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True))
    assert not listener.socket.takes
    listener.socket.resume_writing()
    before = listener.transport.written
    assert writer.write(b"late")  # it goes nowhere
    assert not listener.socket.takes
    assert listener.transport.written == before


async def test_what_is_written_to_a_lost_connection_goes_nowhere(listener: Listener) -> None:
    writer = listener.writer
    assert writer is not None
    listener.transport.closing = True
    listener.socket.connection_lost(ConnectionResetError())
    before = listener.transport.written
    assert writer.write(b"late")
    assert not listener.socket.takes
    assert listener.transport.written == before
