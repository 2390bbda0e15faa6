"""Which layer of a stream a subscriber should get: by its wish, its window and its link."""

from app.relay.core.layers import MAX_TEMPORAL
from app.relay.core.stream import Stream
from app.relay.core.subscription import Wish
from app.relay.core.track import Track

ALL = MAX_TEMPORAL
"""The temporal layer that means: everything the track has."""
WINDOW_SLACK = 1.2
"""A layer this much lower than the window is still shown in it: scaling up a little hides that."""


def rungs(stream: Stream, wish: Wish) -> list[tuple[int, int, int]]:
    """Return (layer, temporal layer, bits per second) that the wish allows, the least first.

    Those that cost no more than a lesser one, or that carry nothing of their own, are left out.
    """
    found: list[tuple[int, int, int]] = []
    for layer, track in enumerate(_allowed(stream, wish)):
        top = track.rates.top
        highest = top if wish.temporal is None else min(top, wish.temporal)
        for temporal in range(highest + 1):
            rate = track.rates.up_to(temporal)
            name = ALL if temporal == top else temporal
            while found and found[-1][2] >= rate > 0:
                found.pop()
            found.append((layer, name, rate))
    return found


def _allowed(stream: Stream, wish: Wish) -> list[Track]:
    layers = stream.by_size()
    if wish.layer is not None:
        layers = layers[: wish.layer + 1]
    if wish.height is not None and len(layers) > 1:
        fitting = 1
        while fitting < len(layers) and layers[fitting - 1].height * WINDOW_SLACK < wish.height:
            fitting += 1
        layers = layers[:fitting]
    return layers


def choose(
    stream: Stream, wish: Wish, limit: tuple[int, int] | None, now: float
) -> tuple[Track, int] | None:
    """Return (track, temporal layer) to send, None if the stream has no track.

    A layer that its publisher does not send at the moment gives way to the next lower one that it
    does, then to the next higher.
    """
    layers = stream.by_size()
    if not layers:
        return None
    top, temporal = len(_allowed(stream, wish)) - 1, ALL
    if wish.temporal is not None and wish.temporal < layers[top].rates.top:
        temporal = wish.temporal
    if limit is not None and limit[0] <= top:
        if limit[0] < top or limit[1] < temporal:
            temporal = min(limit[1], ALL if wish.temporal is None else wish.temporal)
        top = limit[0]
    if layers[top].is_active(now) or len(layers) == 1:
        return layers[top], temporal
    for track in [*reversed(layers[:top]), *layers[top + 1 :]]:
        if track.is_active(now):
            return track, ALL
    return layers[top], temporal
