"""A relay process: commands in, media through. The shell around the sans-IO core."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog
from pydantic import ValidationError

from app.core.clock import Clock
from app.core.errors import BadOffer, BadRequest, Internal, LecternError, NotFound, Unavailable
from app.core.ids import NodeId, PeerId, RoomId
from app.core.tasks import Tasks
from app.relay.commands import RoomCommands, negotiate_command, role_of
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
from app.relay.dtls import Association, Certificate, HandshakeFailed
from app.relay.messages import (
    COMMANDS,
    RELAY_FULL,
    Answer,
    ClosePeer,
    CloseRoom,
    Command,
    DescribeRoom,
    Done,
    OpenPeer,
    OpenPipe,
    PeerOpened,
    PipeOpened,
    Refused,
    RoomDescribed,
)
from app.relay.negotiation.plan import Negotiation, keep_lines
from app.relay.notices import Observer, PeerLeft, SpeakerConnected, notice_of
from app.relay.peer import Peer, Reach, new_credentials
from app.relay.pipe import Caller, Piping
from app.relay.places import Places
from app.relay.publisher_sockets import PublisherSockets
from app.relay.room import Room, describe_room
from app.relay.standby import Standby
from app.relay.tcp import StreamEndpoint
from app.relay.timers import RateMeter, WakeTimer
from app.relay.udp import UdpEndpoint

log = structlog.get_logger(__name__)

CLOSE_SECONDS: Final = 1.0
"""How long ``close`` waits for the ends of the peers' DTLS tasks, which need one loop turn."""

SENDERS_RESERVE: Final = 64
"""Presenters and speakers that a relay takes beyond its ``max_peers``: a class that is back before
its presenter, on the one relay where that must be, would lock it out."""

FREE_PORT_TRIES: Final = 32
"""A port that is free for UDP is often taken for TCP: by somebody's outgoing connection."""

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
        self._tasks = Tasks("relay")
        self._certificate = Certificate()
        self._streams = StreamEndpoint(clock, self._received, config.max_streams)
        self._endpoint = UdpEndpoint(
            clock,
            self._received,
            config.batch_datagrams,
            config.wake_seconds,
            config.socket_buffer_bytes,
            self._streams.transmit,
        )
        self._core = Relay(self._endpoint.sender)
        self._publishers = PublisherSockets(
            self._endpoint.reading, self._core.media_addresses, config.publisher_sockets
        )
        self._timer = WakeTimer(clock, self._timer_fired)
        self._rooms: dict[RoomId, Room] = {}
        self._peers: dict[PeerId, Peer] = {}
        self._standby = Standby(self._core, clock)
        self._commands = RoomCommands(
            self._core, self._rooms, self._peers, self._reach, self.figures, clock
        )
        self._piping = Piping(
            node,
            bus,
            places,
            self._core,
            self._pipe_reach,
            self._peers_in,
            self._let_go,
            self._piped,
            clock,
        )
        self._is_open = False
        self._forwarding = RateMeter(clock.now())
        self._commands_refused = 0
        self._handshakes_failed = 0
        self._connections_failed = 0
        self._dtls_dropped = 0
        self._peers_gone = 0
        self._counts_also: Callable[[], dict[str, int]] = dict

    @property
    def port(self) -> int:
        """The port that was bound."""
        return self._endpoint.port

    async def open(self) -> None:
        """Bind the media sockets and serve commands. Raises OSError where UDP cannot be bound."""
        await self._open_sockets()
        self._publishers.open()
        self._is_open = True
        self._bus.serve(self.handle)
        log.info("relay open", host=self._config.bind_host, port=self.port)

    async def _open_sockets(self) -> None:
        """Bind UDP, and TCP on the same number unless another program has that."""
        config = self._config
        tries = FREE_PORT_TRIES if config.bind_port == 0 else 1
        while True:
            self._endpoint.open(config.bind_host, config.bind_port)
            if not config.has_tcp:
                return
            try:
                await self._streams.open(config.bind_host, self.port)
            except OSError as error:
                tries -= 1
                if not tries:  # most clients need it not
                    log.error("no media over TCP", port=self.port, reason=error.strerror)  # noqa: TRY400
                    return
                self._endpoint.close()
            else:
                return

    async def close(self) -> None:
        """Say goodbye to every peer and free everything. Idempotent, done in about a second."""
        self._is_open = False
        ending = [self._drop(peer) for peer in list(self._peers.values())]
        pumps = [pump for pump in ending if pump is not None]
        if pumps:
            await asyncio.wait(pumps, timeout=CLOSE_SECONDS)
        await self._piping.close()
        self._timer.cancel()
        await self._tasks.close()
        self._streams.close()
        self._endpoint.close()

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
                return self._open_peer(command)
            case ClosePeer():
                return self._close_peer(command)
            case CloseRoom():
                return self._close_room(command)
            case DescribeRoom():
                return self._describe(command.room)
            case OpenPipe():
                return self._open_pipe(command)
            case _:
                answer = self._commands.execute(command)
                self._settle()
                return answer

    def _close_peer(self, command: ClosePeer) -> Done:
        peer = self._peers.get(command.peer)
        if peer is not None and peer.room == command.room:
            self._drop(peer)
        return Done()

    def _close_room(self, command: CloseRoom) -> Done:
        self._let_go(command.room)
        return Done()

    def _let_go(self, ident: RoomId) -> None:
        room = self._rooms.get(ident)
        for peer in list(room.peers.values()) if room is not None else []:
            self._drop(peer)

    def _open_pipe(self, command: OpenPipe) -> PipeOpened:
        opened = self._piping.serve(command)
        self._settle()
        return opened

    def _peers_in(self, ident: RoomId) -> int:
        room = self._rooms.get(ident)
        return len(room.peers) if room is not None else 0

    def _open_peer(self, command: OpenPeer) -> PeerOpened:
        self._endpoint.reading.hasten()
        known = self._peers.get(command.peer)
        if known is not None:
            return self._restart_peer(known, command)
        reserve = 0 if command.role == "participant" else SENDERS_RESERVE
        if len(self._peers) >= self._config.max_peers + reserve:
            raise Unavailable(RELAY_FULL)
        room = self._rooms.get(command.room) or Room(command.room)
        if command.role == "presenter":
            room.check_epoch(command.epoch)
        negotiation = negotiate_command(command, room)
        peer = Peer(room.id, command.peer, role_of(command), negotiation)
        self._core.add_peer(
            room.id, peer.id, peer.role, peer.plan, peer.local, peer.remote, self._clock.now()
        )
        self._rooms[room.id] = room
        self._peers[peer.id] = peer
        room.add(peer, command.epoch)
        self._standby.opened(room, peer, command)
        self._piping.note(room.id)
        self._commands.permit(peer, command.publish, command.hear)
        peer.association = Association(
            self._certificate,
            peer.fingerprints,
            lambda data: self._core.send_dtls(peer.id, data),
            lambda: self._left(peer),
        )
        peer.handshake = self._tasks.start("handshake", lambda: self._handshake(peer))
        self._settle()
        return self._opened(peer, negotiation)

    def _restart_peer(self, peer: Peer, command: OpenPeer) -> PeerOpened:
        """Answer an offer of a peer that is here: new credentials or sections, the same DTLS."""
        if peer.room != command.room or peer.role not in (command.role, role_of(command)):
            raise BadRequest("this peer is in another room or role")
        room = self._rooms[peer.room]
        if peer.role == "presenter":
            room.check_epoch(command.epoch)
        negotiation = negotiate_command(command, room)
        if negotiation.fingerprints != peer.fingerprints:
            raise BadOffer("a new certificate needs a new peer connection")
        plan = keep_lines(negotiation, peer.plan)
        if plan != peer.plan:
            self._core.change_plan(peer.id, plan, self._clock.now())
            peer.plan = plan
            peer.version += 1
            self._settle()
        if peer.is_restart(negotiation):
            local = new_credentials()
            self._core.restart_ice(peer.id, local, negotiation.remote, self._clock.now())
            peer.restarted(negotiation, local)
            self._settle()
        room.add(peer, command.epoch)
        return self._opened(peer, negotiation)

    def _opened(self, peer: Peer, negotiation: Negotiation) -> PeerOpened:
        return peer.answer(negotiation, self._certificate.fingerprint, self._reach())

    def _reach(self) -> Reach:
        return Reach(self._config.public_hosts, self.port, self._streams.is_open)

    def _pipe_reach(self) -> Reach:
        hosts = self._config.pipe_hosts or self._config.public_hosts
        return Reach(hosts, self.port, self._streams.is_open)

    def _describe(self, ident: RoomId) -> RoomDescribed:
        stats = self._core.stats(ident, self._clock.now())
        if stats is None:
            raise NotFound("this relay has no such room")
        return describe_room(stats)

    # Peers -----------------------------------------------------------------------------------

    async def _handshake(self, peer: Peer) -> None:
        """Wait for the peer's DTLS; the core ends what takes too long (``PeerGone``)."""
        if peer.association is None:
            return
        try:
            keys = await peer.association.handshake()
            self._core.set_keys(peer.id, keys, self._clock.now())
        except HandshakeFailed as error:
            self._failed()
            log.info("a peer's DTLS failed", room=peer.room, role=peer.role, reason=str(error))
            self._drop(peer)
        except Exception:
            self._failed()
            log.exception("a peer's DTLS crashed", room=peer.room, role=peer.role)
            self._drop(peer)
        else:
            peer.handshake = None
            self._settle()

    def _failed(self) -> None:
        self._handshakes_failed += 1
        self._connections_failed += 1

    def _left(self, peer: Peer) -> None:
        """The peer closed its DTLS association: it is gone at once."""
        log.info("peer left", room=peer.room, role=peer.role)
        self._drop(peer)
        if self._observer is not None:
            self._observer(PeerLeft(room=peer.room, peer=peer.id, reason="closed"))

    def _drop(self, peer: Peer) -> asyncio.Future[None] | None:
        """Free a peer everywhere. Fenced: a newer peer of that id stays. Safe to repeat."""
        if self._peers.get(peer.id) is not peer:
            return None
        ending = self._forget(peer)
        self._core.remove_peer(peer.id)
        self._settle()
        return ending

    def _forget(self, peer: Peer) -> asyncio.Future[None] | None:
        """Free what the shell keeps of a peer, and its room if that was the last one."""
        del self._peers[peer.id]
        room = self._rooms.get(peer.room)
        if room is not None:
            room.peers.pop(peer.id, None)
            self._standby.left(room, peer)
            if not room.peers:
                del self._rooms[room.id]
            self._piping.note(peer.room)
        if peer.association is not None:
            self._dtls_dropped += peer.association.dropped
        self._peers_gone += 1
        return peer.close()

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
            peer = self._peers.get(ident)
            if peer is not None and peer.association is not None:
                peer.association.receive(data)
        for event in self._core.take_events():
            self._happened(event)
        if self._is_open:
            self._timer.arm(self._core.next_timer())

    def _piped(self) -> None:
        """As ``_settle``, when a pipe was opened or closed."""
        self._settle()
        self._publishers.follow()

    def _happened(self, event: Event) -> None:
        notice = notice_of(event) if self._observer is not None else None
        if self._observer is not None and notice is not None:
            self._observer(notice)
        match event:
            case PeerGone():
                peer = self._peers.get(event.peer)
                if peer is not None:
                    # Whose handshake is still going on has never connected (seed row L35).
                    self._connections_failed += peer.handshake is not None
                    log.info("peer gone", room=peer.room, role=peer.role, reason=event.reason)
                    self._forget(peer)
            case PipeJoined() | PipeGone():
                self._piping.happened(event)
                self._publishers.follow()
            case PresenterWaits():
                peer = self._peers.get(event.peer)
                if peer is not None:
                    self._standby.stepped_back(peer)
            case PeerConnected():
                self._connected(event)
            case TrackStarted():
                log.info("track started", room=event.room, source=event.source, codec=event.codec)
                self._publishers.follow()
            case TrackStopped() | PeerMoved():
                self._publishers.follow()
            case _:
                return  # all there is to do about the others was to tell the observer

    def _connected(self, event: PeerConnected) -> None:
        log.info("peer connected", room=event.room)
        peer = self._peers.get(event.peer)
        if self._observer is not None and peer is not None and peer.role == "speaker":
            self._observer(SpeakerConnected(room=event.room, peer=event.peer))

    # Listening in ----------------------------------------------------------------------------

    @property
    def rooms(self) -> list[RoomId]:
        """The rooms that have a peer here."""
        return list(self._rooms)

    def listen(self, room: RoomId, listener: Listener | None) -> None:
        """As ``core.relay.Relay.listen``: for a recorder."""
        self._core.listen(room, listener)

    def ask_keyframe(self, peer: PeerId, ssrc: int) -> None:
        """Ask a publisher for a keyframe of one of its tracks."""
        self._core.ask_keyframe(peer, ssrc, self._clock.now())
        self._settle()

    # Figures ---------------------------------------------------------------------------------

    def load(self) -> float:
        """Return how full this process is, 0 to 1: by peers or by packets, whichever is more.

        Packets are counted since the call before; call it about once a second.
        """
        forwarded = self._core.counters.packets_forwarded
        rate = self._forwarding.read(forwarded, self._clock.now())
        by_peers = len(self._peers) / self._config.max_peers
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
            "rooms": len(self._rooms),
            "peers": len(self._peers),
            "tasks": len(self._tasks),
            "peers_gone": self._peers_gone,
            "commands_refused": self._commands_refused,
            "handshakes_failed": self._handshakes_failed,
            "connections_failed": self._connections_failed,
            "dtls_dropped": self._dtls_dropped,
            **self._piping.stats(),
            **self._endpoint.counters(),
            **self._streams.counters(),
            **dataclasses.asdict(self._core.counters),
        }
