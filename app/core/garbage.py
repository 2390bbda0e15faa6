"""Python's collector of cycles, which stops the process while it walks over every object."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

FULL_COLLECTION_AFTER = 100
"""Collections of the middle generation before a full one: about 700,000 new objects. Sessions leave
no cycles behind, so a full collection finds next to nothing."""

MANY_CONNECTIONS = 1000
"""With so many a full collection takes 36 ms, at 9,000 a third of a second."""

CALM_SECONDS = 30.0
"""With fewer for so long, what the many were made of is gone, and a full collection short."""

AT_LEAST_EVERY_SECONDS = 3600.0
"""A full collection is put off no longer than this, however many connections there are."""

_NEVER = 2**31 - 1
"""Collections of the middle generation: the highest number that CPython takes."""


@contextmanager
def resting() -> Iterator[None]:
    """Collect nothing meanwhile: of what is loaded nothing is garbage, and a start that looks for
    it nevertheless takes a quarter longer."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def set_aside() -> None:
    """Let the collector walk only over what is made from now on, and seldom over all of that.

    What a process loads at its start (170,000 objects) lives as long as the process; each full
    collection walked over it again: 70 ms in which no packet was forwarded and no event sent.
    """
    gc.collect()
    gc.freeze()
    _set(FULL_COLLECTION_AFTER)


class Pace:
    """Puts full collections off while a process holds many connections.

    The young generations, where nearly all cycles end, are collected as ever.
    """

    def __init__(self) -> None:
        self._put_off_since: float | None = None
        self._many_at = 0.0

    def note(self, connections: int, now: float) -> None:
        """Say how many connections there are, every now and then; ``now`` in seconds."""
        if connections > MANY_CONNECTIONS:
            self._many_at = now
            if self._put_off_since is None:
                self._put_off_since = now
                _set(_NEVER)
        if self._put_off_since is None:
            return
        if now - self._many_at >= CALM_SECONDS:
            self._put_off_since = None
            _set(FULL_COLLECTION_AFTER)
            gc.collect()  # now, and not when somebody else has come
        elif now - self._put_off_since >= AT_LEAST_EVERY_SECONDS:
            self._put_off_since = now
            gc.collect()


def _set(full_collection_after: int) -> None:
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, full_collection_after)
