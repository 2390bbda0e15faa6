"""The peers of one relay process, from an admitted offer to the last thing freed."""

import asyncio
from collections.abc import Callable
from typing import Final, assert_never

import structlog

from app.core.clock import Clock
from app.core.errors import BadOffer, BadRequest, Unavailable
from app.core.ids import PeerId, RoomId
from app.core.tasks import Tasks
from app.relay.answers import RELAY_FULL, PeerOpened
from app.relay.commands import negotiate_command, permit, role_of
from app.relay.core.events import PeerConnected, PeerGone, PresenterWaits
from app.relay.core.relay import Relay
from app.relay.dtls import Association, Certificate, HandshakeFailed
from app.relay.messages import OpenPeer
from app.relay.negotiation.plan import Negotiation, keep_lines
from app.relay.notices import Observer, PeerLeft, SpeakerConnected
from app.relay.peer import Peer, Reach, new_credentials
from app.relay.room import Room
from app.relay.standby import Standby

log = structlog.get_logger(__name__)

CLOSE_SECONDS: Final = 1.0
"""How long ``close`` waits for the ends of the peers' DTLS tasks, which need one loop turn."""

SENDERS_RESERVE: Final = 64
"""Presenters and speakers that a relay takes beyond its ``max_peers``: a class that is back before
its presenter, on the one relay where that must be, would lock it out."""


class Peers:
    """Owned by ``service.RelayService``, which hands it offers and what the core says of peers.

    Guarantees that a peer which fails, falls silent, leaves or is closed is freed with everything
    it had, and its room with the last one. ``settle`` drains the core after whatever is done here
    by itself; ``changed`` hears of each room that a peer came to or left.
    """

    def __init__(
        self,
        max_peers: int,
        core: Relay,
        reach: Callable[[], Reach],
        changed: Callable[[RoomId], None],
        settle: Callable[[], None],
        observer: Observer | None,
        clock: Clock,
    ) -> None:
        self._max_peers = max_peers
        self._core = core
        self._reach = reach
        self._changed = changed
        self._settle = settle
        self._observer = observer
        self._clock = clock
        self._certificate = Certificate()
        self._standby = Standby(core, clock)
        self._tasks = Tasks("relay")
        self.rooms: dict[RoomId, Room] = {}
        """Those with a peer here. To be read only, as ``by_id`` is."""
        self.by_id: dict[PeerId, Peer] = {}
        self.gone = 0
        self.handshakes_failed = 0
        self.connections_failed = 0
        self.dtls_dropped = 0

    @property
    def tasks(self) -> int:
        """How many handshakes are going on."""
        return len(self._tasks)

    def count_in(self, room: RoomId) -> int:
        """Return how many peers of a room are here."""
        known = self.rooms.get(room)
        return len(known.peers) if known is not None else 0

    # Coming ----------------------------------------------------------------------------------

    def open(self, command: OpenPeer) -> PeerOpened:
        """Answer an offer of a new peer, or of one that is here. The caller need not settle.

        Raises Unavailable where there is no room for one more, StalePresenter, Conflict, BadRequest
        and BadOffer for what cannot be served.
        """
        known = self.by_id.get(command.peer)
        return self._admit(command) if known is None else self._answer_again(known, command)

    def _admit(self, command: OpenPeer) -> PeerOpened:
        reserve = 0 if command.role == "participant" else SENDERS_RESERVE
        if len(self.by_id) >= self._max_peers + reserve:
            raise Unavailable(RELAY_FULL)
        room = self.rooms.get(command.room) or Room(command.room)
        if command.role == "presenter":
            room.check_epoch(command.epoch)
        negotiation = negotiate_command(command, room)
        peer = Peer(room.id, command.peer, role_of(command), negotiation)
        now = self._clock.now()
        self._core.add_peer(room.id, peer.id, peer.role, peer.plan, peer.local, peer.remote, now)
        self.rooms[room.id] = room
        self.by_id[peer.id] = peer
        room.add(peer, command.epoch)
        self._standby.opened(room, peer, command)
        self._changed(room.id)
        permit(self._core, peer, command.publish, command.hear, now)
        peer.association = Association(
            self._certificate,
            peer.fingerprints,
            lambda data: self._core.send_dtls(peer.id, data),
            lambda: self._left(peer),
        )
        peer.handshake = self._tasks.start("handshake", lambda: self._handshake(peer))
        self._settle()
        return self._opened(peer, negotiation)

    def _answer_again(self, peer: Peer, command: OpenPeer) -> PeerOpened:
        """Answer an offer of a peer that is here: new credentials or sections, the same DTLS."""
        if peer.room != command.room or peer.role not in (command.role, role_of(command)):
            raise BadRequest("this peer is in another room or role")
        room = self.rooms[peer.room]
        if peer.role == "presenter":
            room.check_epoch(command.epoch)
        negotiation = negotiate_command(command, room)
        if negotiation.fingerprints != peer.fingerprints:
            raise BadOffer("a new certificate needs a new peer connection")
        plan = keep_lines(negotiation, peer.plan)
        if plan != peer.plan:
            self._core.control.change_plan(peer.id, plan, self._clock.now())
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

    # Their DTLS ------------------------------------------------------------------------------

    def take_dtls(self, ident: PeerId, data: bytes) -> None:
        """Take a DTLS datagram that came from a peer."""
        peer = self.by_id.get(ident)
        if peer is not None and peer.association is not None:
            peer.association.receive(data)

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
        self.handshakes_failed += 1
        self.connections_failed += 1

    # What the core says of them --------------------------------------------------------------

    def happened(self, event: PeerConnected | PresenterWaits | PeerGone) -> None:
        """Take what the core says of a peer."""
        peer = self.by_id.get(event.peer)
        match event:
            case PeerConnected():
                log.info("peer connected", room=event.room)
                if self._observer is not None and peer is not None and peer.role == "speaker":
                    self._observer(SpeakerConnected(room=event.room, peer=event.peer))
            case PresenterWaits():
                if peer is not None:
                    self._standby.stepped_back(peer)
            case PeerGone():
                if peer is not None:
                    # Whose handshake is still going on has never connected (seed row L35).
                    self.connections_failed += peer.handshake is not None
                    log.info("peer gone", room=peer.room, role=peer.role, reason=event.reason)
                    self._forget(peer)
            case _:
                assert_never(event)

    # Going -----------------------------------------------------------------------------------

    def close_peer(self, room: RoomId, ident: PeerId) -> None:
        """Free a peer, if it is in that room."""
        peer = self.by_id.get(ident)
        if peer is not None and peer.room == room:
            self._drop(peer)

    def close_room(self, ident: RoomId) -> None:
        """Free all peers of a room, and so the room."""
        room = self.rooms.get(ident)
        for peer in list(room.peers.values()) if room is not None else []:
            self._drop(peer)

    async def close(self) -> None:
        """Say goodbye to every peer and free it. Idempotent, done in about a second."""
        ending = [self._drop(peer) for peer in list(self.by_id.values())]
        pumps = [pump for pump in ending if pump is not None]
        if pumps:
            await asyncio.wait(pumps, timeout=CLOSE_SECONDS)
        await self._tasks.close()

    def _left(self, peer: Peer) -> None:
        """The peer closed its DTLS association: it is gone at once."""
        log.info("peer left", room=peer.room, role=peer.role)
        self._drop(peer)
        if self._observer is not None:
            self._observer(PeerLeft(room=peer.room, peer=peer.id, reason="closed"))

    def _drop(self, peer: Peer) -> asyncio.Future[None] | None:
        """Free a peer everywhere. Fenced: a newer peer of that id stays. Safe to repeat."""
        if self.by_id.get(peer.id) is not peer:
            return None
        ending = self._forget(peer)
        self._core.remove_peer(peer.id)
        self._settle()
        return ending

    def _forget(self, peer: Peer) -> asyncio.Future[None] | None:
        """Free what the shell keeps of a peer, and its room if that was the last one."""
        del self.by_id[peer.id]
        room = self.rooms.get(peer.room)
        if room is not None:
            room.peers.pop(peer.id, None)
            self._standby.left(room, peer)
            if not room.peers:
                del self.rooms[room.id]
            self._changed(peer.room)
        if peer.association is not None:
            self.dtls_dropped += peer.association.dropped
        self.gone += 1
        return peer.close()
