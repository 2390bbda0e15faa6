"""The relay's sans-IO core: fed datagrams and ``now``, it sends through one callable.

The shell (``relay.service`` and ``relay.udp``) owns the socket, DTLS and one timer. After every
call that takes ``now`` it must drain ``take_dtls`` and ``take_events`` and re-arm its timer with
``next_timer``. The core holds no clock, no task and no lock: one thread calls it.
"""

from collections.abc import Sequence

import structlog

from app.core.ids import PeerId, RoomId
from app.relay.core import rtcp, rtp
from app.relay.core.batch import MAX_PACKET, STRIDE, Batch
from app.relay.core.burst import BurstSender, Transmit
from app.relay.core.counters import Counters, RoomStats
from app.relay.core.demux import DatagramKind, classify, is_sound_dtls
from app.relay.core.events import (
    Event,
    GoneReason,
    PeerConnected,
    PeerGone,
    PeerMoved,
    PeerReachable,
    TrackStarted,
)
from app.relay.core.ice import Outcome
from app.relay.core.media import Address, IceCredentials, MediaPlan, SrtpKeys
from app.relay.core.peer import Peer, Role
from app.relay.core.room import Room
from app.relay.core.srtp import ReplayedError, UnauthenticError, check_keys
from app.relay.core.stun import read_check

log = structlog.get_logger(__name__)

TICK_SECONDS = 0.5
"""How often silence is looked at: consent, stopped tracks, newcomers without a keyframe."""
REPORT_SECONDS = 1.0
HANDSHAKE_SECONDS = 10.0
"""From the first validated address to SRTP keys."""
ARENA_SLOTS = 256
"""Opened packets held at once; a larger wake-up is forwarded in several parts."""
MAX_DTLS_PENDING = 256
"""DTLS datagrams between two ``take_dtls``; further ones are dropped, their sender repeats them."""


class Relay:
    """All rooms and peers of one relay process.

    Guarantees that no datagram makes ``receive`` raise, that work per call is bounded by the
    datagrams handed in times the subscribers, and that nothing is sent to an address which no
    STUN check with the peer's own password has validated.
    """

    def __init__(self, transmit: Transmit) -> None:
        self.counters = Counters()
        self._sender = BurstSender(transmit, self.counters)
        self._batch = Batch()
        self._rooms: dict[RoomId, Room] = {}
        self._peers: dict[PeerId, Peer] = {}
        self._by_ufrag: dict[str, Peer] = {}
        self._by_address: dict[Address, Peer] = {}
        self._dtls: list[tuple[PeerId, bytes]] = []
        self._events: list[Event] = []
        arena = memoryview(bytearray(ARENA_SLOTS * STRIDE))
        self._slots = [arena[n * STRIDE : (n + 1) * STRIDE] for n in range(ARENA_SLOTS)]
        self._used_slots = 0
        self._touched: dict[RoomId, Room] = {}
        self._asking: dict[RoomId, Room] = {}
        """Rooms with a keyframe request that waits for its second."""
        self._next_tick: float | None = None
        self._next_report = 0.0

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
        home = self._rooms.get(room)
        if home is None:
            home = self._rooms[room] = Room(room, self._sender, self.counters, self._batch)
        home.peers[peer] = made
        if self._next_tick is None:
            self._next_tick = now + TICK_SECONDS

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
            self._connect(known, now)

    def _connect(self, peer: Peer, now: float) -> None:
        peer.is_connected = True
        self._events.append(PeerConnected(peer.room, peer.id))
        room = self._rooms[peer.room]
        replaced = room.connect(peer, now)
        if replaced is not None:
            self._drop(replaced, "replaced")
        self._request_keyframes(room, now)

    def _request_keyframes(self, room: Room, now: float) -> None:
        room.request_keyframes(now)
        if room.next_keyframe_request() is None:
            self._asking.pop(room.id, None)
        else:
            self._asking[room.id] = room

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
        room = self._rooms[known.room]
        room.disconnect(known)
        if not room.peers:
            del self._rooms[known.room]
            self._asking.pop(known.room, None)
        return True

    def remove_room(self, room: RoomId) -> list[PeerId]:
        """Forget the room and return the peers that went with it. Emits no event."""
        known = self._rooms.get(room)
        peers = list(known.peers) if known is not None else []
        for peer in peers:
            self.remove_peer(peer)
        return peers

    def _drop(self, peer: Peer, reason: GoneReason) -> None:
        self.remove_peer(peer.id)
        self._events.append(PeerGone(peer.room, peer.id, reason))

    # Input -----------------------------------------------------------------------------------

    def receive(
        self, datagrams: Sequence[tuple[memoryview | bytearray, Address]], now: float
    ) -> None:
        """Take one wake-up's datagrams, in the order of arrival. Never raises for their content.

        The buffers are only read, and may be reused when the call returns.
        """
        for data, source in datagrams:
            try:
                self._take(memoryview(data), source, now)
            except Exception as error:  # noqa: BLE001 (one datagram must not cost the others)
                self._contain(error)
            if self._used_slots == ARENA_SLOTS:
                self._flush(now)
        self._flush(now)

    def _contain(self, error: Exception) -> None:
        self.counters.errors += 1
        # Every datagram may fail: one line for the first, the second, the fourth, the eighth …
        if self.counters.errors & (self.counters.errors - 1) == 0:
            log.error("contained a failure", failures=self.counters.errors, exc_info=error)

    def _flush(self, now: float) -> None:
        touched, self._touched = self._touched, {}
        for room in touched.values():
            try:
                room.flush(now)
                self._request_keyframes(room, now)
            except Exception as error:  # noqa: BLE001 (one room must not cost the others)
                self._batch.count = 0
                self._contain(error)
        self._used_slots = 0

    def _take(self, data: memoryview, source: Address, now: float) -> None:
        counters = self.counters
        counters.datagrams_received += 1
        counters.bytes_received += len(data)
        kind = classify(data)
        if kind is DatagramKind.RTP:
            counters.rtp_received += 1
            self._take_rtp(data, source, now)
        elif kind is DatagramKind.STUN:
            counters.stun_received += 1
            self._take_stun(data, source, now)
        elif kind is DatagramKind.RTCP:
            counters.rtcp_received += 1
            self._take_rtcp(data, source, now)
        elif kind is DatagramKind.DTLS:
            counters.dtls_received += 1
            self._take_dtls(data, source)
        elif kind is DatagramKind.EMPTY:
            counters.dropped_empty += 1
        else:
            counters.dropped_unclassified += 1

    def _take_stun(self, data: memoryview, source: Address, now: float) -> None:
        check = read_check(bytes(data))
        peer = self._by_ufrag.get(check.ufrag) if check is not None else None
        outcome = peer.ice.check(check, source, now) if peer is not None and check else None
        if peer is None or outcome is None:
            # No answer: it would tell a stranger which ufrags exist, and reflect his packets.
            self.counters.stun_refused += 1
            return
        self._sender.send_control(outcome.response, source)
        if outcome.admitted:
            self._admit(peer, source, outcome, now)
        else:
            self.counters.stun_role_conflicts += 1

    def _admit(self, peer: Peer, source: Address, outcome: Outcome, now: float) -> None:
        if outcome.retired_ufrag is not None:
            self._by_ufrag.pop(outcome.retired_ufrag, None)
        if outcome.evicted is not None and self._by_address.get(outcome.evicted) is peer:
            del self._by_address[outcome.evicted]
        former = self._by_address.get(source)
        if former is not None and former is not peer:
            former.ice.forget(source)
        self._by_address[source] = peer
        if peer.reachable_since is None:
            peer.reachable_since = now
            self._events.append(PeerReachable(peer.room, peer.id, source))
            if peer.sender is not None:
                self._connect(peer, now)
        elif outcome.moved:
            self._moved(peer, source)

    def _moved(self, peer: Peer, address: Address) -> None:
        self.counters.peers_moved += 1
        peer.follow_address()
        self._events.append(PeerMoved(peer.room, peer.id, address))

    def _sealed_from(self, data: memoryview, source: Address) -> Peer | None:
        """Return the peer whose media may come from ``source``, or count why there is none."""
        if len(data) > MAX_PACKET:
            self.counters.dropped_oversize += 1
            return None
        peer = self._by_address.get(source)
        if peer is None:
            self.counters.dropped_unknown_address += 1
            return None
        if peer.receiver is None:
            self.counters.dropped_no_keys += 1
            return None
        return peer

    def _take_rtp(self, data: memoryview, source: Address, now: float) -> None:
        peer = self._sealed_from(data, source)
        if peer is None or peer.receiver is None:
            return
        if peer.publisher is None:
            self.counters.dropped_not_presenter += 1
            return
        packet = rtp.parse(data)
        if packet is None:
            self.counters.dropped_malformed += 1
            return
        slot = self._slots[self._used_slots]
        try:
            length, packet.index = peer.receiver.open_rtp(
                data, packet.payload, packet.ssrc, packet.sequence, slot
            )
        except (UnauthenticError, ReplayedError) as error:
            self._refuse(error)
            return
        packet.data = slot[:length]
        self._heard(peer, source, now)
        if not rtp.strip_padding(packet):
            self.counters.dropped_malformed += 1
            return
        self._used_slots += 1
        self._route(peer, packet, now)

    def _route(self, peer: Peer, packet: rtp.Packet, now: float) -> None:
        room = self._rooms[peer.room]
        if peer.publisher is None or room.presenter is not peer:
            self.counters.dropped_not_presenter += 1
            return
        track = peer.publisher.find(packet, now)
        if track is None:
            return
        track.take(packet, now)
        self._touched[room.id] = room
        if len(track.pending) == 1 and room.touch(track) and track.reception.packets == 1:
            codec = track.codec.key if track.codec else ""
            self._events.append(TrackStarted(peer.room, peer.id, track.source, codec))

    def _refuse(self, error: Exception) -> None:
        if isinstance(error, ReplayedError):
            self.counters.dropped_replayed += 1
        else:
            self.counters.dropped_unauthentic += 1

    def _heard(self, peer: Peer, source: Address, now: float) -> None:
        if peer.ice.heard(source, now):
            self._moved(peer, source)

    def _take_rtcp(self, data: memoryview, source: Address, now: float) -> None:
        peer = self._sealed_from(data, source)
        if peer is None or peer.receiver is None:
            return
        try:
            plain = peer.receiver.open_rtcp(data)
        except (UnauthenticError, ReplayedError) as error:
            self._refuse(error)
            return
        self._heard(peer, source, now)
        compound = rtcp.parse(plain)
        if compound is None:
            self.counters.dropped_malformed += 1
            return
        room = self._rooms[peer.room]
        room.take_feedback(peer, compound, now)
        self._touched[room.id] = room

    def _take_dtls(self, data: memoryview, source: Address) -> None:
        peer = self._by_address.get(source)
        if peer is None:
            self.counters.dropped_unknown_address += 1
        elif not is_sound_dtls(data):
            self.counters.dropped_malformed += 1
        elif len(self._dtls) >= MAX_DTLS_PENDING:
            self.counters.dropped_dtls_overflow += 1
        else:
            self._dtls.append((peer.id, bytes(data)))

    # Time ------------------------------------------------------------------------------------

    def handle_timer(self, now: float) -> None:
        """Do what is due. Safe to call early or late."""
        is_tick = self._next_tick is not None and now >= self._next_tick
        is_report = is_tick and now >= self._next_report
        if is_tick:
            self._next_tick = now + TICK_SECONDS
            for peer in list(self._peers.values()):
                self._look_after(peer, now)
        if is_report:
            self._next_report = now + REPORT_SECONDS
        for room in list((self._rooms if is_tick else self._asking).values()):
            try:
                if is_tick:
                    room.tick(now)
                if is_report:
                    room.report(now)
                self._request_keyframes(room, now)
            except Exception as error:  # noqa: BLE001 (one room must not cost the others)
                self._contain(error)
        if not self._peers:
            self._next_tick = None

    def _look_after(self, peer: Peer, now: float) -> None:
        since = peer.reachable_since
        if peer.ice.is_silent(now):
            self._drop(peer, "silent")
        elif peer.sender is None and since is not None and now - since >= HANDSHAKE_SECONDS:
            self._drop(peer, "handshake")

    def next_timer(self) -> float | None:
        """Return when ``handle_timer`` wants to be called next, or None for never."""
        if self._next_tick is None:
            return None
        due = self._next_tick
        for room in self._asking.values():
            wanted = room.next_keyframe_request()
            if wanted is not None and wanted < due:
                due = wanted
        return due

    # DTLS ------------------------------------------------------------------------------------

    def take_dtls(self) -> list[tuple[PeerId, bytes]]:
        """Return the DTLS datagrams that came from validated addresses since the last call."""
        taken, self._dtls = self._dtls, []
        return taken

    def send_dtls(self, peer: PeerId, data: bytes) -> bool:
        """Send one DTLS datagram to the peer's selected address; False if that was not possible."""
        known = self._peers.get(peer)
        if known is None or known.ice.selected is None:
            return False
        return self._sender.send_control(data, known.ice.selected)

    # Output ----------------------------------------------------------------------------------

    def take_events(self) -> list[Event]:
        """Return what happened since the last call, in order."""
        taken, self._events = self._events, []
        return taken

    def stats(self, room: RoomId, now: float) -> RoomStats | None:
        """Describe a room, or return None if there is no such room."""
        known = self._rooms.get(room)
        return known.stats(now) if known is not None else None
