"""The pipes of one room: who is behind them, what goes into them, what is wanted from them."""

import secrets
from typing import Protocol

from app.core.ids import PeerId
from app.relay.core.events import (
    Event,
    LayersWanted,
    Levels,
    PipeGone,
    PipeGoneReason,
    PipeJoined,
    SpeakerChanged,
    TrackMuted,
    TrackStarted,
    TrackStopped,
)
from app.relay.core.lines import Lines
from app.relay.core.media import Section, SourceName
from app.relay.core.peer import Peer
from app.relay.core.pipe import Pipe
from app.relay.core.pipe_sheet import LayerSheet, Sheet, StreamSheet, decode, parts_of
from app.relay.core.pipe_tracks import FEEDBACK, PipedPublisher, PipedTrack
from app.relay.core.rtcp import Compound
from app.relay.core.rtp import HOP_BY_HOP_URIS, TRANSPORT_WIDE_URI
from app.relay.core.scene import Scene
from app.relay.core.selection import ALL
from app.relay.core.sink import Sink
from app.relay.core.stream import Stream
from app.relay.core.subscription import Subscription
from app.relay.core.track import Track

_OF_TRACKS = (TrackStarted, TrackStopped, TrackMuted, LayersWanted)
_OF_ROOMS = (SpeakerChanged, Levels)


class Home(Scene, Protocol):
    """``room.Room``, as its pipes see it."""

    lines: Lines

    @property
    def is_taped(self) -> bool: ...
    def take_publisher(self, peer: Peer) -> None: ...
    def disconnect(self, peer: Peer) -> None: ...
    def select_all(self, now: float) -> None: ...
    def take_feedback(
        self, peer: Peer, compound: Compound, now: float, *, has_budget: bool = True
    ) -> None: ...


class Pipes:
    """Belongs to one room.

    The pipes of a room make a tree over its relays. What comes by one goes out by all others, so
    everything reaches everybody once. Of each stream only those layers go by a pipe that somebody
    behind it watches.
    """

    def __init__(self, room: Home) -> None:
        self._room = room
        self._pipes: dict[str, Pipe] = {}
        self._guests: set[PeerId] = set()
        self._ssrcs: dict[tuple[PeerId, SourceName, str], int] = {}
        """What each layer of each stream is called in pipes; the same in all of them, so that they
        share one line. None is given twice: a pipe's keys must not seal two packets alike."""
        self._next_ssrc = secrets.randbits(32)
        self._is_stale = False
        """What there is may have changed: every neighbour is told at once."""
        self.due = float("inf")
        """When ``serve`` has something to do."""

    def __bool__(self) -> bool:
        return bool(self._pipes)

    def values(self) -> list[Pipe]:
        return list(self._pipes.values())

    def is_guest(self, peer: PeerId) -> bool:
        """Tell whether somebody publishes at another relay."""
        return peer in self._guests

    def hides(self, event: Event) -> bool:
        """Tell whether an event is another relay's to tell: each is told once."""
        if isinstance(event, _OF_TRACKS):
            return event.peer in self._guests
        return isinstance(event, _OF_ROOMS) and any(p.leads_up for p in self._pipes.values())

    # Life ------------------------------------------------------------------------------------

    def add(self, pipe: Pipe, now: float) -> None:
        """Take in a new pipe."""
        pipe.carrier.downlink.serial = self._room.tools.log.serial()
        self._pipes[pipe.id] = pipe
        self._is_stale = True
        self.serve(now)

    def remove(self, pipe: Pipe, now: float) -> None:
        """Close a pipe; who is behind it is gone."""
        if pipe.id not in self._pipes:
            return
        if not pipe.is_dead:
            pipe.say_goodbye()
            pipe.die()
        for guest in list(pipe.guests):
            self.dismiss(guest)
        del self._pipes[pipe.id]
        pipe.tracks.clear()
        self._room.lines.prune()
        self._room.select_all(now)
        self.due = min((one.next_due() for one in self._pipes.values()), default=float("inf"))

    def dismiss(self, guest: PeerId) -> None:
        """Forget somebody who published elsewhere: it left, or has come here."""
        for pipe in self._pipes.values():
            known = pipe.guests.pop(guest, None)
            if known is not None:
                self._room.disconnect(known)
        self._guests.discard(guest)

    def _lost(self, pipe: Pipe, reason: PipeGoneReason) -> None:
        pipe.die()
        self._room.note_change()
        self._room.emit(PipeGone(pipe.room, pipe.id, reason))

    # In --------------------------------------------------------------------------------------

    def heard(self, pipe: Pipe) -> None:
        """The first authentic packet came."""
        self._room.emit(PipeJoined(pipe.room, pipe.id))

    def take_rtcp(self, pipe: Pipe, plain: bytes, compound: Compound, now: float) -> None:
        """Act on what a neighbour says. A sheet that cannot be read is dropped and counted."""
        if pipe.remote_ssrc in compound.goodbyes:
            self._lost(pipe, "left")
            return
        for part in parts_of(plain):
            whole = pipe.take(part)
            if whole is None:
                continue
            try:
                sheet = decode(whole)
            except ValueError:
                pipe.sheets_refused += 1
                continue
            self._take_sheet(pipe, sheet, now)
        asked = Compound(
            keyframe_requests=compound.keyframe_requests,
            nacked=compound.nacked,
            blocks=compound.blocks,
        )
        self._room.take_feedback(pipe.carrier, asked, now, has_budget=False)
        if compound.sender_reports:
            told = Compound(sender_reports=compound.sender_reports)
            for guest in list(pipe.guests.values()):
                self._room.take_feedback(guest, told, now, has_budget=False)
        self.due = min(self.due, pipe.next_due())

    def _take_sheet(self, pipe: Pipe, sheet: Sheet, now: float) -> None:
        pipe.wanted = dict(sheet.wants)
        by_owner: dict[PeerId, list[StreamSheet]] = {}
        for told in sheet.streams:
            by_owner.setdefault(told.owner, []).append(told)
        changed = False
        for owner, streams in by_owner.items():
            guest = self._guest(pipe, owner, streams[0].is_presenter, now)
            if guest is not None and isinstance(guest.publisher, PipedPublisher):
                changed |= guest.publisher.announce(streams)
        for gone in set(pipe.guests) - set(by_owner):
            self.dismiss(gone)
            changed = True
        before = set(pipe.tracks)
        pipe.tracks = {
            ssrc: found
            for guest in pipe.guests.values()
            if isinstance(guest.publisher, PipedPublisher)
            for ssrc, found in guest.publisher.told.items()
        }
        for ssrc in before - set(pipe.tracks):
            pipe.receiver.forget(ssrc)
        if changed:
            self._room.select_all(now)
        else:
            self.aim(now)
            self._room.ask_for_waiting()

    def _guest(self, pipe: Pipe, owner: PeerId, is_presenter: bool, now: float) -> Peer | None:
        """Return who publishes behind a pipe; None for one who is here or behind another pipe."""
        known = pipe.guests.get(owner)
        if known is not None:
            return known
        room = self._room
        if owner in self._guests:
            if any(owner in one.guests and not one.is_dead for one in self._pipes.values()):
                return None  # this relay must have two ways to it: the first one counts
            self.dismiss(owner)
        elif owner in room.peers:
            return None
        guest = pipe.peer(owner, pipe.address, now)
        guest.publisher = PipedPublisher(owner, room.tools.counters)
        pipe.guests[owner] = guest
        self._guests.add(owner)
        room.peers[owner] = guest
        if is_presenter:
            guest.role = "presenter"
            if room.presenter is None or self.is_guest(room.presenter.id):
                room.presenter = guest
        room.take_publisher(guest)
        return guest

    # Out -------------------------------------------------------------------------------------

    def note_change(self) -> None:
        """Streams came, went, were muted or became active: tell the neighbours."""
        self._is_stale = True

    def aim(self, now: float) -> None:
        """Let every pipe get what its neighbour wants, and nothing else."""
        for pipe in self._pipes.values():
            if not pipe.is_dead:
                self._aim_pipe(pipe, now)

    def _aim_pipe(self, pipe: Pipe, now: float) -> None:
        feeds = pipe.carrier.subscriptions
        offered = {ssrc: found for stream in self._streams(pipe)
                   for ssrc, found in self._layers(stream).items()}  # fmt: skip
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

    def _streams(self, pipe: Pipe) -> list[Stream]:
        """Return what may go by a pipe: all that did not come by it."""
        room = self._room
        return [
            stream
            for peer in room.peers.values()
            if peer.publisher is not None and peer.id not in pipe.guests and room.hears(peer)
            for stream in peer.publisher.streams.values()
            if stream.is_allowed and stream.layers
        ]

    def _layers(self, stream: Stream) -> dict[int, tuple[Stream, Track]]:
        found = {}
        for track in sorted(stream.layers, key=lambda layer: layer.rid):
            key = (stream.peer, stream.source, track.rid)
            ssrc = self._ssrcs.get(key)
            if ssrc is None:
                self._next_ssrc = self._next_ssrc % 0xFFFFFFFF + 1
                ssrc = self._ssrcs[key] = self._next_ssrc
            found[ssrc] = (stream, track)
        return found

    def _forget_ssrcs(self) -> None:
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

    def _wants(self, pipe: Pipe) -> tuple[tuple[int, int], ...]:
        wants = (
            (ssrc, self._wanted_up_to(stream, track))
            for ssrc, (stream, track) in sorted(pipe.tracks.items())
        )
        return tuple((ssrc, temporal) for ssrc, temporal in wants if temporal is not None)

    def _wanted_up_to(self, stream: Stream, track: PipedTrack) -> int | None:
        """Return the highest temporal layer of a track that anybody here gets, or should get once
        its publisher sends it again; None for nobody."""
        watched = [line.temporal for line in track.lines if not line.is_empty]
        if watched:
            return max(0, *watched)  # slides are of the lowest
        is_hoped_for = track.rid in (stream.rids_wanted or ()) and not track.is_told_active
        is_taped = self._room.is_taped and track is stream.by_size()[-1]
        return ALL if is_hoped_for or is_taped else None

    def _describe(self, stream: Stream, now: float) -> StreamSheet:
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
                for ssrc, (_, track) in self._layers(stream).items()
            ),
        )  # fmt: skip

    # Time ------------------------------------------------------------------------------------

    def serve(self, now: float) -> None:
        """Send what is due, at once what changed; notice who is silent."""
        if not self._pipes:
            return
        is_due, self._is_stale = self._is_stale or now >= self.due, False
        if not is_due and not self._room.lines.has_changed:
            return
        self._room.lines.has_changed = False
        if is_due:
            self._forget_ssrcs()
        for pipe in self.values():
            if pipe.is_dead:
                continue
            if pipe.is_silent(now):
                self._lost(pipe, "silent")
            elif is_due or self._wants(pipe) != pipe.wants:
                self._tell(pipe, now)
        self.due = min((pipe.next_due() for pipe in self._pipes.values()), default=float("inf"))

    def _tell(self, pipe: Pipe, now: float) -> None:
        pipe.wants = self._wants(pipe)
        streams = tuple(self._describe(stream, now) for stream in self._streams(pipe))
        pipe.tell(Sheet(streams, pipe.wants), now)


def _passed_on(section: Section) -> tuple[tuple[str, int], ...]:
    """Return the header extensions that mean something beyond the next neighbour."""
    own = {*HOP_BY_HOP_URIS, TRANSPORT_WIDE_URI}
    return tuple(one for one in section.extensions if one[0] not in own)
