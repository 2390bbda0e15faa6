"""A relay process: commands in, media through. The shell around the sans-IO core."""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from pydantic import ValidationError

from app.core.clock import Clock
from app.core.errors import BadRequest, Internal, LecternError, Unavailable
from app.core.ids import NodeId, PeerId, RoomId
from app.relay.answers import (
    Answer,
    Done,
    PipeOpened,
    Refused,
)
from app.relay.commands import RoomCommands
from app.relay.config import RelayConfig
from app.relay.core.events import (
    Event,
    PeerConnected,
    PeerGone,
    PeerMoved,
    PipeGone,
    PipeJoined,
    PresenterWaits,
    TrackStarted,
    TrackStopped,
)
from app.relay.core.media import Address
from app.relay.core.relay import Relay
from app.relay.core.tap import Listener
from app.relay.main_sockets import MainSockets
from app.relay.messages import (
    COMMANDS,
    ClosePeer,
    CloseRoom,
    Command,
    OpenPeer,
    OpenPipe,
)
from app.relay.notices import Observer, notice_of
from app.relay.peers import Peers
from app.relay.pipe import Caller, Piping
from app.relay.places import Places
from app.relay.publisher_sockets import PublisherSockets
from app.relay.timers import RateMeter, WakeTimer

log = structlog.get_logger(__name__)

Handler = Callable[[bytes], Awaitable[bytes]]


class Server(Caller, Protocol):
    """What a relay needs of ``cluster.commands.CommandBus``."""

    def serve(self, handler: Handler) -> None:
        """Answer this process' commands with ``handler`` from now on."""


class RelayService:
    """All rooms of one relay process.

    Guarantees that every command is answered (a refusal is an answer), that no datagram and no
    offer raises out of it, and that a peer which fails, falls silent, leaves or is closed is freed
    with everything it had. The owner calls ``open`` once and ``close`` at the end.
    """

    def __init__(
        self,
        config: RelayConfig,
        bus: Server,
        clock: Clock,
        observer: Observer | None = None,
        *,
        node: NodeId = NodeId(""),  # noqa: B008 (a name, not a call)
        places: Places | None = None,
    ) -> None:
        """Make a closed service; ``observer`` hears of what happens to the media.

        ``node`` is this process' name on the bus. With ``places`` a room here is joined to the
        same room on other relays.
        """
        self._config = config
        self._observer = observer
        self._bus = bus
        self._clock = clock
        self._sockets = MainSockets(config, self._received, clock)
        self._core = Relay(self._sockets.udp.sender)
        self._publishers = PublisherSockets(
            self._sockets.udp.reading, self._core.media_addresses, config.publisher_sockets
        )
        self._timer = WakeTimer(clock, self._timer_fired)
        self._peers = Peers(
            config.max_peers,
            self._core,
            self._sockets.reach,
            self._changed,
            self._settle,
            observer,
            clock,
        )
        self._commands = RoomCommands(
            self._core,
            self._peers.rooms,
            self._peers.by_id,
            self._sockets.reach,
            self.figures,
            clock,
        )
        self._piping = Piping(
            node,
            bus,
            places,
            self._core,
            self._sockets.pipe_reach,
            self._peers.count_in,
            self._peers.close_room,
            self._piped,
            clock,
        )
        self._is_open = False
        self._forwarding = RateMeter(clock.now())
        self._commands_refused = 0
        self._counts_also: Callable[[], dict[str, int]] = dict

    @property
    def port(self) -> int:
        """The port that was bound."""
        return self._sockets.port

    async def open(self) -> None:
        """Bind the media sockets and serve commands. Raises OSError where UDP cannot be bound."""
        await self._sockets.open()
        self._publishers.open()
        self._is_open = True
        self._bus.serve(self.handle)
        log.info("relay open", host=self._config.bind_host, port=self.port)

    async def close(self) -> None:
        """Say goodbye to every peer and free everything. Idempotent, done in about a second."""
        self._is_open = False
        await self._peers.close()
        await self._piping.close()
        self._timer.cancel()
        self._sockets.close()

    # Commands --------------------------------------------------------------------------------

    async def handle(self, payload: bytes) -> bytes:
        """Answer one command (``relay.messages``). Never raises but when cancelled."""
        try:
            answer = self._execute(self._parse(payload))
        except LecternError as error:
            self._commands_refused += 1
            answer = Refused(code=error.code, message=error.message)
        except Exception:
            log.exception("a command failed")
            answer = Refused(code=Internal.code, message="the relay could not do that")
        return answer.model_dump_json().encode()

    def _parse(self, payload: bytes) -> Command:
        try:
            return COMMANDS.validate_json(payload)
        except ValidationError as error:
            raise BadRequest("the relay does not understand this command") from error

    def _execute(self, command: Command) -> Answer:
        if not self._is_open:
            raise Unavailable("this relay is closing")
        match command:
            case OpenPeer():
                self._sockets.udp.reading.hasten()
                return self._peers.open(command)
            case ClosePeer():
                self._peers.close_peer(command.room, command.peer)
                return Done()
            case CloseRoom():
                self._peers.close_room(command.room)
                return Done()
            case OpenPipe():
                return self._open_pipe(command)
            case _:
                answer = self._commands.execute(command)
                self._settle()
                return answer

    def _open_pipe(self, command: OpenPipe) -> PipeOpened:
        opened = self._piping.serve(command)
        self._settle()
        return opened

    # Datagrams, time -------------------------------------------------------------------------

    def _received(self, batch: list[tuple[memoryview, Address]]) -> None:
        try:
            self._core.receive(batch, self._clock.now())
        finally:
            self._settle()

    def _timer_fired(self) -> None:
        try:
            self._core.handle_timer(self._clock.now())
            self._publishers.look(self._clock.now())
        finally:
            self._settle()

    def _settle(self) -> None:
        """Do what the core asks for after each call: DTLS, events, its timer."""
        for ident, data in self._core.take_dtls():
            self._peers.take_dtls(ident, data)
        for event in self._core.take_events():
            self._happened(event)
        if self._is_open:
            self._timer.arm(self._core.next_timer())

    def _changed(self, room: RoomId) -> None:
        """A peer came to a room, or left it."""
        self._piping.note(room)

    def _piped(self) -> None:
        """As ``_settle``, when a pipe was opened or closed."""
        self._settle()
        self._publishers.follow()

    def _happened(self, event: Event) -> None:
        notice = notice_of(event) if self._observer is not None else None
        if self._observer is not None and notice is not None:
            self._observer(notice)
        match event:
            case PeerConnected() | PresenterWaits() | PeerGone():
                self._peers.happened(event)
            case PipeJoined() | PipeGone():
                self._piping.happened(event)
                self._publishers.follow()
            case TrackStarted():
                log.info("track started", room=event.room, source=event.source, codec=event.codec)
                self._publishers.follow()
            case TrackStopped() | PeerMoved():
                self._publishers.follow()
            case _:
                return  # all there is to do about the others was to tell the observer

    # Listening in ----------------------------------------------------------------------------

    @property
    def rooms(self) -> list[RoomId]:
        """The rooms that have a peer here."""
        return list(self._peers.rooms)

    def listen(self, room: RoomId, listener: Listener | None) -> None:
        """As ``core.relay.Relay.listen``: for a recorder."""
        self._core.listen(room, listener)

    def ask_keyframe(self, peer: PeerId, ssrc: int) -> None:
        """Ask a publisher for a keyframe of one of its tracks."""
        self._core.control.ask_keyframe(peer, ssrc, self._clock.now())
        self._settle()

    # Figures ---------------------------------------------------------------------------------

    def load(self) -> float:
        """Return how full this process is, 0 to 1: by peers or by packets, whichever is more.

        Packets are counted since the call before; call it about once a second.
        """
        forwarded = self._core.counters.packets_forwarded
        rate = self._forwarding.read(forwarded, self._clock.now())
        by_peers = len(self._peers.by_id) / self._config.max_peers
        return min(1.0, max(by_peers, rate / self._config.packets_per_second))

    def figures(self) -> dict[str, int]:
        """Return ``stats``, and what all tracks and participants do together."""
        return {**self.stats(), **self._core.figures(self._clock.now()), **self._counts_also()}

    def count_also(self, read: Callable[[], dict[str, int]]) -> None:
        """Give these figures out with the relay's own: a recorder's."""
        self._counts_also = read

    def stats(self) -> dict[str, int]:
        """Return gauges (``rooms``, ``peers``, ``tasks``) and counters that only grow."""
        return {
            "rooms": len(self._peers.rooms),
            "peers": len(self._peers.by_id),
            "tasks": self._peers.tasks,
            "peers_gone": self._peers.gone,
            "commands_refused": self._commands_refused,
            "handshakes_failed": self._peers.handshakes_failed,
            "connections_failed": self._peers.connections_failed,
            "dtls_dropped": self._peers.dtls_dropped,
            **self._piping.stats(),
            **self._sockets.counters(),
            **dataclasses.asdict(self._core.counters),
        }
