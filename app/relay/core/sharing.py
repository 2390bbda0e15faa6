"""One subscriber's bandwidth shared out among its sections, within what each wished for."""

from dataclasses import dataclass

from app.relay.core.allocation import Want, allocate
from app.relay.core.events import BandwidthAlert, LayerChanged
from app.relay.core.layers import MAX_TEMPORAL
from app.relay.core.media import SourceName
from app.relay.core.peer import Peer
from app.relay.core.scene import Scene
from app.relay.core.selection import rungs, within
from app.relay.core.subscription import Subscription

Ladder = list[tuple[int, int, int]]
"""(layer, temporal layer, bits per second), the least first."""

_IMPORTANCE: dict[SourceName, int] = {"screen": 0, "camera": 1, "microphone": 2}


@dataclass(slots=True)
class _Part:
    """A section that flows."""

    one: Subscription
    ladder: Ladder
    """What its bounds allow."""
    is_whole: bool
    """Nothing was cut off for its bit rate."""
    current: int
    """The rung it is on, -1 for none."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What a share came to, in bits per second."""

    everything: int
    """With all that is wanted."""
    spent: int
    missing: int
    """More for the most important section that could be better, 0 if none could."""


class Sharing:
    """Belongs to one room."""

    def __init__(self, room: Scene) -> None:
        self._room = room

    def is_needed(self, peer: Peer) -> bool:
        """Tell whether anything bounds what a peer gets."""
        return (
            peer.downlink.is_limited
            or peer.plan.max_bps is not None
            or any(
                one.section.max_bps is not None or one.wish.max_bps is not None
                for one in peer.subscriptions.values()
            )
        )

    def share(self, peer: Peer, now: float) -> Shared:
        """Give each section the best rung of its ladder that the budget carries."""
        audio, parts = self._parts(peer, now)
        parts.sort(key=lambda part: self._rank(part.one, now))
        wants = [Want(tuple(rate for _, _, rate in p.ladder), p.current) for p in parts]
        budget = peer.downlink.budget_bps
        if peer.plan.max_bps is not None:
            budget = min(budget, peer.plan.max_bps)
        given = allocate(budget - audio, wants)
        spent = everything = audio
        missing = 0
        for part, rung in zip(parts, given, strict=True):
            self._give(part, rung, peer.downlink.is_limited, now)
            rates = [rate for _, _, rate in part.ladder]
            has = rates[rung] if rung >= 0 else 0
            spent += has
            everything += rates[-1] if rates else 0
            if rates and rung < len(rates) - 1 and not missing:
                missing = rates[rung + 1] - has
        self._room.ask_for_waiting()
        return Shared(everything, spent, missing)

    def _parts(self, peer: Peer, now: float) -> tuple[int, list[_Part]]:
        """Return what audio takes, and the video sections that flow."""
        audio = 0
        parts: list[_Part] = []
        for one in peer.subscriptions.values():
            stream = self._room.stream_for(one, now)
            if stream is None or one.is_off or not stream.flows or not stream.layers:
                continue
            if not one.is_video:
                audio += stream.layers[0].rates.up_to(MAX_TEMPORAL)
            elif one.wish.slides is None and not one.is_given_up:
                ladder = rungs(stream, one.wish)
                current = _rung_of(one, ladder)
                allowed = within(ladder, one.bound_bps, current)
                parts.append(_Part(one, ladder[:allowed], allowed == len(ladder), current))
        return audio, parts

    def _rank(self, one: Subscription, now: float) -> tuple[int, int, int]:
        """As its subscriber wished; else the presenter's come first, its screen before all."""
        stream = self._room.stream_for(one, now)
        if stream is None:
            return 0, 9, 9
        presenter = self._room.presenter
        is_other = presenter is None or stream.peer != presenter.id
        return -one.wish.priority, int(is_other), _IMPORTANCE[stream.source]

    def _give(self, part: _Part, rung: int, is_limited: bool, now: float) -> None:
        one, ladder = part.one, part.ladder
        below = one.wish.slides_below
        is_low = below is not None and (rung < 0 or ladder[rung][0] < below)
        has_scheme = one.wish.scheme == "notify-slideshow" and one.alarm.is_on
        one.is_sliding = bool(ladder) and (is_low or has_scheme)
        one.is_starved = rung < 0 and not one.is_sliding
        one.limit = ladder[max(0, rung)][:2] if ladder else None
        if part.is_whole and rung == len(ladder) - 1 and not is_limited:
            one.limit = None
        self._room.aim(one, now)

    # News ------------------------------------------------------------------------------------

    def watch(self, peer: Peer, now: float) -> None:
        """Look whether sections get what their subscribers need, and act by their schemes."""
        link = peer.downlink
        for one in peer.subscriptions.values():
            if one.wish.min_bps is None and not one.alarm.is_on:
                continue
            if one.alarm.look(one.wish, link.budget_bps if link.is_limited else None):
                one.sound()
                mid, available = one.section.mid, link.estimate_bps or 0
                self._room.emit(
                    BandwidthAlert(self._room.id, one.peer, mid, one.alarm.is_on, available)
                )
                self._room.aim(one, now)

    def tell(self, one: Subscription, now: float) -> None:
        """Emit what a section gets, when that has changed."""
        stream = self._room.stream_for(one, now)
        line = one.line
        layer, temporal, _ = one.shown
        if stream is not None and line is not None and line.track in stream.layers:
            layer = stream.by_size().index(line.track)
            temporal = min(line.temporal, line.track.rates.top)
        shown = (layer, temporal, one.is_starved or one.is_broken)
        if shown != one.shown:
            one.shown = shown
            self._room.emit(LayerChanged(self._room.id, one.peer, one.section.mid, *shown))


def _rung_of(one: Subscription, ladder: Ladder) -> int:
    if one.is_starved or (one.line is None and one.target is None):
        return -1
    if one.limit is None:
        return len(ladder) - 1
    return next((n for n, rung in enumerate(ladder) if rung[:2] == one.limit), len(ladder) - 1)
