"""The pipes of one room: who is behind them, what goes into them, what is wanted from them."""

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
from app.relay.core.peer import Peer
from app.relay.core.pipe import Pipe
from app.relay.core.pipe_feeds import Feeds, Source
from app.relay.core.pipe_sheet import Sheet, StreamSheet, decode, parts_of
from app.relay.core.pipe_tracks import PipedPublisher, PipedTrack
from app.relay.core.rtcp import Compound
from app.relay.core.selection import ALL
from app.relay.core.stream import Stream

_OF_TRACKS = (TrackStarted, TrackStopped, TrackMuted, LayersWanted)
_OF_ROOMS = (SpeakerChanged, Levels)


class Home(Source, Protocol):
    """``room.Room``, as its pipes see it."""

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
        self._feeds = Feeds(room)
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
                self._feeds.aim(pipe, now)

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
            self._feeds.forget_names()
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
        streams = tuple(self._feeds.describe(stream, now) for stream in self._feeds.streams(pipe))
        pipe.tell(Sheet(streams, pipe.wants), now)
