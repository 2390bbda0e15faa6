"""One room as the shell keeps it: its peers, its presenter's epoch, its shared SSRCs."""

import secrets

from app.core.errors import StalePresenter
from app.core.ids import PeerId, RoomId
from app.relay.answers import RoomDescribed, TrackDescribed
from app.relay.core.stats import RoomStats
from app.relay.peer import Peer


class Room:
    """The peers of one lecture on this relay. It is freed with its last peer."""

    def __init__(self, ident: RoomId) -> None:
        self.id = ident
        self.epoch = 0
        self.peers: dict[PeerId, Peer] = {}
        self._ssrcs: dict[str, int] = {}

    def ssrc_of(self, name: str) -> int:
        """Return the SSRC under which every participant of the room receives this line.

        One number for all lets the core rewrite a packet once for all (docs/decisions/0011); each
        has keys of its own, so no two packets are ever sealed alike.
        """
        while name not in self._ssrcs:
            ssrc = secrets.randbits(32)
            if ssrc > 0 and ssrc not in self._ssrcs.values():
                self._ssrcs[name] = ssrc
        return self._ssrcs[name]

    def check_epoch(self, epoch: int) -> None:
        """Raise StalePresenter for a presenter older than one that this room has seen."""
        if epoch < self.epoch:
            raise StalePresenter("another connection presents this lecture")

    def add(self, peer: Peer, epoch: int) -> None:
        """Take a peer in; a presenter's ``epoch`` becomes the room's."""
        self.peers[peer.id] = peer
        if peer.role == "presenter":
            self.epoch = max(self.epoch, epoch)


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
