"""Figures of rooms, tracks and participants at one moment, as values."""

from dataclasses import dataclass

from app.core.ids import PeerId
from app.relay.core.media import Kind, Role, SourceName


@dataclass(frozen=True, slots=True)
class TrackStats:
    """One stream that somebody publishes: a source, or one simulcast layer of it."""

    source: SourceName
    codec: str
    ssrc: int
    packets: int
    """Received, repeats not counted."""
    bytes: int
    """Of payload."""
    lost: int
    """Never received, not even as a repeat."""
    active: bool
    """A packet came in the last two seconds."""
    peer: PeerId
    rid: str = ""
    bitrate_bps: int = 0
    jitter_seconds: float = 0.0
    recovered: int = 0
    """Packets that came because the relay asked again."""
    nacks_sent: int = 0
    """Packets asked for again."""
    keyframes: int = 0
    width: int = 0
    """Of the last keyframe, where the codec tells; else 0."""
    height: int = 0
    is_muted: bool = False


@dataclass(frozen=True, slots=True)
class SectionStats:
    """One section that a subscriber receives by."""

    mid: str
    kind: Kind
    owner: PeerId | None
    """Whose track it carries now."""
    source: SourceName | None
    layer: int
    """0 is the smallest simulcast stream."""
    temporal: int
    is_paused: bool
    """By congestion or by the subscriber's wish."""
    packets: int
    """Sent first time; agrees with what left the socket."""
    bytes: int
    """Of sealed datagrams, IP and UDP headers not counted."""
    repeated: int
    """Packets sent again because of NACKs."""
    repeated_bytes: int
    nacked: int
    """Packets that were asked for again."""
    lost: int
    """As its receiver reports say."""
    fraction_lost: float
    """Of the last report, 0 to 1."""
    jitter_seconds: float
    keyframe_requests: int
    freezes: int
    """Times when video that should flow did not for half a second or more."""


@dataclass(frozen=True, slots=True)
class PeerStats:
    """One peer."""

    peer: PeerId
    role: Role
    is_connected: bool
    rtt_seconds: float | None
    """By its receiver reports; None until it sent one about a sender report of ours."""
    estimate_bps: int | None
    """What its link carries from us; None without feedback."""
    received: tuple[TrackStats, ...]
    """What it publishes."""
    sent: tuple[SectionStats, ...]
    """What it is sent."""
    padding_bytes: int = 0
    """Of probes."""


@dataclass(frozen=True, slots=True)
class RoomStats:
    """One room at one moment."""

    participants: int
    connected: int
    """Participants with an address and SRTP keys."""
    presenter_connected: bool
    tracks: tuple[TrackStats, ...]
    packets_forwarded: int
