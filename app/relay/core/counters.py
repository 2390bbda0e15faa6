"""What the relay counted since it started: plain integers that only grow."""

from dataclasses import dataclass

from app.relay.core.media import SourceName


@dataclass(slots=True)
class Counters:
    """Of a whole relay. Datagrams that were dropped are counted once, by the reason."""

    datagrams_received: int = 0
    bytes_received: int = 0
    rtp_received: int = 0
    rtcp_received: int = 0
    stun_received: int = 0
    dtls_received: int = 0

    dropped_empty: int = 0
    dropped_oversize: int = 0
    """Larger than any packet that the relay forwards."""
    dropped_unclassified: int = 0
    """A first byte that RFC 7983 gives to nobody here."""
    dropped_unknown_address: int = 0
    """Media or DTLS from an address that no STUN check has validated."""
    dropped_no_keys: int = 0
    """Media before the DTLS handshake was done."""
    dropped_malformed: int = 0
    dropped_unauthentic: int = 0
    dropped_replayed: int = 0
    dropped_not_presenter: int = 0
    """RTP from a participant."""
    dropped_unknown_track: int = 0
    """An SSRC or payload type that fits no section, or one SSRC too many."""
    dropped_retransmission: int = 0
    """RTX packets, which nothing asks for yet."""
    dropped_dtls_overflow: int = 0
    dropped_late: int = 0
    """Of a source that a line has already left, or older than a line's start."""
    stun_refused: int = 0
    stun_role_conflicts: int = 0
    errors: int = 0
    """Exceptions contained in ``receive`` or ``handle_timer``: each is a defect."""

    packets_forwarded: int = 0
    bytes_forwarded: int = 0
    bursts_sent: int = 0
    codec_mismatch: int = 0
    """Packets that a line could not carry because its section has no such codec."""
    send_dropped: int = 0
    """Media packets not sent because the kernel's buffer was full (EAGAIN)."""
    control_dropped: int = 0
    """STUN, DTLS and RTCP datagrams not sent for the same reason."""
    seal_failed: int = 0
    keyframe_requests_received: int = 0
    keyframe_requests_sent: int = 0
    nacks_received: int = 0
    """NACKed packets that subscribers asked for (no repeats are sent yet)."""
    lines_spliced: int = 0
    peers_moved: int = 0


@dataclass(frozen=True, slots=True)
class TrackStats:
    """One track of a room's presenter."""

    source: SourceName
    codec: str
    ssrc: int
    packets: int
    bytes: int
    lost: int
    active: bool
    """A packet came in the last two seconds."""


@dataclass(frozen=True, slots=True)
class RoomStats:
    """One room at one moment."""

    participants: int
    connected: int
    """Participants with an address and SRTP keys."""
    presenter_connected: bool
    tracks: tuple[TrackStats, ...]
    packets_forwarded: int
