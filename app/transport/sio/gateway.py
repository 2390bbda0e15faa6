"""The Socket.IO server: python-socketio's handshake, and our own way in for everything else.

The library calls ``connect`` and ``disconnect`` handlers for a client's event of that name, and
cannot tell a handler whether an acknowledgement was asked for. So a client's events never reach
its dispatch: they are decoded, limited, validated and answered here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import socketio
import structlog
from pydantic import ValidationError
from socketio.exceptions import ConnectionRefusedError as Refused

from app.core import metrics
from app.core.clock import Clock
from app.core.errors import (
    Internal,
    LecternError,
    Unavailable,
)
from app.core.ids import ConnectionId
from app.core.tasks import Tasks
from app.transport.sio.config import SioConfig
from app.transport.sio.connection import Connection, Outside, Reply
from app.transport.sio.desk import Namespace
from app.transport.sio.engine import QUIET, BoundedEngine
from app.transport.sio.inbox import Inbox
from app.transport.sio.intake import Intake
from app.transport.sio.messages import Credentials, refusal
from app.transport.sio.packets import Connect, Disconnect, Event, PacketError, Refusal
from app.transport.sio.rate import Budget, Budgets
from app.transport.sio.sessions import SessionIndex

log = structlog.get_logger(__name__)

OFFENCES = 500.0
"""Refusals for sending too fast before a connection is closed rather than answered again."""

LINGER_SECONDS = 2.0
"""A client goes from one namespace to the next on one connection, and may leave the first before
it joins the second; only then is it lost."""


class Gateway(socketio.AsyncServer):  # type: ignore[misc]  # socketio ships no types
    """Every connection of this process. ``on_gone`` is called once for each that was lost."""

    eio: BoundedEngine

    def __init__(
        self,
        config: SioConfig,
        clock: Clock,
        tasks: Tasks,
        on_gone: Callable[[Connection], Awaitable[None]],
    ) -> None:
        self._config = config
        self._clock = clock
        self._tasks = tasks
        self._on_gone = on_gone
        self._spaces: dict[str, Namespace] = {}
        self._intake = Intake(self._spaces, clock, config.handler_seconds)
        self.connections: dict[str, Connection] = {}
        self.is_closing = False
        super().__init__(
            client_manager=SessionIndex(), async_handlers=False, namespaces=[], logger=QUIET
        )
        self.namespaces: list[str] = []

    def add(self, space: Namespace) -> None:
        """Serve a namespace; no other name is let in."""
        self._spaces[space.name] = space
        self.namespaces.append(space.name)

    # Engine.IO sessions

    def _engineio_server_class(self) -> Callable[..., BoundedEngine]:
        def build(**options: Any) -> BoundedEngine:
            options.pop("logger", None)
            return BoundedEngine(self._config, self._clock, self._tasks, async_handlers=False)

        return build

    async def _handle_eio_connect(self, eio_sid: str, _: dict[str, Any]) -> Any:
        outbox = self.eio.outbox(eio_sid)
        if self.is_closing or outbox is None:
            return "closing"
        if len(self.connections) >= self._config.max_connections:
            metrics.QUEUE_DROPS.labels("connections").inc()
            return "too many connections"
        config, now = self._config, self._clock.now()
        inbox = Inbox(
            self._tasks,
            self._clock,
            config.inbox_events,
            config.inbox_bytes,
            config.inbox_age_seconds,
        )
        budgets = Budgets(
            events=Budget.full(config.events_per_second, config.burst, now),
            edits=Budget.full(config.edits_per_second, 2 * config.edits_per_second, now),
            offers=Budget.full(config.offers_per_second, config.offers_burst, now),
            offences=Budget.full(1.0, OFFENCES, now),
        )
        outbox.on_overflow = lambda: self._overflow(eio_sid)
        connection = self.connections[eio_sid] = Connection(
            ConnectionId(eio_sid), outbox, inbox, budgets, lambda: self._end(eio_sid)
        )
        connection.asked_at = now
        self.environ[eio_sid] = {}
        return None

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        connection = self.connections.get(eio_sid)
        if connection is None or not connection.is_open:
            return
        connection.is_open = False
        for name in list(connection.namespaces):
            await self._handle_disconnect(eio_sid, name, reason)
        self.connections.pop(eio_sid, None)
        self.environ.pop(eio_sid, None)
        self._binary_packet.pop(eio_sid, None)
        connection.inbox.file_always(lambda: self._gone(connection))
        # After the library's own last word, if it has one: a polling request may still wait for
        # news, and a writer too; it would do so until its time-out.
        asyncio.get_running_loop().call_soon(connection.outbox.put_nowait, None)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        connection = self.connections.get(eio_sid)
        if connection is None:
            return
        try:
            packet = connection.decoder.feed(data)
        except PacketError:
            metrics.INPUT_DROPS.labels("socket", "malformed").inc()
            await self.eio.end(eio_sid)
            return
        if isinstance(packet, Connect):
            await self._connect(connection, packet)
        elif isinstance(packet, Disconnect):
            await self._handle_disconnect(eio_sid, packet.namespace, "client disconnect")
        elif isinstance(packet, Event):
            self._intake.take(connection, packet)
        elif isinstance(packet, Refusal) and self._intake.may_send(connection, packet.request):
            Reply(connection, packet.request).refuse(packet.error)

    def close_idle(self) -> None:
        """Close whoever is in no lecture and has asked for nothing for long (seed row O22).

        Its client's Manager connects again by itself, if there is one.
        """
        before = self._clock.now() - self._config.lobby_seconds
        for connection in list(self.connections.values()):
            if isinstance(connection.place, Outside) and connection.asked_at < before:
                metrics.QUEUE_DROPS.labels("lobby").inc()
                connection.end()

    def _overflow(self, eio_sid: str) -> None:
        metrics.QUEUE_DROPS.labels("outbox").inc()
        log.info("reader too slow, connection cut", connection=eio_sid)
        if not self.is_closing:
            _ = self._tasks.start("cut", lambda: self.eio.cut(eio_sid))

    def _end(self, eio_sid: str) -> None:
        if not self.is_closing:
            _ = self._tasks.start("end", lambda: self.eio.end(eio_sid))

    # Namespaces

    async def _connect(self, connection: Connection, packet: Connect) -> None:
        if not connection.budgets.events.take(self._clock.now()):
            metrics.QUEUE_DROPS.labels("connects").inc()
            await self.eio.end(connection.id)
            return
        connection.asked_at = self._clock.now()
        name = packet.namespace
        already = connection.namespaces.get(name)
        await self._handle_connect(connection.id, name, packet.auth)
        sid = self.manager.sid_from_eio_sid(connection.id, name)
        if sid is None or already is not None:
            return
        if not connection.is_open:
            # It went while it was being let in, and the library has just let it in all the same.
            await self.manager.disconnect(sid, name, ignore_queue=True)
            return
        connection.namespaces[name] = sid
        metrics.SOCKET_CONNECTIONS.labels(name).inc()
        space = self._spaces[name]
        connection.inbox.file_always(lambda: self._welcome(connection, space))

    async def _trigger_event(self, event: str, namespace: str, *args: Any) -> Any:
        """Called by the library alone, for its own ``connect`` and ``disconnect``."""
        sid = args[0]
        eio_sid = self.manager.eio_sid_from_sid(sid, namespace)
        if event == "connect":
            connection = self.connections.get(eio_sid)
            if connection is None:
                return False
            await self._admit(connection, self._spaces[namespace], sid, args[2])
            return True
        if event == "disconnect":
            self._leave(namespace, eio_sid)
        return None

    def _leave(self, name: str, eio_sid: str) -> None:
        connection = self.connections.get(eio_sid)
        if connection is None or connection.namespaces.pop(name, None) is None:
            return
        metrics.SOCKET_CONNECTIONS.labels(name).dec()
        space = self._spaces[name]

        async def left() -> None:
            if name not in connection.namespaces:
                space.left(connection)

        connection.inbox.file_always(left)
        if not connection.namespaces and connection.is_open and not self.is_closing:
            _ = self._tasks.start("linger", lambda: self._linger(connection))

    async def _linger(self, connection: Connection) -> None:
        """Treat a connection that stays without a namespace as lost, though it is open."""
        await asyncio.sleep(LINGER_SECONDS)
        if not connection.namespaces and connection.is_open:
            connection.inbox.file_always(lambda: self._gone(connection))

    async def _admit(self, connection: Connection, space: Namespace, sid: str, auth: Any) -> None:
        """Let the client in, after everything that it asked for before. Raises Refused."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def admit() -> None:
            try:
                await space.admit(connection, _credentials(auth), sid)
            except Exception as fault:  # noqa: BLE001 (told to whoever waits below)
                if not done.done():
                    done.set_exception(fault)
            else:
                if not done.done():
                    done.set_result(None)

        connection.inbox.file_always(admit)
        try:
            async with asyncio.timeout(self._config.admit_seconds):
                await done
        except (TimeoutError, Unavailable):
            # A refusal would make its socket give up. A lost transport makes it come again.
            await self.eio.end(connection.id)
            raise Refused("the server is busy", _error(Unavailable("try again"))) from None
        except LecternError as error:
            raise Refused(error.message, _error(error)) from None
        except Exception as fault:
            log.exception("could not let a client in", namespace=space.name)
            raise Refused("internal error", _error(Internal("internal error"))) from fault

    async def _welcome(self, connection: Connection, space: Namespace) -> None:
        if space.name not in connection.namespaces:
            return
        try:
            async with asyncio.timeout(self._config.handler_seconds):
                await space.welcome(connection)
        except (LecternError, TimeoutError) as fault:
            log.info("welcome failed", namespace=space.name, reason=str(fault))
            connection.end()
        except Exception:
            log.exception("welcome failed", namespace=space.name)
            connection.end()

    async def _gone(self, connection: Connection) -> None:
        try:
            await self._on_gone(connection)
        except LecternError as error:
            # The lease runs out by itself, and the sweep does what this could not.
            log.warning("loss not recorded", code=error.code)
        except Exception:
            log.exception("loss not recorded")


def _credentials(auth: Any) -> Credentials:
    """Read a namespace's ``auth``. Raises BadRequest."""
    fields = dict(auth) if isinstance(auth, dict) else {}
    fields = {name: value for name, value in fields.items() if value is not None}
    try:
        return Credentials.model_validate(fields)
    except ValidationError as fault:
        raise refusal(fault) from fault


def _error(error: LecternError) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "retryable": error.retryable}
