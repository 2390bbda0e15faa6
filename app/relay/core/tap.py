"""Where somebody listens in: every source as it came, before anything is rewritten for anybody."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from app.core.ids import RoomId
from app.relay.core.peer import Peer
from app.relay.core.rtp import Packet
from app.relay.core.scene import Scene
from app.relay.core.stream import Stream
from app.relay.core.track import Track


class Listener(Protocol):
    """Who listens. It must return at once and must not keep the packets: they are views into
    buffers of this wake-up."""

    def take(
        self, peer: Peer, stream: Stream, track: Track, packets: Sequence[Packet], now: float
    ) -> None: ...


class Tap:
    """One room's. What nobody may hear (muted, withdrawn, a replaced presenter's) is not heard
    here either; of a simulcast source only the best layer that is being sent is."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._best: dict[Stream, Track] = {}

    def hear(self, room: Scene, touched: Iterable[Track], now: float) -> None:
        """Hand on what this wake-up brought."""
        for track in touched:
            peer = room.peers.get(track.peer)
            if peer is None or peer.publisher is None or not room.hears(peer):
                continue
            stream = peer.publisher.streams.get(track.section.mid)
            if stream is None or not stream.flows or track.codec is None:
                continue
            if track is self._choose(stream, track, now):
                self._listener.take(peer, stream, track, track.pending, now)

    def _choose(self, stream: Stream, track: Track, now: float) -> Track:
        stream.is_taped = True
        best = track
        if len(stream.layers) > 1:
            best = next((t for t in reversed(stream.by_size()) if t.is_active(now)), track)
        if self._best.get(stream) is not best:
            self._best[stream] = best
            if best.is_video:
                best.keyframes.ask()
        return best

    def close(self) -> None:
        """Let the publishers stop layers that were sent for this listener alone."""
        for stream in self._best:
            stream.is_taped = False
        self._best.clear()


class Taps:
    """One relay's, by room; a room that is made anew gets its tap again."""

    def __init__(self) -> None:
        self._by_room: dict[RoomId, Tap] = {}

    def of(self, room: RoomId) -> Tap | None:
        return self._by_room.get(room)

    def put(self, room: RoomId, listener: Listener | None) -> None:
        """Let ``listener`` take the place of whoever listens in ``room``; None ends it."""
        former = self._by_room.pop(room, None)
        if former is not None:
            former.close()
        if listener is not None:
            self._by_room[room] = Tap(listener)
