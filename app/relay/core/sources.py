"""From where media comes."""

from collections.abc import Iterable

from app.relay.core.media import Address
from app.relay.core.peer import Peer
from app.relay.core.pipe_table import PipeTable


def media_addresses(peers: Iterable[Peer], pipes: PipeTable) -> set[Address]:
    """Return where those are of whom a source is on air, and the relays that feed this one."""
    found = {
        peer.ice.selected
        for peer in peers
        if peer.publisher is not None
        and peer.ice.selected is not None
        and any(stream.is_started for stream in peer.publisher.streams.values())
    }
    for entry in pipes.entries():
        pipe = entry.pipe
        if pipe.leads_up and pipe.is_joined and not pipe.is_dead:
            found.add(pipe.address)
    return found
