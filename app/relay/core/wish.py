"""What a subscriber asked for one section, and what becomes of it when its link is narrow."""

from typing import Literal, NamedTuple

Scheme = Literal[
    "notify", "notify-break", "notify-break-recover", "notify-slideshow", "notify-stop-feedback"
]
"""What happens beside an alert while a section gets less than ``min_bps``: nothing more; its end
until it is asked for anew; its end until there is enough again; a slide show; or its keyframe
requests are not passed on, so that it costs the publisher nothing."""

SLIDES = -1
"""The temporal layer of a slide show: keyframes alone."""
MIN_SLIDE_SECONDS, MAX_SLIDE_SECONDS, SLIDE_SECONDS = 2.0, 10.0, 3.0
RECOVERY = 1.2
"""An alert ends when there is so many times as much as is needed."""


class Wish(NamedTuple):
    """Bounds of one section; None is no bound."""

    height: int | None = None
    width: int | None = None
    """Of its window in pixels."""
    fps: int | None = None
    layer: int | None = None
    """Simulcast layer, 0 the smallest."""
    temporal: int | None = None
    max_bps: int | None = None
    """Never more than this: where the least layer needs more, the picture is paused."""
    priority: int = 1
    """Of several sections the greatest degrades last."""
    slides: float | None = None
    """Seconds between two pictures of a slide show instead of video."""
    slides_below: int | None = None
    """A slide show, rather than a layer below this one, where the link carries no better."""
    min_bps: int | None = None
    """With less than this there is an alert."""
    scheme: Scheme = "notify"


def slide_seconds(wanted: float) -> float:
    """Return the pause between two slides for a wish: what is out of bounds is three seconds."""
    is_good = MIN_SLIDE_SECONDS <= wanted <= MAX_SLIDE_SECONDS
    return wanted if is_good else SLIDE_SECONDS


class Alarm:
    """Whether one section gets less than its subscriber needs. Time is not its concern: it is fed
    with what there is about twice a second."""

    __slots__ = ("is_on",)

    def __init__(self) -> None:
        self.is_on = False

    def look(self, wish: Wish, available_bps: int | None) -> bool:
        """Take in what the link has for this section, None for more than enough; True on change."""
        before = self.is_on
        if wish.min_bps is None or available_bps is None:
            self.is_on = False
        elif self.is_on:
            self.is_on = available_bps < RECOVERY * wish.min_bps
        else:
            self.is_on = available_bps < wish.min_bps
        return self.is_on != before
