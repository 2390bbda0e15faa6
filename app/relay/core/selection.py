"""Which layer of a stream a subscriber should get: by its wish, its window and its link."""

from app.relay.core.layers import MAX_TEMPORAL
from app.relay.core.stream import Stream
from app.relay.core.track import Track
from app.relay.core.wish import SLIDES, Wish

ALL = MAX_TEMPORAL
"""The temporal layer that means: everything the track has."""
WINDOW_SLACK = 1.2
"""A layer this much lower than the window is still shown in it: scaling up a little hides that."""
FPS_SLACK = 1.1
"""Frames come a little faster now and then."""


def rungs(stream: Stream, wish: Wish) -> list[tuple[int, int, int]]:
    """Return (layer, temporal layer, bits per second) that the wish allows, the least first.

    Those that cost no more than a lesser one, or that carry nothing of their own, are left out.
    """
    found: list[tuple[int, int, int]] = []
    for layer, track in enumerate(_allowed(stream, wish)):
        top = track.rates.top
        for temporal in range(_top_temporal(track, wish) + 1):
            rate = track.rates.up_to(temporal)
            name = ALL if temporal == top else temporal
            while found and found[-1][2] >= rate > 0:
                found.pop()
            found.append((layer, name, rate))
    return found


def within(ladder: list[tuple[int, int, int]], bound_bps: int | None, current: int) -> int:
    """Return how many rungs of a ladder, the least first, cost no more than a bound.

    A rung above the ``current`` one must fit a tenth better: no flapping at the bound.
    """
    if bound_bps is None:
        return len(ladder)
    count = 0
    for place, (_, _, rate) in enumerate(ladder):
        if rate * (1.1 if place > current else 1) <= bound_bps:
            count = place + 1
    return count


def _top_temporal(track: Track, wish: Wish) -> int:
    """Return the highest temporal layer that carries anything and that the wish allows."""
    top = track.rates.top
    if wish.temporal is not None:
        top = min(top, wish.temporal)
    if wish.fps is not None:
        while top and track.rates.fps_up_to(top) > FPS_SLACK * wish.fps:
            top -= 1
    return top


def _allowed(stream: Stream, wish: Wish) -> list[Track]:
    layers = stream.by_size()
    if wish.layer is not None:
        layers = layers[: wish.layer + 1]
    fitting = 1
    while fitting < len(layers) and _is_small(layers[fitting - 1], wish):
        fitting += 1
    return layers[:fitting]


def _is_small(track: Track, wish: Wish) -> bool:
    """Tell whether a layer does not fill the window, and the next one may be shown in it."""
    fills_height = wish.height is not None and track.height * WINDOW_SLACK >= wish.height
    fills_width = wish.width is not None and track.width * WINDOW_SLACK >= wish.width
    return not (fills_height or fills_width)


def best(stream: Stream, wish: Wish, limit: tuple[int, int] | None) -> Track:
    """Return the layer that one should get of a stream that has any, were it sent."""
    top = len(_allowed(stream, wish)) - 1
    return stream.by_size()[top if limit is None else min(top, limit[0])]


def wants_more(stream: Stream, wish: Wish, limit: tuple[int, int] | None) -> bool:
    """Tell whether one should get a larger layer than any that the stream has had so far."""
    layers = stream.by_size()
    top = len(layers) - 1
    is_bounded = wish.layer is not None and wish.layer <= top
    is_narrow = limit is not None and limit[0] < top
    return not is_bounded and not is_narrow and (not layers or _is_small(layers[top], wish))


def choose(
    stream: Stream,
    wish: Wish,
    limit: tuple[int, int] | None,
    now: float,
    *,
    slides: bool = False,
) -> tuple[Track, int] | None:
    """Return (track, temporal layer) to send, None if the stream has no track.

    A layer that its publisher does not send at the moment gives way to the next lower one that it
    does, then to the next higher. Of ``slides`` the layer is the same, and keyframes are all.
    """
    layers = stream.by_size()
    if not layers:
        return None
    top, temporal = len(_allowed(stream, wish)) - 1, ALL
    allowed = _top_temporal(layers[top], wish)
    if allowed < layers[top].rates.top:
        temporal = allowed
    if limit is not None and limit[0] <= top:
        if limit[0] < top or limit[1] < temporal:
            temporal = min(limit[1], ALL if wish.temporal is None else wish.temporal)
        top = limit[0]
    if not layers[top].is_active(now) and len(layers) > 1:
        for track in [*reversed(layers[:top]), *layers[top + 1 :]]:
            if track.is_active(now):
                return track, SLIDES if slides else ALL
    return layers[top], SLIDES if slides else temporal
