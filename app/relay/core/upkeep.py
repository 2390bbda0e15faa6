"""What a room looks at twice a second: stopped tracks, rates, freezes, unwatched layers."""

from typing import TYPE_CHECKING

from app.relay.core.events import LayersWanted, Levels, SpeakerChanged, TrackStopped
from app.relay.core.loudness import EVERY_SECONDS, SILENT, Loudness
from app.relay.core.publisher import Publisher
from app.relay.core.scene import Scene
from app.relay.core.selection import best, wants_more
from app.relay.core.stream import Stream
from app.relay.core.subscription import Subscription

if TYPE_CHECKING:
    from app.core.ids import PeerId


class Upkeep:
    """Belongs to one room."""

    def __init__(self, room: Scene) -> None:
        self._room = room
        self._loudness = Loudness()
        self._next_look = 0.0

    def left(self, publisher: Publisher) -> None:
        """A publisher is gone."""
        for stream in publisher.streams.values():
            if stream.is_started:
                self._stopped(stream, "left")

    def withdrawn(self, publisher: Publisher) -> None:
        """A publisher's rights changed."""
        for stream in publisher.streams.values():
            if stream.is_started and not stream.is_allowed:
                self._stopped(stream, "withdrawn")

    def _stopped(self, stream: Stream, reason: str) -> None:
        stream.is_started = False
        event = TrackStopped(
            self._room.id, stream.peer, stream.source,
            "left" if reason == "left" else "silent" if reason == "silent" else "withdrawn",
        )  # fmt: skip
        self._room.emit(event)

    def listen(self, now: float) -> None:
        """Look who speaks, at most three times a second; called at every wake-up."""
        if now < self._next_look:
            return
        self._next_look = now + EVERY_SECONDS
        room = self._room
        levels: dict[PeerId, int] = {}
        for peer in room.peers.values():
            streams = peer.publisher.streams.values() if peer.publisher is not None else ()
            for stream in streams:
                track = next(iter(stream.layers), None)
                if track is None or not track.tells_level or not room.hears(peer):
                    continue
                level = track.take_level()
                is_heard = stream.flows and track.is_active(now)
                levels[peer.id] = min(level if is_heard else SILENT, levels.get(peer.id, SILENT))
        if self._loudness.look(levels, now):
            room.emit(SpeakerChanged(room.id, self._loudness.speaker))
        news = self._loudness.take_news(levels)
        if news is not None:
            room.emit(Levels(room.id, news))

    def tick(self, now: float) -> None:
        self.listen(now)
        for peer in self._room.peers.values():
            if peer.publisher is not None:
                for stream in peer.publisher.streams.values():
                    self._look_at(stream, now)
            for one in peer.subscriptions.values():
                line = one.line
                is_due = one.is_video and line is not None and line.track.is_active(now)
                one.watch(is_due and not one.shows_slides)
                if line is not None and is_due and one.needs_slide(now):
                    line.track.keyframes.ask()

    def _look_at(self, stream: Stream, now: float) -> None:
        for track in stream.layers:
            track.rates.measure(now)
        if stream.is_started and not stream.is_active(now):
            self._stopped(stream, "silent")
        # Also of one whose client stopped all of its layers: somebody may want one again.
        if stream.is_video and (stream.is_started or stream.rids_wanted is not None):
            self._tell_wanted(stream, now)

    def _tell_wanted(self, stream: Stream, now: float) -> None:
        """Tell the client when which of its layers anybody watches has changed."""
        layers = stream.by_size()
        taped = layers[-1] if stream.is_taped and layers else None
        is_simulcast = len(layers) > 1 or bool(stream.section.rids)
        watchers = self._watchers(stream, now) if is_simulcast else []
        hoped = {best(stream, one.wish, one.limit) for one in watchers} if layers else set()
        wanted = tuple(track.rid for track in layers if track is taped or track in hoped or any(
            not line.is_empty for line in track.lines
        ))  # fmt: skip
        # A client that has just begun sends the smallest alone: the others must not be stopped
        # before they were ever seen.
        if any(wants_more(stream, one.wish, one.limit) for one in watchers):
            seen = {track.rid for track in layers}
            wanted += tuple(rid for rid in stream.section.rids if rid not in seen)
        if wanted != stream.rids_wanted and (wanted or stream.rids_wanted is not None):
            stream.rids_wanted = wanted
            self._room.emit(LayersWanted(self._room.id, stream.peer, stream.source, wanted))

    def _watchers(self, stream: Stream, now: float) -> list[Subscription]:
        """Return the subscriptions that should get this stream, whether or not it is sent now."""
        room = self._room
        return [
            one
            for peer in room.peers.values()
            for one in peer.subscriptions.values()
            if one.is_video
            and not one.is_off
            and not one.is_starved
            and not one.is_broken
            and room.stream_for(one, now) is stream
        ]
