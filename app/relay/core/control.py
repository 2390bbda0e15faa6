"""What is decided of media while it flows: who may send what, who gets what, who presents."""

from collections.abc import Callable, Mapping
from typing import Final

from app.core.ids import PeerId, RoomId
from app.relay.core.events import LayerChanged, MutedBy, SectionBound, TrackMuted
from app.relay.core.media import Kind, MediaPlan, SourceName
from app.relay.core.peer import Peer, check_plan
from app.relay.core.room import Room
from app.relay.core.subscription import Bound
from app.relay.core.wish import Wish

MAX_PUBLISHERS: Final = 8
"""Peers of one room that may publish at a time."""

EVERYTHING: Final[frozenset[SourceName]] = frozenset(("microphone", "camera", "screen"))
KINDS: Final[frozenset[Kind]] = frozenset(("audio", "video"))


class Control:
    """Belongs to one relay, whose tables it only reads; ``serve`` sends what follows.

    Each takes effect at once. Raises KeyError for a peer, or a section, that is not here.
    """

    def __init__(
        self,
        peers: Mapping[PeerId, Peer],
        rooms: Mapping[RoomId, Room],
        serve: Callable[[Room, float], None],
    ) -> None:
        self._peers = peers
        self._rooms = rooms
        self._serve = serve

    def _find(self, peer: PeerId) -> tuple[Peer, Room]:
        known = self._peers[peer]
        return known, self._rooms[known.room]

    # Who presents ----------------------------------------------------------------------------

    def keep_former(self, peer: PeerId) -> None:
        """Let the presenter that ``peer`` will replace stay, unheard (``PresenterWaits``), until
        ``promote``."""
        self._peers[peer].keeps_former = True

    def demote(self, peer: Peer, now: float) -> None:
        """Let a presenter that was replaced stay, unheard. The caller serves the room."""
        peer.role = "participant"
        self._allow(peer, self._rooms[peer.room], frozenset(), now)

    def promote(self, peer: PeerId, now: float) -> None:
        """Let ``peer``, which has a presenter's sections, present."""
        known, room = self._find(peer)
        known.role = "presenter"
        if known.is_connected:
            room.presenter = known
        self._allow(known, room, EVERYTHING, now)
        self._serve(room, now)

    # What is sent ----------------------------------------------------------------------------

    def change_plan(self, peer: PeerId, plan: MediaPlan, now: float) -> None:
        """Let sections come to a peer that is here (a new offer of the same peer connection).

        Sections that the peer has stay as they are; new ones begin at once. Raises ValueError for
        send SSRCs that are not distinct.
        """
        known, room = self._find(peer)
        check_plan(plan)
        room.change_plan(known, plan, now)
        self._serve(room, now)

    def set_publishing(self, peer: PeerId, sources: frozenset[SourceName], now: float) -> None:
        """Say which sources of ``peer`` may reach others; at once, both ways.

        A presenter and a speaker start with all of their sections, a participant with none. At
        most ``MAX_PUBLISHERS`` peers of a room may publish: raises ValueError for one more.
        """
        known, room = self._find(peer)
        if sources and not known.may_publish and room.publishing >= MAX_PUBLISHERS:
            raise ValueError("this room has as many publishers as it may have")
        self._allow(known, room, sources, now)
        self._serve(room, now)

    def _allow(self, peer: Peer, room: Room, sources: frozenset[SourceName], now: float) -> None:
        peer.allowed = sources
        if peer.publisher is not None:
            peer.publisher.allow(sources)
            room.upkeep.withdrawn(peer.publisher)
        room.select_all(now)

    def mute(self, peer: PeerId, source: SourceName, by: MutedBy, on: bool, now: float) -> None:
        """Stop or resume a source of ``peer`` for everybody: it flows while nobody holds it muted.

        Emits ``TrackMuted`` on change.
        """
        known, room = self._find(peer)
        stream = known.publisher.stream_of(source) if known.publisher is not None else None
        if stream is not None and (by in stream.muted_by) != on:
            stream.muted_by = stream.muted_by | {by} if on else stream.muted_by - {by}
            room.emit(TrackMuted(room.id, peer, source, stream.muted_by))
            room.select_all(now)
        self._serve(room, now)

    def ask_keyframe(self, peer: PeerId, ssrc: int, now: float) -> None:
        """Ask a publisher for a keyframe of one track, if both are still here."""
        guests = (room.peers[peer] for room in self._rooms.values() if room.pipes.is_guest(peer))
        known = self._peers.get(peer) or next(guests, None)
        track = known.publisher.track_of(ssrc) if known and known.publisher else None
        if known is not None and track is not None:
            track.keyframes.ask()
            self._serve(self._rooms[known.room], now)

    # What is received ------------------------------------------------------------------------

    def set_hearing(self, peer: PeerId, kinds: frozenset[Kind], now: float) -> None:
        """Say which kinds of media ``peer`` may receive; at once, both ways, and whatever its
        sections or its own pauses say."""
        known, room = self._find(peer)
        known.barred = KINDS - kinds
        for one in known.subscriptions.values():
            one.is_barred = one.section.kind in known.barred
        room.select_all(now)
        self._serve(room, now)

    def bind(
        self, peer: PeerId, mid: str, owner: PeerId | None, source: SourceName | None, now: float
    ) -> None:
        """Let ``peer``'s send section carry ``owner``'s ``source``; None frees a spare section
        (the core may give it to somebody else), and lets another carry the presenter's again."""
        known, room = self._find(peer)
        bound = Bound(owner, source) if owner is not None and source is not None else None
        room.bind(known.subscriptions[mid], bound, now)
        room.ask_for_waiting()
        self._serve(room, now)

    def pause(self, peer: PeerId, mid: str, on: bool, now: float) -> None:
        """Stop or resume one send section for this subscriber only."""
        known, room = self._find(peer)
        known.subscriptions[mid].is_paused = on
        self._reselect(known, room, mid, now)

    def prefer(self, peer: PeerId, mid: str, wish: Wish, now: float) -> None:
        """Bound what a subscriber's video section gets, in place of the bounds it had."""
        known, room = self._find(peer)
        known.subscriptions[mid].hope(wish)
        room.look_after(known, now)
        self._reselect(known, room, mid, now)

    def _reselect(self, peer: Peer, room: Room, mid: str, now: float) -> None:
        room.aim(peer.subscriptions[mid], now)
        room.ask_for_waiting()
        self._serve(room, now)

    def tell_sections(self, peer: PeerId) -> None:
        """Emit again what ``peer``'s sections carry and are sent as: whoever is to know it may have
        missed it."""
        known, room = self._find(peer)
        for one in known.subscriptions.values():
            mid, bound = one.section.mid, one.bound
            if bound is not None:
                room.emit(SectionBound(room.id, peer, mid, *bound))
            if one.is_video:
                room.emit(LayerChanged(room.id, peer, mid, *one.shown))
