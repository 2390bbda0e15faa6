"""What goes into the pipes of one room: every stream that is here, in the wanted layers."""

import secrets
from typing import TYPE_CHECKING, Protocol

from app.relay.core.lines import Lines
from app.relay.core.media import Section, SourceName
from app.relay.core.pipe import Pipe
from app.relay.core.pipe_sheet import LayerSheet, StreamSheet
from app.relay.core.pipe_tracks import FEEDBACK
from app.relay.core.rtp import HOP_BY_HOP_URIS, TRANSPORT_WIDE_URI
from app.relay.core.scene import Scene
from app.relay.core.sink import Sink
from app.relay.core.stream import Stream
from app.relay.core.subscription import Subscription
from app.relay.core.track import Track

if TYPE_CHECKING:
    from app.core.ids import PeerId


class Source(Scene, Protocol):
    """``room.Room``, as what leaves it sees it."""

    lines: Lines


class Feeds:
    """Belongs to one room. A feed is a subscription of a pipe's carrier to one layer."""

    def __init__(self, room: Source) -> None:
        self._room = room
        self._ssrcs: dict[tuple[PeerId, SourceName, str], int] = {}
        """What each layer of each stream is called in pipes; the same in all of them, so that they
        share one line. None is given twice: a pipe's keys must not seal two packets alike."""
        self._next_ssrc = secrets.randbits(32)

    def aim(self, pipe: Pipe, now: float) -> None:
        """Let a pipe get what its neighbour wants, and nothing else."""
        feeds = pipe.carrier.subscriptions
        offered = {ssrc: found for stream in self.streams(pipe)
                   for ssrc, found in self.layers(stream).items()}  # fmt: skip
        for mid, one in list(feeds.items()):
            if one.section.ssrc not in offered:
                one.leave()
                del feeds[mid]
        for ssrc, (stream, track) in offered.items():
            temporal = pipe.wanted.get(ssrc)
            feed = feeds.get(str(ssrc))
            if temporal is None or not stream.flows:
                if feed is not None:
                    feed.leave()
                continue
            if feed is None:
                feed = feeds[str(ssrc)] = self._feed(pipe, ssrc, track)
            # Other relays come before listeners: behind them are more.
            self._room.lines.lead(feed, track, temporal, now, is_first=True)

    def _feed(self, pipe: Pipe, ssrc: int, track: Track) -> Subscription:
        section = Section(
            mid=str(ssrc),
            kind=track.section.kind,
            source=track.source,
            direction="send",
            codecs=tuple(codec for codec in track.section.codecs if codec.key != "rtx"),
            extensions=_passed_on(track.section),
            ssrc=ssrc,
            feedback=FEEDBACK,
        )
        sink = Sink(pipe.address, pipe.sender, section.kind == "video")
        return Subscription(pipe.carrier.id, section, sink)

    def streams(self, pipe: Pipe) -> list[Stream]:
        """Return what may go by a pipe: all that did not come by it."""
        room = self._room
        return [
            stream
            for peer in room.peers.values()
            if peer.publisher is not None and peer.id not in pipe.guests and room.hears(peer)
            for stream in peer.publisher.streams.values()
            if stream.is_allowed and stream.layers
        ]

    def layers(self, stream: Stream) -> dict[int, tuple[Stream, Track]]:
        """Return the layers of a stream by what they are called in pipes."""
        found = {}
        for track in sorted(stream.layers, key=lambda layer: layer.rid):
            key = (stream.peer, stream.source, track.rid)
            ssrc = self._ssrcs.get(key)
            if ssrc is None:
                self._next_ssrc = self._next_ssrc % 0xFFFFFFFF + 1
                ssrc = self._ssrcs[key] = self._next_ssrc
            found[ssrc] = (stream, track)
        return found

    def forget_names(self) -> None:
        """Give up the names of what is gone, so that they are not given again."""
        if len(self._ssrcs) > 0:
            here = {
                (stream.peer, stream.source, track.rid)
                for peer in self._room.peers.values()
                if peer.publisher is not None
                for stream in peer.publisher.streams.values()
                if stream.is_allowed
                for track in stream.layers
            }
            for key in set(self._ssrcs) - here:
                del self._ssrcs[key]

    def describe(self, stream: Stream, now: float) -> StreamSheet:
        """Return what a neighbour is told of a stream."""
        presenter = self._room.presenter
        return StreamSheet(
            stream.peer,
            presenter is not None and stream.peer == presenter.id,
            stream.source,
            stream.section.kind,
            tuple(codec for codec in stream.section.codecs if codec.key != "rtx"),
            _passed_on(stream.section),
            tuple(sorted(stream.muted_by)),
            tuple(
                LayerSheet(
                    ssrc,
                    track.is_active(now),
                    track.width,
                    track.height,
                    tuple(track.rates.up_to(n) - (track.rates.up_to(n - 1) if n else 0)
                          for n in range(4)),
                )
                for ssrc, (_, track) in self.layers(stream).items()
            ),
        )  # fmt: skip


def _passed_on(section: Section) -> tuple[tuple[str, int], ...]:
    """Return the header extensions that mean something beyond the next neighbour."""
    own = {*HOP_BY_HOP_URIS, TRANSPORT_WIDE_URI}
    return tuple(one for one in section.extensions if one[0] not in own)
