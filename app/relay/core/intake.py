"""What comes in: each datagram to its peer and protocol, or dropped and counted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from app.core.ids import PeerId, RoomId
from app.relay.core import rtcp, rtp
from app.relay.core.batch import MAX_PACKET, STRIDE
from app.relay.core.burst import BurstSender
from app.relay.core.counters import Counters
from app.relay.core.demux import RTCP, RTP, DatagramKind, classify, is_sound_dtls
from app.relay.core.events import Event, PeerMoved, PeerReachable
from app.relay.core.ice import Outcome
from app.relay.core.media import Address
from app.relay.core.peer import Peer
from app.relay.core.pipe_table import PipeTable
from app.relay.core.publisher import Publisher
from app.relay.core.room import Room
from app.relay.core.srtp import ReplayedError, UnauthenticError
from app.relay.core.stun import read_check

log = structlog.get_logger(__name__)

ARENA_SLOTS = 256
"""Opened packets held at once; a larger wake-up is forwarded in several parts."""
TRANSPORT_FEEDBACK = 205
_FEEDBACK_HEADS = (0x8F, 0xAF)
"""First bytes of transport-wide feedback: version 2, format 15, with and without padding."""
MAX_DTLS_PENDING = 256
"""DTLS datagrams between two ``take_dtls``; further ones are dropped, their sender repeats them."""


@dataclass(slots=True)
class Tables:
    """Who is where; ``Relay`` fills them, ``Intake`` looks peers up and notes their addresses."""

    rooms: dict[RoomId, Room] = field(default_factory=dict)
    peers: dict[PeerId, Peer] = field(default_factory=dict)
    by_ufrag: dict[str, Peer] = field(default_factory=dict)
    by_address: dict[Address, Peer] = field(default_factory=dict)
    pipes: PipeTable = field(default_factory=PipeTable)


class Owner(Protocol):
    """What the intake asks of the relay."""

    def connect(self, peer: Peer, now: float) -> None: ...
    def serve(self, room: Room, now: float) -> None: ...
    def happened(self, event: Event) -> None: ...


class Intake:
    """Opens one wake-up's datagrams, then lets each room that got media forward it."""

    def __init__(
        self, tables: Tables, sender: BurstSender, counters: Counters, owner: Owner
    ) -> None:
        self._tables = tables
        self._by_address = tables.by_address
        self._sender = sender
        self._counters = counters
        self._owner = owner
        self._dtls: list[tuple[PeerId, bytes]] = []
        arena = memoryview(bytearray(ARENA_SLOTS * STRIDE))
        self._slots = [arena[n * STRIDE : (n + 1) * STRIDE] for n in range(ARENA_SLOTS)]
        self._used_slots = 0
        self._touched: dict[RoomId, Room] = {}

    def receive(
        self, datagrams: Sequence[tuple[memoryview | bytearray, Address]], now: float
    ) -> None:
        """Take one wake-up's datagrams, in the order of arrival. Never raises for their content.

        The buffers are only read, and may be reused when the call returns.
        """
        self._counters.datagrams_received += len(datagrams)
        find = self._by_address.get
        passed = passed_bytes = 0
        for data, source in datagrams:
            if len(data) > 1 and data[1] == TRANSPORT_FEEDBACK and data[0] in _FEEDBACK_HEADS:
                peer = find(source)
                if peer is not None and now < peer.downlink.calm_until:
                    # Feedback alone (RFC 5506): opening each would cost as much as forwarding ten
                    # packets. A forged one only hides a true one for a moment.
                    passed += 1
                    passed_bytes += len(data)
                    continue
            try:
                self._take(data if type(data) is memoryview else memoryview(data), source, now)
            except Exception as error:  # noqa: BLE001 (one datagram must not cost the others)
                self.contain(error)
            if self._used_slots == ARENA_SLOTS:
                self._flush(now)
        if passed:
            self._passed_over(passed, passed_bytes)
        if self._touched or self._used_slots:
            self._flush(now)

    def _passed_over(self, datagrams: int, size: int) -> None:
        """Count what calm links said."""
        counters = self._counters
        counters.bytes_received += size
        counters.rtcp_received += datagrams
        counters.transport_feedback_passed += datagrams

    def contain(self, error: Exception) -> None:
        """Count an exception that was kept from the rest: each is a defect."""
        self._counters.errors += 1
        # Every datagram may fail: one line for the first, the second, the fourth, the eighth …
        if self._counters.errors & (self._counters.errors - 1) == 0:
            log.error("contained a failure", failures=self._counters.errors, exc_info=error)

    def _flush(self, now: float) -> None:
        touched, self._touched = self._touched, {}
        for room in touched.values():
            try:
                room.flush(now)
                self._owner.serve(room, now)
            except Exception as error:  # noqa: BLE001 (one room must not cost the others)
                self.contain(error)
        self._used_slots = 0

    def _take(self, data: memoryview, source: Address, now: float) -> None:
        counters = self._counters
        counters.bytes_received += len(data)
        kind = classify(data)
        if kind is RTP:
            self._take_rtp(data, source, now)
        elif kind is RTCP:
            self._take_rtcp(data, source, now)
        elif kind is DatagramKind.STUN:
            counters.stun_received += 1
            self._take_stun(data, source, now)
        elif kind is DatagramKind.DTLS:
            counters.dtls_received += 1
            self._take_dtls(data, source)
        elif kind is DatagramKind.EMPTY:
            counters.dropped_empty += 1
        else:
            counters.dropped_unclassified += 1

    def _take_stun(self, data: memoryview, source: Address, now: float) -> None:
        check = read_check(bytes(data))
        peer = self._tables.by_ufrag.get(check.ufrag) if check is not None else None
        if source not in self._tables.by_address and self._tables.pipes.is_of_pipe(source):
            peer = None  # a client is not where another relay is
        outcome = peer.ice.check(check, source, now) if peer is not None and check else None
        if peer is None or outcome is None:
            # No answer: it would tell a stranger which ufrags exist, and reflect his packets.
            self._counters.stun_refused += 1
            return
        self._sender.send_control(outcome.response, source)
        if outcome.admitted:
            self._admit(peer, source, outcome, now)
        else:
            self._counters.stun_role_conflicts += 1

    def _admit(self, peer: Peer, source: Address, outcome: Outcome, now: float) -> None:
        if outcome.retired_ufrag is not None:
            self._tables.by_ufrag.pop(outcome.retired_ufrag, None)
        if outcome.evicted is not None and self._tables.by_address.get(outcome.evicted) is peer:
            del self._tables.by_address[outcome.evicted]
        former = self._tables.by_address.get(source)
        if former is not None and former is not peer:
            former.ice.forget(source)
        self._tables.by_address[source] = peer
        if peer.reachable_since is None:
            peer.reachable_since = now
            self._owner.happened(PeerReachable(peer.room, peer.id, source))
            if peer.sender is not None:
                self._owner.connect(peer, now)
        elif outcome.moved:
            self._moved(peer, source)

    def _moved(self, peer: Peer, address: Address) -> None:
        self._counters.peers_moved += 1
        peer.follow_address()
        self._owner.happened(PeerMoved(peer.room, peer.id, address))

    # Media -----------------------------------------------------------------------------------

    def _take_rtp(self, data: memoryview, source: Address, now: float) -> None:
        counters = self._counters
        counters.rtp_received += 1
        peer = self._by_address.get(source)
        if peer is None or peer.receiver is None or len(data) > MAX_PACKET:
            self._take_strange(data, source, peer, now)
            return
        if peer.publisher is None:
            counters.dropped_not_presenter += 1
            return
        packet = rtp.parse(data)
        if packet is None:
            counters.dropped_malformed += 1
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
        packet.end = length
        if peer.ice.heard(source, now):
            self._moved(peer, source)
        if slot[0] & rtp.PADDED and not rtp.strip_padding(packet):
            counters.dropped_malformed += 1
            return
        self._used_slots += 1
        self._route(peer, peer.publisher, packet, now)

    def _route(self, peer: Peer, publisher: Publisher, packet: rtp.Packet, now: float) -> None:
        room = self._tables.rooms[peer.room]
        if not room.hears(peer):
            self._counters.dropped_not_presenter += 1
            return
        self._touched[room.id] = room
        words = publisher.layouts.find(packet).words
        if publisher.transport_id in words and peer.upstream is not None:
            peer.upstream.arrivals.add(packet.values[words[publisher.transport_id]], now)
        found = publisher.find(packet, now)
        if found is None:
            return
        stream, track = found
        if not stream.is_allowed:
            self._counters.dropped_not_presenter += 1
            return
        was_active = track.is_active(now)
        if not track.take(packet, now):
            self._counters.dropped_replayed += 1
            return
        if packet.is_repeat:
            self._counters.packets_recovered += 1
        room.touch(stream, track, was_active)

    def _take_strange(
        self, data: memoryview, source: Address, peer: Peer | None, now: float
    ) -> None:
        """Take what may have come from another relay; count the rest by why it is dropped."""
        if peer is None and self._tables.pipes:
            self._take_piped(data, source, now)
        elif len(data) > MAX_PACKET:
            self._counters.dropped_oversize += 1
        elif peer is None:
            self._counters.dropped_unknown_address += 1
        else:
            self._counters.dropped_no_keys += 1

    def _refuse(self, error: Exception) -> None:
        if isinstance(error, ReplayedError):
            self._counters.dropped_replayed += 1
        else:
            self._counters.dropped_unauthentic += 1

    def _take_piped(self, data: memoryview, source: Address, now: float) -> None:
        """Take what may have come from another relay."""
        pipes = self._tables.pipes
        if len(data) > MAX_PACKET:
            self._counters.dropped_oversize += 1
            return
        if classify(data) is RTCP:
            room = pipes.take_rtcp(data, source, self._counters, now)
        else:
            slot = self._slots[self._used_slots]
            room = pipes.take_rtp(data, source, slot, self._counters, now)
            self._used_slots += room is not None
        if room is not None:
            self._touched[room.id] = self._tables.rooms[room.id]

    def _take_rtcp(self, data: memoryview, source: Address, now: float) -> None:
        self._counters.rtcp_received += 1
        peer = self._by_address.get(source)
        if peer is None or peer.receiver is None or len(data) > MAX_PACKET:
            self._take_strange(data, source, peer, now)
            return
        try:
            plain = peer.receiver.open_rtcp(data)
        except (UnauthenticError, ReplayedError) as error:
            self._refuse(error)
            return
        if peer.ice.heard(source, now):
            self._moved(peer, source)
        compound = rtcp.parse(plain)
        if compound is None:
            self._counters.dropped_malformed += 1
            return
        room = self._tables.rooms[peer.room]
        room.take_feedback(peer, compound, now)
        self._touched[room.id] = room

    def _take_dtls(self, data: memoryview, source: Address) -> None:
        peer = self._tables.by_address.get(source)
        if peer is None:
            self._counters.dropped_unknown_address += 1
        elif not is_sound_dtls(data):
            self._counters.dropped_malformed += 1
        elif len(self._dtls) >= MAX_DTLS_PENDING:
            self._counters.dropped_dtls_overflow += 1
        else:
            self._dtls.append((peer.id, bytes(data)))

    def take_dtls(self) -> list[tuple[PeerId, bytes]]:
        """Return what came since the last call, in its order."""
        taken, self._dtls = self._dtls, []
        return taken
