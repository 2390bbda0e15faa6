"""WebSocket frames built once and written to many connections.

Encoding one event for one member costs Python more than sending it: so a room event is made into
frames once, and the same bytes go to each member's transport, past the ASGI server's own path of
a coroutine, a dictionary and an encoder per message. Only a connection on which nothing else is
under way is written to like this; what decides that is the outbox.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

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


class LeanWebSocket(WebSocketsSansIOProtocol):
    """The web server's WebSocket, of which nothing is left for the collector once it is closed."""

    def connection_lost(self, exc: Exception | None) -> None:
        """End as the web server does."""
        super().connection_lost(exc)
        self.conn.parser.close()  # a suspended generator that refers to what holds it


class FrameWriter:
    """Writes whole frames to one WebSocket's transport, where the ASGI server is known."""

    __slots__ = ("_is_closing", "_is_writable", "_protocol", "_write")

    def __init__(self, protocol: WebSocketsSansIOProtocol) -> None:
        # Looked up once: ``write`` runs for every member at every event.
        self._protocol = protocol
        self._is_writable = protocol.writable.is_set
        self._is_closing = protocol.transport.is_closing
        self._write = protocol.transport.write

    @classmethod
    def of(cls, asgi_send: Any) -> "FrameWriter | None":
        """Return the writer of an accepted WebSocket; None where frames are not ours to write:
        another ASGI server, or an extension (compression) that changes them."""
        protocol = getattr(asgi_send, "__self__", None)
        if not isinstance(protocol, WebSocketsSansIOProtocol):
            return None
        if protocol.conn.extensions or not protocol.handshake_complete:
            return None
        return cls(protocol)

    def write(self, frames: bytes) -> bool:
        """Write, or return False: the reader is slow, or the connection is closed or closing."""
        if self._protocol.close_sent or not self._is_writable() or self._is_closing():
            return False
        self._write(frames)
        return True
