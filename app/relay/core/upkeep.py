"""What a room looks at twice a second: stopped tracks, rates, freezes, unwatched layers."""

from typing import TYPE_CHECKING

from app.relay.core.events import LayersWanted, TrackStopped
from app.relay.core.publisher import Publisher
from app.relay.core.stream import Stream

if TYPE_CHECKING:
    from app.relay.core.room import Room


class Upkeep:
    """Belongs to one room."""

    def __init__(self, room: "Room") -> None:
        self._room = room

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

    def tick(self, now: float) -> None:
        for peer in self._room.peers.values():
            if peer.publisher is not None:
                for stream in peer.publisher.streams.values():
                    self._look_at(stream, now)
            for one in peer.subscriptions.values():
                line = one.line
                one.watch(one.is_video and line is not None and line.track.is_active(now))

    def _look_at(self, stream: Stream, now: float) -> None:
        for track in stream.layers:
            track.rates.measure(now)
        if stream.is_started and not stream.is_active(now):
            self._stopped(stream, "silent")
        if stream.is_video and stream.is_started:
            self._tell_wanted(stream)

    def _tell_wanted(self, stream: Stream) -> None:
        """Tell the client when which of its layers anybody watches has changed."""
        wanted = tuple(track.rid for track in stream.by_size() if any(
            not line.is_empty for line in track.lines
        ))  # fmt: skip
        if wanted != stream.rids_wanted and (wanted or stream.rids_wanted is not None):
            stream.rids_wanted = wanted
            self._room.emit(LayersWanted(self._room.id, stream.peer, stream.source, wanted))
