"""What a whole relay's tracks and participants do, by kind and source: figures with few labels.

A series for each room, track or person would grow without end and name people; an operator asks
how many have trouble and how much flows, and a lecture's owner sees each by the event ``stats``.
So counters are summed by kind (what is sent) and by source (what is received), those of peers that
are gone included, and participants are counted into buckets (docs/decisions/0081).
"""

from collections import Counter
from collections.abc import Iterable

from app.relay.core.peer import Peer

RTT_MS = (20, 50, 100, 200, 400, 800)
LOSS_PERCENT = (1, 2, 5, 10, 20)
ESTIMATE_KBPS = (100, 200, 500, 1_000, 2_000, 5_000)

Figures = Counter[str]


def count_peer(peer: Peer, into: Figures) -> None:
    """Add what a peer has sent and been sent: numbers that only grow."""
    for one in peer.subscriptions.values():
        kind = f'{{kind="{one.section.kind}"}}'
        for name, value in (
            ("sent_packets", one.sink.packets),
            ("sent_bytes", one.sink.bytes),
            ("repeated_packets", one.repeated),
            ("repeated_bytes", one.repeated_bytes),
            ("nacked_packets", one.nacked),
            ("keyframes_asked", one.keyframe_requests),
            ("freezes", one.freezes),
        ):
            into[f"section_{name}{kind}"] += value
    into["probe_padding_bytes"] += peer.downlink.padding_bytes
    for stream in peer.publisher.streams.values() if peer.publisher is not None else ():
        source = f'{{source="{stream.source}"}}'
        for track in stream.layers:
            missing = track.missing
            for name, value in (
                ("packets", track.reception.packets),
                ("bytes", track.reception.bytes),
                ("lost_packets", track.reception.lost),
                ("recovered_packets", missing.recovered if missing is not None else 0),
                ("keyframes", track.keyframes_received),
            ):
                into[f"track_{name}{source}"] += value


def describe(peers: Iterable[Peer], gone: Figures, now: float) -> Figures:
    """Return a relay's figures now; ``gone`` is ``count_peer`` of those that left."""
    figures = Counter(gone)
    for peer in peers:
        count_peer(peer, figures)
        figures[f'participants{{role="{peer.role}",connected="{int(peer.is_connected)}"}}'] += 1
        if peer.is_connected:
            _gauge(peer, figures, now)
    return figures


def _gauge(peer: Peer, figures: Figures, now: float) -> None:
    link = peer.downlink
    if link.rtt is not None:
        _bucket(figures, "rtt_ms", RTT_MS, 1000 * link.rtt)
    if link.estimate_bps is not None:
        _bucket(figures, "estimate_kbps", ESTIMATE_KBPS, link.estimate_bps / 1000)
    losses = [one.fraction_lost for one in peer.subscriptions.values() if one.line is not None]
    if losses:
        _bucket(figures, "loss_percent", LOSS_PERCENT, 100 * max(losses))
    figures["participants_limited"] += link.is_limited
    for one in peer.subscriptions.values():
        if one.is_video:
            figures["sections_starved"] += one.is_starved or one.is_broken
            figures["sections_paused"] += one.is_off
            if one.line is not None:
                figures[f'sections{{layer="{one.shown[0]}"}}'] += 1
    for stream in peer.publisher.streams.values() if peer.publisher is not None else ():
        for track in stream.layers:
            is_active = track.is_active(now)
            source = f'{{source="{stream.source}"}}'
            figures[f"tracks{source}"] += is_active
            figures[f"tracks_bps{source}"] += track.rates.up_to(3) if is_active else 0


def _bucket(figures: Figures, name: str, bounds: tuple[int, ...], value: float) -> None:
    """Count a participant under every bound that it keeps, as a histogram's buckets do."""
    for bound in bounds:
        figures[f'participants_{name}{{le="{bound}"}}'] += value <= bound
    figures[f'participants_{name}{{le="+Inf"}}'] += 1
