"""What the core tells the shell, as values; fetched by ``Relay.take_events``."""

from dataclasses import dataclass
from typing import Literal

from app.core.ids import PeerId, RoomId
from app.relay.core.media import Address, SourceName

GoneReason = Literal["silent", "handshake", "replaced"]
"""``silent``: nothing authentic for 30 s (or never). ``handshake``: reachable, but no SRTP keys
after 10 s. ``replaced``: a newer presenter's media flows."""
PipeGoneReason = Literal["silent", "left"]
"""``silent``: nothing authentic for two seconds. ``left``: the other relay closed it."""
MutedBy = Literal["owner", "presenter"]


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
class PresenterWaits:
    """A presenter was replaced by one that keeps it: it stays, and is not heard."""

    room: RoomId
    peer: PeerId


@dataclass(frozen=True, slots=True)
class TrackStarted:
    """The first packet of a source came from somebody who may publish it (or came again, after
    ``TrackStopped``)."""

    room: RoomId
    peer: PeerId
    source: SourceName
    codec: str


@dataclass(frozen=True, slots=True)
class TrackStopped:
    """A source that had started sends no more.

    ``silent``: nothing for two seconds. ``left``: its peer is gone or was replaced. ``withdrawn``:
    its right to publish was taken.
    """

    room: RoomId
    peer: PeerId
    source: SourceName
    reason: Literal["silent", "left", "withdrawn"]


@dataclass(frozen=True, slots=True)
class TrackMuted:
    """``Relay.mute`` changed whether a source reaches anybody. ``by``: who holds it muted now."""

    room: RoomId
    peer: PeerId
    source: SourceName
    by: frozenset[MutedBy]


@dataclass(frozen=True, slots=True)
class SectionBound:
    """A subscriber's spare section carries this track from now on (None: nobody's)."""

    room: RoomId
    peer: PeerId
    mid: str
    owner: PeerId | None
    source: SourceName | None


@dataclass(frozen=True, slots=True)
class LayerChanged:
    """What a subscriber's video section gets changed by its link, its window or a wish.

    ``layer`` is 0 for the smallest simulcast stream; ``temporal`` the highest temporal layer sent;
    -1 is a slide show: keyframes alone.
    """

    room: RoomId
    peer: PeerId
    mid: str
    layer: int
    temporal: int
    is_paused: bool
    """By congestion or a bound of its own: audio goes on. It comes back by itself."""


@dataclass(frozen=True, slots=True)
class BandwidthAlert:
    """A section that named what it needs gets less than that, or enough again."""

    room: RoomId
    peer: PeerId
    mid: str
    is_short: bool
    available_bps: int


@dataclass(frozen=True, slots=True)
class LayersWanted:
    """Which simulcast streams of a source anybody watches: its client may stop the others.

    At most once a second per source. Empty ``rids``: nobody watches this source at all.
    """

    room: RoomId
    peer: PeerId
    source: SourceName
    rids: tuple[str, ...]
    """Names of the watched streams; without simulcast ``("",)`` or nothing."""


@dataclass(frozen=True, slots=True)
class SpeakerChanged:
    """Who speaks (RFC 6464 levels); None: nobody for a second. At most 3/s per room."""

    room: RoomId
    peer: PeerId | None


@dataclass(frozen=True, slots=True)
class Levels:
    """How loud the microphones are, the loudest first; at most 3/s per room, only on change."""

    room: RoomId
    levels: tuple[tuple[PeerId, int], ...]
    """(peer, dBov): 0 is the loudest, -127 is silence."""


@dataclass(frozen=True, slots=True)
class PipeJoined:
    """Something authentic came by a pipe: media may flow."""

    room: RoomId
    pipe: str


@dataclass(frozen=True, slots=True)
class PipeGone:
    """A pipe is dead. Its streams stay, silent, until the shell removes it (``remove_pipe``)."""

    room: RoomId
    pipe: str
    reason: PipeGoneReason


Event = (
    PeerReachable
    | PeerConnected
    | PeerMoved
    | PeerGone
    | PresenterWaits
    | TrackStarted
    | TrackStopped
    | TrackMuted
    | SectionBound
    | LayerChanged
    | BandwidthAlert
    | LayersWanted
    | SpeakerChanged
    | Levels
    | PipeJoined
    | PipeGone
)
