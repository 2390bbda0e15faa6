"""The Engine.IO server with bounds: outgoing queues, stalled writers, silent peers, odd frames."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import engineio
from engineio.async_drivers import asgi as asgi_driver
from engineio.packet import OPEN, PING, Packet
from engineio.payload import Payload

from app.core import garbage, metrics
from app.core.clock import Clock
from app.core.tasks import OnCrash, Tasks
from app.transport.sio.config import SioConfig
from app.transport.sio.outbox import Outbox
from app.transport.sio.pings import Pings
from app.transport.sio.requests import read_request
from app.transport.sio.session import Session

PATROL_SECONDS = 1.0
"""How often all sessions are looked at for silence."""

PROBE_SECONDS = 2.0
"""How long a session has to answer when it is asked whether it lives."""

MAX_POLLED_PACKETS = 128
"""Packets of one polling request. The library's 16 drops a presenter's first request whole: an
offer, a board and two dozen candidates, which clients send in one."""

MAX_CONTROL_CHARS = 64
"""A frame that is no message: a ping, a pong, an upgrade."""

QUIET = logging.getLogger(__name__)
QUIET.setLevel(logging.CRITICAL)
"""The library logs a traceback for each malformed input; what is ours to know we log ourselves."""


class ShortJson:
    """The JSON that Engine.IO itself needs: its handshake. Anything long is left as text.

    The library tries to parse each message that does not look like Socket.IO, at any length and
    depth; ValueError is what makes it keep the text.
    """

    MAX_CHARS = 4096

    @staticmethod
    def dumps(*args: Any, **kwargs: Any) -> str:
        return json.dumps(*args, **kwargs)

    @staticmethod
    def loads(text: str, **_: Any) -> Any:
        """Return what ``text`` says. Raises ValueError."""
        if len(text) > ShortJson.MAX_CHARS:
            raise ValueError("too long")
        try:
            return json.loads(text)
        except RecursionError as fault:
            raise ValueError("too deep") from fault


class BoundedWebSocket(asgi_driver.WebSocket):  # type: ignore[misc]  # engineio ships no types
    """One WebSocket: it can be cut, a stalled write ends it, and odd frames close it cleanly."""

    def __init__(self, handler: Any, server: "BoundedEngine") -> None:
        super().__init__(handler, server)
        self._engine = server
        self._sid: str = handler.__self__.sid
        self.heard = asyncio.Event()
        """Set by each frame that comes in."""

    async def __call__(self, environ: dict[str, Any]) -> Any:
        self._engine.websockets[self._sid] = self
        try:
            return await super().__call__(environ)
        finally:
            if self._engine.websockets.get(self._sid) is self:
                del self._engine.websockets[self._sid]

    async def send(self, message: str | bytes) -> None:
        """Write one frame. Raises TimeoutError when the reader took nothing for too long."""
        try:
            async with asyncio.timeout(self._engine.stall_seconds):
                await super().send(message)
        except TimeoutError:
            metrics.QUEUE_DROPS.labels("stalled_writer").inc()
            self.cut()
            raise

    async def close(self) -> None:
        """Close politely; a reader who does not read is not waited for."""
        try:
            async with asyncio.timeout(1.0):
                await super().close()
        except TimeoutError:
            self.cut()

    async def wait(self) -> str | bytes | None:
        """Return the next frame, or None to end: a frame the library would trip over ends it."""
        frame: str | bytes = await super().wait()
        self.heard.set()
        if len(frame) > self._engine.max_http_buffer_size:
            metrics.INPUT_DROPS.labels("socket", "frame").inc()
            return None
        if isinstance(frame, bytes):
            return frame
        kind = frame[:1]
        if kind == "4" or (kind in ("2", "3", "5", "1", "6") and len(frame) <= MAX_CONTROL_CHARS):
            return frame
        metrics.INPUT_DROPS.labels("socket", "frame").inc()
        return None

    def release(self) -> None:
        """Refer to nothing any more: session, socket and handler would hold each other."""
        self.handler = None

    def cut(self) -> None:
        """Drop the TCP connection at once, with what is buffered for it."""
        transport = getattr(getattr(self.asgi_send, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()


class BoundedEngine(engineio.AsyncServer):  # type: ignore[misc]  # engineio ships no types
    """Engine.IO whose sessions have an ``Outbox`` for a queue and are watched by ``patrol``."""

    sockets: dict[str, Session]

    def __init__(self, config: SioConfig, clock: Clock, tasks: Tasks, **options: Any) -> None:
        Payload.max_decode_packets = MAX_POLLED_PACKETS
        self._config = config
        self._clock = clock
        self._tasks = tasks
        self.pings = Pings(clock, config.ping_interval_seconds)
        self.writes_frames = config.writes_frames
        self.stall_seconds = config.stall_seconds
        self.websockets: dict[str, BoundedWebSocket] = {}
        super().__init__(
            async_mode="asgi",
            ping_interval=config.ping_interval_seconds,
            ping_timeout=config.ping_timeout_seconds,
            max_http_buffer_size=config.max_message_bytes,
            cors_allowed_origins=_origins(config.cors_origins),
            cors_credentials=False,
            monitor_clients=False,
            http_compression=True,
            logger=QUIET,
            json=ShortJson,
            **options,
        )
        self._async: dict[str, Any] = {
            **vars(self)["_async"],
            "websocket": BoundedWebSocket,
            "translate_request": read_request,
        }

    def create_queue(self, *_: Any, **__: Any) -> Outbox:
        """Return the queue of a new session (the library asks for it)."""
        return Outbox(self._config.outbox_messages, self._config.outbox_bytes)

    def outbox(self, sid: str) -> Outbox | None:
        """Return the outbox of a live session."""
        socket = self.sockets.get(sid)
        if socket is None or socket.closed:
            return None
        queue: Outbox = socket.queue
        return queue

    async def cut(self, sid: str) -> None:
        """End a session now, without a word; its client's own reconnection is not hindered."""
        websocket = self.websockets.get(sid)
        if websocket is not None:
            websocket.cut()
        await self._end(sid, abort=True)

    async def end(self, sid: str) -> None:
        """End a session politely: its Manager sees a lost transport and connects again."""
        await self._end(sid, abort=False)

    async def _end(self, sid: str, abort: bool) -> None:
        socket = self.sockets.get(sid)
        if socket is None:
            return
        with contextlib.suppress(engineio.exceptions.SocketIsClosedError):
            await socket.close(wait=False, abort=abort, reason=self.reason.SERVER_DISCONNECT)
        socket.queue.put_nowait(None)
        if socket.closed and sid not in self.websockets:
            self.sockets.pop(sid, None)

    async def probe(self, sid: str) -> bool:
        """Ask a session for a sign of life. A silent one is cut, and False returned.

        A polling one cannot be asked: it counts as alive until ``patrol`` finds it silent.
        """
        outbox, websocket = self.outbox(sid), self.websockets.get(sid)
        if outbox is None:
            return False
        if websocket is None:
            return True
        websocket.heard.clear()
        outbox.put_nowait(Packet(PING))
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await websocket.heard.wait()
        except TimeoutError:
            await self.cut(sid)
            return False
        return True

    async def hear(self, sid: str, data: str | bytes) -> None:
        """Take one message of a client."""
        await self._trigger_event("message", sid, data, run_async=False)

    def start_writer(self, write: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run ``write`` in the background, unless the server is closed."""
        with contextlib.suppress(RuntimeError):
            _ = self._tasks.start("writer", write)

    def watch(self) -> None:
        """Begin to ping the sessions and to look for silent ones."""
        _ = self._tasks.start("pings", self.pings.run, OnCrash.RESTART)
        _ = self._tasks.start("patrol", self._patrol, OnCrash.RESTART)

    async def _handle_connect(
        self, environ: dict[str, Any], transport: str, jsonp_index: int | None = None
    ) -> Any:
        """Open a session (the library calls this for a request without one)."""
        sid = self.generate_id()
        session = self.sockets[sid] = Session(self, sid)
        greeting = {
            "sid": sid,
            "upgrades": self._upgrades(sid, transport),
            "pingInterval": self._config.ping_interval_seconds * 1000,
            "pingTimeout": self._config.ping_timeout_seconds * 1000,
            "maxPayload": self._config.max_message_bytes,
        }
        session.queue.put_nowait(Packet(OPEN, greeting))
        refusal = await self._trigger_event("connect", sid, environ, run_async=False)
        if refusal is not None and refusal is not True:
            del self.sockets[sid]
            return self._unauthorized(refusal or None)
        session.schedule_ping()
        if transport == "websocket":
            answer = await session.handle_get_request(environ)
            if session.closed:
                self.sockets.pop(sid, None)
            return answer
        session.connected = True
        return self._ok(await session.poll(), jsonp_index=jsonp_index)

    async def _patrol(self) -> None:
        """Close the sessions whose peer is silent, and forget the closed ones. Runs for ever."""
        pace = garbage.Pace()
        while True:
            await asyncio.sleep(PATROL_SECONDS)
            now = self._clock.now()
            pace.note(len(self.sockets), now)
            since = now - self.ping_timeout
            done = [
                session
                for session in self.sockets.values()
                if session.closed or (session.pinged_at is not None and session.pinged_at < since)
            ]
            for session in done:
                if session.closed:
                    self.sockets.pop(session.sid, None)
                else:
                    await self.cut(session.sid)


def _origins(allowed: tuple[str, ...]) -> str | Callable[[str | None, dict[str, Any]], bool]:
    """Return what the library asks about a request's Origin header."""
    if "*" in allowed:
        return "*"
    listed = frozenset(origin.rstrip("/").lower() for origin in allowed)

    def is_allowed(origin: str | None, environ: dict[str, Any]) -> bool:
        if not origin:
            return False
        own = environ.get("HTTP_HOST", "").lower()
        return origin.lower() in listed or origin.lower().partition("://")[2] == own

    return is_allowed
