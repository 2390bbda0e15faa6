"""WebSocket frames built once and written to many connections.

Encoding one event for one member costs Python more than sending it: so a room event is made into
frames once, and the same bytes go to each member's transport, past the ASGI server's own path of
a coroutine, a dictionary and an encoder per message. Only a connection on which nothing else is
under way is written to like this; what decides that is the outbox.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

log = structlog.get_logger(__name__)

_FIN = 0x80
_TEXT, _BINARY = 1, 2


def frame(message: str | bytes) -> bytes:
    """Return ``message`` as one unmasked frame, as a server sends it (RFC 6455 §5.2)."""
    if isinstance(message, str):
        payload, opcode = message.encode(), _TEXT
    else:
        payload, opcode = message, _BINARY
    size = len(payload)
    if size < 126:
        head = bytes((_FIN | opcode, size))
    elif size < 65536:
        head = bytes((_FIN | opcode, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FIN | opcode, 127)) + size.to_bytes(8, "big")
    return head + payload


LOSSES_AT_ONCE = 20
"""Connections whose loss is handled in one turn of the event loop: some 5 ms of it."""


PONG = b"3"
"""A client's answer to a ping, in Engine.IO 4."""

_PONG_HEAD = b"\x81\x81"
_PONG_SIZE = 7
"""A pong on its way in: one masked text frame with one byte, two bytes of head and four of mask."""


def is_pong(data: bytes) -> bool:
    """Tell whether what was read is a pong and nothing else (where a frame begins)."""
    return len(data) == _PONG_SIZE and data.startswith(_PONG_HEAD) and data[6] ^ data[2] == PONG[0]


class LeanWebSocket(WebSocketsSansIOProtocol):
    """The web server's WebSocket, of which nothing is left for the collector once it is closed.

    A class that listens sends nothing but pongs. One that comes alone is told by its bytes: the
    protocol library's reader takes 40 times as long for it.
    """

    on_pong: Callable[[], None] | None = None
    """Takes the pongs, most of what a class sends; they wake no reader then."""

    takes = True
    """What is written to the transport is on its way: it is neither full, nor closed, nor lost."""

    _is_over = False

    _is_between = False
    """The protocol library has read whole messages: what comes next begins one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin as the web server does."""
        super().connection_made(transport)
        self.takes = True  # the instance's own: what is found there is found sooner

    def data_received(self, data: bytes) -> None:
        """Read as the web server does, but for a pong."""
        if self._is_between and self.on_pong is not None and is_pong(data):
            self.on_pong()
            return
        super().data_received(data)
        self._is_between = _is_between_messages(self.conn)

    def pause_writing(self) -> None:
        """Note that the reader is slow."""
        self.takes = False
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the reader is slow no more."""
        self.takes = not self._is_over
        super().resume_writing()

    def handle_text(self, event: Frame) -> None:
        """Take a text frame as the web server does, but for a pong."""
        if event.data == PONG and event.fin and self.on_pong is not None:
            self.on_pong()
        else:
            super().handle_text(event)

    def handle_close(self, event: Frame) -> None:
        """Answer the client's close as the web server does: nothing of ours follows."""
        self._write_no_more()
        super().handle_close(event)

    def shutdown(self) -> None:
        """Close as the web server does: nothing of ours follows."""
        self._write_no_more()
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """End as the web server does, soon: a class that is lost at once ends little by little."""
        self._write_no_more()
        losses = _LOSSES.get(self.loop)
        if losses is None:
            losses = _LOSSES[self.loop] = Losses()
        losses.add(self, exc)

    def end(self, exc: Exception | None) -> None:
        """End as the web server does, now."""
        super().connection_lost(exc)
        self.on_pong = None
        self.conn.parser.close()  # a suspended generator that refers to what holds it

    def _write_no_more(self) -> None:
        self.takes, self._is_over = False, True


class Losses:
    """Connections that were lost in one loop, in order; never more than were open."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[LeanWebSocket, Exception | None]] = deque()

    def add(self, websocket: LeanWebSocket, exc: Exception | None) -> None:
        """End a connection in its turn."""
        self._waiting.append((websocket, exc))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._end_some)

    def _end_some(self) -> None:
        count = min(LOSSES_AT_ONCE, len(self._waiting))
        some = [self._waiting.popleft() for _ in range(count)]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._end_some)
        for websocket, exc in some:
            try:
                websocket.end(exc)
            except Exception:  # the others of this turn must end too
                log.exception("a connection did not end well")


_LOSSES: "WeakKeyDictionary[asyncio.AbstractEventLoop, Losses]" = WeakKeyDictionary()


def _is_between_messages(connection: ServerProtocol) -> bool:
    """Tell whether the protocol library waits for the first byte of a message.

    It reads in generators that wait inside each other; the innermost one says for what it waits.
    """
    if connection.state is not OPEN or connection.current_size is not None:
        return False
    inner: Any = connection.parser
    while (waits_for := getattr(inner, "gi_yieldfrom", None)) is not None:
        inner = waits_for
    return getattr(inner, "gi_code", None) is _WAITS_FOR_MORE


_WAITS_FOR_MORE = StreamReader.at_eof.__code__


class FrameWriter:
    """Writes whole frames to one WebSocket's transport, where the ASGI server is known."""

    __slots__ = ("put", "websocket")

    def __init__(self, websocket: LeanWebSocket) -> None:
        self.websocket = websocket
        self.put = websocket.transport.write
        """Writes, while the WebSocket ``takes`` and has not sent a close: ask each time."""

    @classmethod
    def of(cls, asgi_send: Any) -> "FrameWriter | None":
        """Return the writer of an accepted WebSocket; None where frames are not ours to write:
        another ASGI server, or an extension (compression) that changes them."""
        protocol = getattr(asgi_send, "__self__", None)
        if not isinstance(protocol, LeanWebSocket):
            return None
        if protocol.conn.extensions or not protocol.handshake_complete:
            return None
        return cls(protocol)

    def hear_pongs(self, on_pong: Callable[[], None]) -> None:
        """Have each pong that comes in taken by ``on_pong`` from now on."""
        self.websocket.on_pong = on_pong

    def write(self, frames: bytes) -> bool:
        """Write, or return False: the reader is slow, or we have said that we close.

        What is written to a connection that was lost goes nowhere, as it would on its way.
        """
        websocket = self.websocket
        if not websocket.takes or websocket.close_sent:
            closing: bool = websocket.transport.is_closing()
            return closing
        self.put(frames)
        return True
