"""The lines of one room: who is on which, who waits for which."""

from collections.abc import Collection, Iterable

from app.relay.core.form import Form
from app.relay.core.line import Line
from app.relay.core.peer import Peer
from app.relay.core.scene import Scene
from app.relay.core.selection import choose
from app.relay.core.stream import Stream
from app.relay.core.subscription import Subscription
from app.relay.core.track import Track


class Lines:
    """Belongs to one room. A line lasts while somebody is on it or waits for it."""

    def __init__(self, room: Scene) -> None:
        self._room = room
        self._lines: dict[tuple[Form, Track, int], Line] = {}
        self._waiting: list[Line] = []
        """Lines that somebody came to wait for, until they are asked for a keyframe."""
        self.has_changed = False
        """Somebody came to a line or left one, since whoever takes that into account looked."""

    def values(self) -> Collection[Line]:
        return self._lines.values()

    def aim(self, one: Subscription, now: float) -> None:
        """Let a subscription wait for the line that it should be on, or leave."""
        self._follow(one, *self._choose(one, now), now)

    def aim_all(self, peers: Iterable[Peer], now: float) -> None:
        """``aim`` everybody: for all who wish alike it is found out once what they should get."""
        found: dict[tuple[object, ...], tuple[Stream | None, tuple[Track, int] | None]] = {}
        for peer in peers:
            for one in peer.subscriptions.values():
                section = one.section
                alike = (one.bound, one.is_spare, section.source, section.kind, one.wish, one.limit,
                         one.is_sliding)  # fmt: skip
                if alike not in found:
                    found[alike] = self._choose(one, now)
                self._follow(one, *found[alike], now)

    def _choose(
        self, one: Subscription, now: float
    ) -> tuple[Stream | None, tuple[Track, int] | None]:
        """Return the stream that a section carries, and what should be sent of it."""
        stream = self._room.stream_for(one, now)
        if stream is None:
            return None, None
        return stream, choose(stream, one.wish, one.limit, now, slides=one.shows_slides)

    def _follow(
        self, one: Subscription, stream: Stream | None, chosen: tuple[Track, int] | None, now: float
    ) -> None:
        is_held = stream is not None and not stream.flows
        is_off = one.is_off or one.is_starved or one.is_broken
        if is_off or is_held or (stream is None and one.is_spare):
            self.has_changed |= one.line is not None or one.target is not None
            one.leave()
            return
        if chosen is None:
            return  # nothing to go over to: a reloading presenter is on its way
        self.lead(one, *chosen, now)

    def lead(
        self, one: Subscription, track: Track, temporal: int, now: float, *, is_first: bool = False
    ) -> None:
        """Let a subscription wait for the line of ``track`` up to a temporal layer.

        ``is_first``: a new line is served before the track's others, at every wake-up.
        """
        if one.line is not None and (one.line.track, one.line.temporal) == (track, temporal):
            one.stop_waiting()
            return
        if one.target is not None and (one.target.track, one.target.temporal) == (
            track,
            temporal,
        ):
            return
        self.has_changed = True
        line = self._line(one.form, track, temporal, is_first)
        one.wait_for(line)
        if not line.catch_up(one, now):
            self._waiting.append(line)

    def _line(self, form: Form, track: Track, temporal: int, is_first: bool) -> Line:
        key = (form, track, temporal)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line(form, track, temporal, self._room.tools)
            track.lines.insert(0 if is_first else len(track.lines), line)
        return line

    def ask_for_waiting(self) -> None:
        """Ask once for the keyframes that newcomers wait for; ``ask_again`` repeats it."""
        if not self._waiting:
            return
        for line in self._waiting:
            if line.needs_keyframe:
                line.track.keyframes.ask()
        self._waiting.clear()

    def ask_again(self, now: float) -> None:
        """Ask for what somebody still waits for, where it can come."""
        for line in self._lines.values():
            if line.needs_keyframe and line.track.is_active(now):
                line.track.keyframes.ask()

    def prune(self) -> None:
        """Forget the lines that nobody is on."""
        for key, line in list(self._lines.items()):
            if line.is_empty:
                del self._lines[key]
                line.track.lines.remove(line)
