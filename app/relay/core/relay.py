"""The relay's sans-IO core: fed datagrams and ``now``, it sends through one callable.

The shell (``relay.service`` and ``relay.udp``) owns the socket, DTLS and one timer. After every
call that takes ``now`` it must drain ``take_dtls`` and ``take_events`` and re-arm its timer with
``next_timer``. The core holds no clock, no task and no lock: one thread calls it.
"""

from collections.abc import Sequence

from app.core.ids import PeerId, RoomId
from app.relay.core.batch import Batch
from app.relay.core.burst import BurstSender
from app.relay.core.control import Control
from app.relay.core.counters import Counters
from app.relay.core.events import Event, GoneReason, PeerConnected, PeerGone, PresenterWaits
from app.relay.core.figures import peer_stats
from app.relay.core.intake import Intake, Tables
from app.relay.core.media import Address, IceCredentials, MediaPlan, Role, SrtpKeys
from app.relay.core.peer import Peer
from app.relay.core.pipe import Pipe, PipePath
from app.relay.core.pipe_table import Entry
from app.relay.core.room import Room
from app.relay.core.schedule import Schedule
from app.relay.core.sources import media_addresses
from app.relay.core.srtp import check_keys
from app.relay.core.stats import PeerStats, RoomStats
from app.relay.core.tap import Listener, Taps
from app.relay.core.totals import Figures, count_peer, describe
from app.relay.core.transmit import Transmit


class Relay:
    """All rooms and peers of one relay process.

    Guarantees that no datagram makes ``receive`` raise, that work per call is bounded by the
    datagrams handed in times the subscribers, and that nothing is sent to an address which no
    STUN check with the peer's own password has validated.
    """

    def __init__(self, transmit: Transmit) -> None:
        self.counters = Counters()
        self._gone: Figures = Figures()
        """What was counted of the peers that are gone."""
        self._sender = BurstSender(transmit, self.counters)
        self._batch = Batch()
        tables = Tables()
        self._pipes = tables.pipes
        self._rooms = tables.rooms
        self._peers = tables.peers
        self._by_ufrag = tables.by_ufrag
        self._by_address = tables.by_address
        self._events: list[Event] = []
        self._intake = Intake(tables, self._sender, self.counters, self)
        self._schedule = Schedule()
        self._taps = Taps()
        self.control = Control(tables.peers, tables.rooms, self.serve)
        """What is decided of media while it flows."""

    # Peers -----------------------------------------------------------------------------------

    def add_peer(
        self,
        room: RoomId,
        peer: PeerId,
        role: Role,
        plan: MediaPlan,
        local: IceCredentials,
        remote: IceCredentials,
        now: float,
    ) -> None:
        """Let ``peer`` connect to ``room``, which is made if it is new.

        The SSRCs of send sections should be the same for every peer of a room (for example a
        function of room, kind and source): subscribers share one rewritten line only when SSRC,
        payload types and extension ids agree. Within one peer they must differ.

        A new presenter takes the place of the old one when its keys are set; until then the old
        one's media flows. Raises ValueError if the peer or the local ufrag exists already, or
        for a plan whose SSRCs are not distinct.
        """
        if peer in self._peers or local.ufrag in self._by_ufrag:
            raise ValueError("this peer or ufrag is here already")
        made = Peer.create(room, peer, role, plan, local, remote, now)
        self._peers[peer] = made
        self._by_ufrag[local.ufrag] = made
        home = self._room(room)
        home.pipes.dismiss(peer)  # it published elsewhere, and has come here
        home.peers[peer] = made
        self._schedule.start(now)

    def _room(self, ident: RoomId) -> Room:
        home = self._rooms.get(ident)
        if home is None:
            home = Room(ident, self._sender, self.counters, self._batch, self.happened)
            home.tap = self._taps.of(ident)
            self._rooms[ident] = home
        return home

    def restart_ice(
        self, peer: PeerId, local: IceCredentials, remote: IceCredentials, now: float
    ) -> None:
        """Accept a second pair of credentials; the old pair ends with the new one's first use.

        Raises KeyError for an unknown peer, ValueError for a ufrag in use.
        """
        known = self._peers[peer]
        if local.ufrag in self._by_ufrag:
            raise ValueError("this ufrag is here already")
        void = known.ice.restart(local, remote)
        # A peer that restarts is alive: its new path may need longer than consent has left.
        known.ice.last_heard = now
        if void is not None:
            self._by_ufrag.pop(void, None)
        self._by_ufrag[local.ufrag] = known

    def set_keys(self, peer: PeerId, keys: SrtpKeys, now: float) -> None:
        """Let media flow: call it once, when DTLS is done. Raises KeyError for an unknown peer.

        Raises ValueError when a key or salt has the wrong length for its profile, and when the
        peer has keys already: a line goes on counting, so its keys cannot be exchanged.
        """
        known = self._peers[peer]
        check_keys(keys)
        if known.sender is not None:
            raise ValueError("this peer has its keys")
        known.take_keys(keys, self.counters)
        if known.ice.selected is not None:
            self.connect(known, now)

    def connect(self, peer: Peer, now: float) -> None:
        """Let the media of a peer with an address and keys flow (for ``Intake``)."""
        peer.is_connected = True
        self.happened(PeerConnected(peer.room, peer.id))
        room = self._rooms[peer.room]
        replaced = room.connect(peer, now)
        if replaced is not None and peer.keeps_former:
            self.control.demote(replaced, now)
            self.happened(PresenterWaits(room.id, replaced.id))
        elif replaced is not None:
            self._drop(replaced, "replaced")
        self.serve(room, now)

    def serve(self, room: Room, now: float) -> None:
        """Send what is due to the room's publishers (for ``Intake``), and note what is left."""
        self._schedule.served(room, room.serve(now))

    def remove_peer(self, peer: PeerId) -> bool:
        """Forget ``peer``; return False if it was not there. Emits no event."""
        known = self._peers.pop(peer, None)
        if known is None:
            return False
        for ufrag in known.ice.ufrags:
            self._by_ufrag.pop(ufrag, None)
        for address in known.ice.addresses:
            if self._by_address.get(address) is known:
                del self._by_address[address]
        count_peer(known, self._gone)
        room = self._rooms[known.room]
        room.disconnect(known)
        self._free(room)
        return True

    def _drop(self, peer: Peer, reason: GoneReason) -> None:
        self.remove_peer(peer.id)
        self.happened(PeerGone(peer.room, peer.id, reason))

    def _free(self, room: Room) -> None:
        if room.is_empty:
            del self._rooms[room.id]
            self._schedule.forget(room.id)

    def remove_room(self, room: RoomId) -> list[PeerId]:
        """Forget the room and return the peers that went with it. Emits no event."""
        known = self._rooms.get(room)
        peers = list(known.peers) if known is not None else []
        for peer in peers:
            self.remove_peer(peer)
        return peers

    # Pipes -----------------------------------------------------------------------------------

    def add_pipe(
        self, room: RoomId, ident: str, path: PipePath, now: float, *, leads_up: bool
    ) -> None:
        """Join ``room``, which is made if it is new, to the same room on another relay.

        ``leads_up``: that relay is nearer to the presenter's. The pipes of a room must make a tree.
        ``PipeJoined`` tells when something came by it, ``PipeGone`` when it is dead. Raises
        ValueError for an id that is here already, and for keys that are not AES-GCM's.
        """
        if self._pipes.get(ident) is not None:
            raise ValueError("this pipe is here already")
        check_keys(path.keys)
        pipe = Pipe(ident, room, path, leads_up, self._sender.send_control, now)
        former = self._by_address.pop(path.address, None)
        if former is not None:  # a client is not where another relay is
            former.ice.forget(path.address)
        home = self._room(room)
        self._pipes.add(Entry(pipe, home))
        home.pipes.add(pipe, now)
        self._schedule.start(now)
        self.serve(home, now)

    def remove_pipe(self, ident: str, now: float) -> bool:
        """Close a pipe and tell the other relay; False if it was not there. Emits no event."""
        entry = self._pipes.remove(ident)
        if entry is None:
            return False
        room = self._rooms[entry.room.id]
        room.pipes.remove(entry.pipe, now)
        self.serve(room, now)
        self._free(room)
        return True

    # Input -----------------------------------------------------------------------------------

    def receive(
        self, datagrams: Sequence[tuple[memoryview | bytearray, Address]], now: float
    ) -> None:
        """Take one wake-up's datagrams, in the order of arrival. Never raises for their content.

        The buffers are only read, and may be reused when the call returns.
        """
        self._intake.receive(datagrams, now)

    def media_addresses(self) -> set[Address]:
        """As ``sources.media_addresses``."""
        return media_addresses(self._peers.values(), self._pipes)

    # Time ------------------------------------------------------------------------------------

    def handle_timer(self, now: float) -> None:
        """Do what is due. Safe to call early or late."""
        is_tick, is_report = self._schedule.turn(now)
        if is_tick:
            for peer in list(self._peers.values()):
                reason = peer.overdue(now)
                if reason is not None:
                    self._drop(peer, reason)
        for room in list(self._rooms.values()) if is_tick else self._schedule.asking():
            try:
                if is_tick:
                    room.tick(now)
                if is_report:
                    room.report(now)
                self.serve(room, now)
            except Exception as error:  # noqa: BLE001 (one room must not cost the others)
                self._intake.contain(error)
        if not self._rooms:
            self._schedule.stop()

    def next_timer(self) -> float | None:
        """Return when ``handle_timer`` wants to be called next, or None for never."""
        return self._schedule.next_timer()

    # DTLS ------------------------------------------------------------------------------------

    def take_dtls(self) -> list[tuple[PeerId, bytes]]:
        """Return the DTLS datagrams that came from validated addresses since the last call."""
        return self._intake.take_dtls()

    def send_dtls(self, peer: PeerId, data: bytes) -> bool:
        """Send one DTLS datagram to the peer's selected address; False if that was not possible."""
        known = self._peers.get(peer)
        if known is None or known.ice.selected is None:
            return False
        return self._sender.send_control(data, known.ice.selected)

    # Output ----------------------------------------------------------------------------------

    def happened(self, event: Event) -> None:
        """Keep ``event`` for ``take_events`` (for ``Intake``)."""
        self._events.append(event)

    def take_events(self) -> list[Event]:
        """Return what happened since the last call, in order."""
        taken, self._events = self._events, []
        return taken

    def listen(self, room: RoomId, listener: Listener | None) -> None:
        """Hand every source's packets in ``room`` to ``listener``, from now on and also when the
        room is made anew; None ends it (``tap.Tap``)."""
        self._taps.put(room, listener)
        home = self._rooms.get(room)
        if home is not None:
            home.tap = self._taps.of(room)

    def stats(self, room: RoomId, now: float) -> RoomStats | None:
        """Describe a room, or return None if there is no such room."""
        known = self._rooms.get(room)
        return known.stats(now) if known is not None else None

    def figures(self, now: float) -> dict[str, int]:
        """Describe all tracks and participants together; names carry their labels (``totals``)."""
        return dict(describe(self._peers.values(), self._gone, now))

    def peer_stats(self, peer: PeerId, now: float) -> PeerStats | None:
        """Describe a peer, or return None if there is no such peer."""
        known = self._peers.get(peer)
        return peer_stats(known, now) if known is not None else None
