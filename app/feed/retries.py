"""When a webhook that was not taken is sent again, and when no more. Pure."""

from collections.abc import Callable

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 900.0
GIVE_UP_SECONDS = 24 * 3600.0
"""Since the event: about as long as the feed reaches back."""

JITTER = 0.2
"""Of the pause, so that hooks of one receiver do not all come back at once."""


def pause(failures: int, draw: Callable[[], float]) -> float:
    """Return the seconds before the next try, after so many in a row failed (1 or more).

    ``draw`` returns a random number from 0 to 1. A pause doubles up to ``LONGEST_SECONDS``.
    """
    longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(failures - 1, 20))
    return float(longest * (1 + JITTER * (draw() - 0.5)))


def gives_up(event_ms: int, now_ms: int) -> bool:
    """Tell whether an event is too old to be tried again."""
    return now_ms - event_ms > GIVE_UP_SECONDS * 1000


def is_taken(status: int) -> bool:
    """Tell whether the receiver has the event: any 2xx."""
    return 200 <= status < 300


def is_gone(status: int) -> bool:
    """Tell whether the receiver wants nothing more, ever: 410."""
    return status == 410
