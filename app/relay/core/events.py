"""What the core tells the shell, as values; fetched by ``Relay.take_events``."""

from dataclasses import dataclass
from typing import Literal

from app.core.ids import PeerId, RoomId
from app.relay.core.media import Address, SourceName

GoneReason = Literal["silent", "handshake", "replaced"]
"""``silent``: nothing authentic for 30 s (or never). ``handshake``: reachable, but no SRTP keys
after 10 s. ``replaced``: a newer presenter's media flows."""


@dataclass(frozen=True, slots=True)
class PeerReachable:
    """The peer's first address was validated by a STUN check: DTLS may be answered from here on."""

    room: RoomId
    peer: PeerId
    address: Address


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """The peer has an address and SRTP keys: media flows."""

    room: RoomId
    peer: PeerId


@dataclass(frozen=True, slots=True)
class PeerMoved:
    """The peer's selected address changed (network switch, NAT rebinding, ICE restart)."""

    room: RoomId
    peer: PeerId
    address: Address


@dataclass(frozen=True, slots=True)
class PeerGone:
    """The core has removed the peer by itself; the shell frees what it keeps for it.

    Not sent for peers that the shell removed (``remove_peer``, ``remove_room``).
    """

    room: RoomId
    peer: PeerId
    reason: GoneReason


@dataclass(frozen=True, slots=True)
class TrackStarted:
    """The first packet of a presenter's track came."""

    room: RoomId
    peer: PeerId
    source: SourceName
    codec: str


Event = PeerReachable | PeerConnected | PeerMoved | PeerGone | TrackStarted
