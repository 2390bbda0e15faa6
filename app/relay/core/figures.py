"""Statistics read off the core's objects."""

from app.relay.core.peer import Peer
from app.relay.core.scene import Scene
from app.relay.core.stats import PeerStats, RoomStats, SectionStats, TrackStats
from app.relay.core.stream import Stream
from app.relay.core.subscription import Subscription
from app.relay.core.track import Track


def track_stats(stream: Stream, track: Track, now: float) -> TrackStats:
    reception = track.reception
    missing = track.missing
    return TrackStats(
        track.source,
        track.codec.key if track.codec else "",
        track.ssrc,
        reception.packets,
        reception.bytes,
        reception.lost,
        track.is_active(now),
        track.peer,
        track.rid,
        track.rates.up_to(3),
        reception.jitter / track.clock_rate,
        missing.recovered if missing else 0,
        missing.asked if missing else 0,
        track.keyframes_received,
        track.width,
        track.height,
        bool(stream.muted_by),
    )


def section_stats(one: Subscription) -> SectionStats:
    line = one.line
    track = line.track if line is not None else None
    layer, temporal, _ = one.shown
    rate = track.clock_rate if track is not None else 90_000 if one.is_video else 48_000
    return SectionStats(
        mid=one.section.mid,
        kind=one.section.kind,
        owner=track.peer if track is not None else None,
        source=track.source if track is not None else None,
        layer=layer,
        temporal=temporal,
        is_paused=one.is_off or one.is_starved,
        packets=one.sink.packets,
        bytes=one.sink.bytes,
        repeated=one.repeated,
        repeated_bytes=one.repeated_bytes,
        nacked=one.nacked,
        lost=one.lost,
        fraction_lost=one.fraction_lost,
        jitter_seconds=one.jitter / rate,
        keyframe_requests=one.keyframe_requests,
        freezes=one.freezes,
    )


def peer_stats(peer: Peer, now: float) -> PeerStats:
    publisher = peer.publisher
    return PeerStats(
        peer=peer.id,
        role=peer.role,
        is_connected=peer.is_connected,
        rtt_seconds=peer.downlink.rtt,
        estimate_bps=peer.downlink.estimate_bps,
        received=tuple(
            track_stats(stream, track, now)
            for stream in (publisher.streams.values() if publisher else ())
            for track in stream.layers
        ),
        sent=tuple(section_stats(one) for one in peer.subscriptions.values()),
        padding_bytes=peer.downlink.padding_bytes,
    )


def room_stats(room: Scene, forwarded: int, now: float) -> RoomStats:
    """Describe a room; ``forwarded`` is what was sent to those who left."""
    participants = [peer for peer in room.peers.values() if peer.role == "participant"]
    sinks = [one.sink for peer in room.peers.values() for one in peer.subscriptions.values()]
    publishers = [p.publisher for p in room.peers.values() if p.publisher and room.hears(p)]
    return RoomStats(
        len(participants),
        sum(peer.is_connected for peer in participants),
        room.presenter is not None,
        tuple(
            track_stats(stream, track, now)
            for publisher in publishers
            for stream in publisher.streams.values()
            for track in stream.layers
        ),
        forwarded + sum(sink.packets for sink in sinks),
    )
