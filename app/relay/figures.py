"""What a relay says of itself: its load, a room's media, its counters."""

from app.relay.core.counters import RoomStats
from app.relay.messages import RoomDescribed, TrackDescribed
from app.relay.udp import UdpEndpoint

SPAN_SECONDS = 0.5
"""Packets are counted over at least this long: the registry asks about once a second."""


class LoadMeter:
    """How full a relay is, 0 to 1: by peers or by packets forwarded, whichever is more."""

    def __init__(self, max_peers: int, packets_per_second: int, now: float) -> None:
        self._max_peers = max_peers
        self._capacity = packets_per_second
        self._mark = (now, 0)
        self._rate = 0.0

    def read(self, peers: int, forwarded: int, now: float) -> float:
        """Return the load, with the packets since the reading before."""
        since, before = self._mark
        if now - since >= SPAN_SECONDS:
            self._rate = (forwarded - before) / (now - since)
            self._mark = (now, forwarded)
        return min(1.0, max(peers / self._max_peers, self._rate / self._capacity))


def describe_room(stats: RoomStats) -> RoomDescribed:
    """Return a room's figures as the message that answers ``DescribeRoom``."""
    return RoomDescribed(
        participants=stats.participants,
        connected=stats.connected,
        tracks=[
            TrackDescribed(
                source=track.source,
                codec=track.codec,
                packets=track.packets,
                bytes=track.bytes,
                active=track.active,
            )
            for track in stats.tracks
        ],
        packets_forwarded=stats.packets_forwarded,
    )


def endpoint_counters(endpoint: UdpEndpoint) -> dict[str, int]:
    """Return the media socket's counters, each with the prefix ``udp_``."""
    return {
        "udp_datagrams_read": endpoint.datagrams_read,
        "udp_datagrams_sent": endpoint.datagrams_sent,
        "udp_bursts_sent": endpoint.bursts_sent,
        "udp_singles_sent": endpoint.singles_sent,
        "udp_would_block": endpoint.would_block,
        "udp_send_errors": endpoint.send_errors,
        "udp_receive_errors": endpoint.receive_errors,
        "udp_oversize": endpoint.oversize,
    }
