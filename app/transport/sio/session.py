"""One Engine.IO session: the library's state, with a WebSocket loop that costs no task per message.

The library wraps every frame that it reads, every packet that it writes and every ping in tasks of
their own. Here a frame is handled where it is read, a packet is written where it is sent (by the
outbox, if the connection is free), and a task exists only while a reader is slow.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol

import structlog
from engineio.async_socket import AsyncSocket
from engineio.exceptions import SocketIsClosedError
from engineio.packet import NOOP, Packet

from app.transport.sio.frames import FrameWriter
from app.transport.sio.outbox import Outbox
from app.transport.sio.pings import Pings

log = structlog.get_logger(__name__)

PROBE, PROBED, UPGRADE = "2probe", "3probe", "5"
"""What a client that changes from polling to WebSocket says, and is told (Engine.IO 4)."""


class WebSocket(Protocol):
    """What a session needs of its WebSocket: ``engine.BoundedWebSocket``."""

    asgi_send: Any
    heard: asyncio.Event

    async def wait(self) -> str | bytes | None: ...
    async def send(self, message: str | bytes) -> None: ...
    async def close(self) -> None: ...
    def release(self) -> None: ...


class Server(Protocol):
    """What a session needs of its server: ``engine.BoundedEngine``."""

    pings: Pings
    writes_frames: bool
    reason: Any

    def create_queue(self) -> Outbox: ...
    async def hear(self, sid: str, data: str | bytes) -> None: ...
    def start_writer(self, write: Callable[[], Coroutine[Any, Any, None]]) -> None: ...


class Session(AsyncSocket):  # type: ignore[misc]  # engineio ships no types
    """Made by ``BoundedEngine`` alone."""

    server: Server
    queue: Outbox
    connected: bool
    upgraded: bool

    def __init__(self, server: Server, sid: str) -> None:
        super().__init__(server, sid)
        self.pinged_at: float | None = None
        """Since when a ping is unanswered, by the process' own clock."""
        self._is_filed = False

    # Pings

    async def check_ping_timeout(self) -> bool:
        """Raise SocketIsClosedError for a closed session; silence is the patrol's to notice."""
        if self.closed:
            raise SocketIsClosedError
        return True

    def schedule_ping(self) -> None:
        """Note a sign of life, and ask for the next one (the library calls this for a pong)."""
        self.queue.pong()
        self.pinged_at = None
        if not self._is_filed:
            self._is_filed = True
            self.server.pings.file(self)

    def ping(self, now: float) -> None:
        """Send the ping that is due."""
        self._is_filed = False
        if not self.closing and not self.closed:
            self.pinged_at = now
            self.queue.ping()

    # The WebSocket

    async def _websocket_handler(self, websocket: WebSocket) -> None:
        """Serve one WebSocket to its end (the library calls this once it is accepted)."""
        if self.connected and not await self._upgraded_on(websocket):
            return
        self.connected = self.upgraded = True
        direct = FrameWriter.of(websocket.asgi_send) if self.server.writes_frames else None
        if direct is not None:
            direct.hear_pongs(partial(self._take_pong, websocket.heard))
        self.queue.attach(direct, lambda: self._wake(websocket))
        try:
            with contextlib.suppress(OSError, SocketIsClosedError):
                while (frame := await websocket.wait()) is not None:
                    await self._take(frame)
        finally:
            self.queue.detach()
            await websocket.close()
            await self.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
            websocket.release()

    async def _upgraded_on(self, websocket: WebSocket) -> bool:
        """Let a polling client change to its WebSocket; False if it does not go on with that."""
        self.upgrading = True  # polls are answered with nothing meanwhile
        try:
            if await websocket.wait() != PROBE:
                return False
            await websocket.send(PROBED)
            self.queue.put_nowait(Packet(NOOP))  # ends the poll that waits
            return await websocket.wait() == UPGRADE
        except (OSError, TimeoutError):
            return False
        finally:
            self.upgrading = False

    async def _take(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            await self._hear(frame)
        elif frame[0] == "4":
            await self._hear(frame[1:])
        elif frame[0] == "3":
            self.schedule_ping()
        elif frame[0] == "1":
            reason = self.server.reason.CLIENT_DISCONNECT
            await self.close(wait=False, abort=True, reason=reason)
        elif frame[0] == "5":
            self.queue.put_nowait(Packet(NOOP))

    def _take_pong(self, heard: asyncio.Event) -> None:
        heard.set()
        self.schedule_ping()

    async def _hear(self, data: str | bytes) -> None:
        await self.server.hear(self.sid, data)

    def _wake(self, websocket: WebSocket) -> None:
        """Begin to write what waits: the outbox asks for this once, until nothing does."""
        self.server.start_writer(lambda: self._write(websocket))

    async def _write(self, websocket: WebSocket) -> None:
        """Write until nothing waits. Ends the connection when it cannot be written to."""
        try:
            while (packet := self.queue.take()) is not None:
                await websocket.send(packet.encode())
        except Exception as fault:  # noqa: BLE001 (of the server, or of the network)
            log.debug("a connection could not be written to", reason=type(fault).__name__)
            self.queue.detach()
            await websocket.close()
        else:
            if self.queue.is_ended:
                await websocket.close()
