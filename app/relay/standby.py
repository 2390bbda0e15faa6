"""Who presents again when a broadcasting program's session is over.

A presenter's page that was there when the program came, or that came while it sends, keeps its
connection and is not heard; when the program goes, the newest of them is, at once and without a
word from anybody. Existing clients depend on it: they have no ear for ``whip``.
"""

from app.core.clock import Clock
from app.relay.core.relay import Relay
from app.relay.messages import OpenPeer
from app.relay.peer import Peer
from app.relay.room import Room


class Standby:
    """Belongs to one relay process."""

    def __init__(self, core: Relay, clock: Clock) -> None:
        self._core = core
        self._clock = clock

    def opened(self, room: Room, peer: Peer, command: OpenPeer) -> None:
        """Note what a new peer is; a page that presents now leaves nothing to those that wait."""
        peer.waits, peer.is_program = command.waits, command.beside
        if command.beside:
            self._core.control.keep_former(peer.id)
        elif command.role == "presenter" and not command.waits:
            for other in room.peers.values():
                other.waits = False

    def stepped_back(self, peer: Peer) -> None:
        """A program has taken the place of ``peer``, which is not heard any more."""
        peer.role = "participant"
        peer.waits = not peer.is_program

    def left(self, room: Room, peer: Peer) -> None:
        """Let the newest that waits present, if ``peer`` was the program in its place."""
        if not peer.is_program or any(one.role == "presenter" for one in room.peers.values()):
            return
        waiting = [one for one in room.peers.values() if one.waits]
        for one in waiting:
            one.waits = False
        if waiting:
            waiting[-1].role = "presenter"
            self._core.control.promote(waiting[-1].id, self._clock.now())
