"""Whose stream each section carries: the presenter's by source, speakers' in spare sections."""

from collections.abc import Iterable

from app.relay.core.peer import Peer
from app.relay.core.scene import Scene
from app.relay.core.stream import Stream
from app.relay.core.subscription import Bound, Subscription


class Casting:
    """Belongs to one room."""

    def __init__(self, room: Scene) -> None:
        self._room = room

    def share_out(self, among: Iterable[Peer], now: float) -> None:
        """Give speakers' tracks to spare sections, and take withdrawn ones from them."""
        streams = [
            stream
            for peer in self._room.peers.values()
            if peer.publisher is not None
            and peer is not self._room.presenter
            and self._room.hears(peer)
            for stream in peer.publisher.streams.values()
            if stream.is_allowed and stream.layers
        ]
        for peer in among:
            spare = [one for one in peer.subscriptions.values() if one.is_spare]
            if spare:
                self._share_with(peer, spare, [s for s in streams if s.peer != peer.id], now)

    def _share_with(
        self, peer: Peer, spare: list[Subscription], streams: list[Stream], now: float
    ) -> None:
        offered = {Bound(stream.peer, stream.source): stream for stream in streams}
        for one in spare:
            if one.bound is not None and one.bound not in offered:
                self._room.bind(one, None, now)
        carried = {one.bound for one in peer.subscriptions.values()}
        for bound, stream in offered.items():
            if bound in carried:
                continue
            free = (one for one in spare if one.bound is None and one.is_video == stream.is_video)
            taken = next(free, None)
            if taken is not None:
                self._room.bind(taken, bound, now)

    def stream_for(self, subscription: Subscription, now: float) -> Stream | None:
        """Return the stream that a section carries, or None if there is none."""
        bound = subscription.bound
        if bound is not None:
            owner = self._room.peers.get(bound.owner)
            publisher = owner.publisher if owner is not None and self._room.hears(owner) else None
            return publisher.stream_of(bound.source) if publisher is not None else None
        presenter = self._room.presenter
        if subscription.is_spare or presenter is None or presenter.publisher is None:
            return None
        find = presenter.publisher.stream_of
        if subscription.section.source is not None:
            return find(subscription.section.source)
        if not subscription.is_video:
            return find("microphone")
        screen, camera = find("screen"), find("camera")
        if screen is None or not screen.layers or not screen.flows:
            return camera
        is_shown = camera is None or not camera.layers or screen.is_active(now)
        return screen if is_shown else camera
