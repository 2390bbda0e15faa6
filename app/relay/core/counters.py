"""What the relay counted since it started: plain integers that only grow."""

from dataclasses import dataclass


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
    """RTX packets that nothing asked for: empty probes, and repeats of what had come."""
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
    """Packets that subscribers asked for again."""
    nacks_unanswered: int = 0
    """Of these: no longer in the ring, asked for too often, or over the rate limit."""
    packets_repeated: int = 0
    bytes_repeated: int = 0
    nacks_sent: int = 0
    """Packets that the relay asked publishers for again."""
    packets_recovered: int = 0
    """Of these: came."""
    probes_sent: int = 0
    probe_bytes: int = 0
    temporal_dropped: int = 0
    """Packets left out of a line because of their temporal layer."""
    layer_switches: int = 0
    transport_feedback_sent: int = 0
    transport_feedback_received: int = 0
    transport_feedback_passed: int = 0
    """Not opened, because that link was calm."""
    pipe_packets_received: int = 0
    """Media from other relays."""
    lines_spliced: int = 0
    peers_moved: int = 0
