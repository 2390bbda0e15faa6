"""A lecture's boards as existing clients replay them: whole snapshots, each with its objects. Pure.

Such a client inflates ``objects`` of every log, so none may be empty, and what did not change is
said again (X2, X18). A presenter who pans makes sixty logs a second of one board, so what changes
only the view is thinned out, and everything is where a record would be too large to be sent.
"""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.archive.board import BoardState

VIEW_MS = 250
"""Between two logs of one set of objects."""

SKETCH_MS = 1_000
"""Between two logs of an element board."""

MOST_SKETCHES = 600
"""Of one record: each is the whole page."""

MOST_BYTES = 64 * 1024 * 1024
"""Of a record, about. A byte of objects takes 3.6 characters."""

CHARACTERS_PER_BYTE = 3.6

NO_OBJECTS = gzip.compress(b"[]", mtime=0)
"""The objects of a board that has none: never empty."""

NO_VIEW: Mapping[str, Any] = {
    "viewport": [1, 0, 0, 1, 0, 0],
    "eventTime": 0,
    "width": 0,
    "height": 0,
}

_NUMBERS = tuple(str(byte).encode() for byte in range(256))


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is of a lecture's board."""

    duration_ms: int = 0
    snapshots: int = 0
    """Boards that brought objects."""
    bytes: int = 0
    """Of all of these."""


@dataclass(frozen=True, slots=True)
class Log:
    """One log of a record."""

    objects: bytes
    view: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """Equal for equal logs."""
        return log_digest(self.objects, self.view)

    def json(self) -> bytes:
        """Return it as JSON, its objects as an array of byte values."""
        view = orjson.dumps(self.view)
        values = b",".join([_NUMBERS[byte] for byte in self.objects])
        return b'{"objects":[' + values + b"]," + view[1:]


def log_digest(objects: bytes, view: Mapping[str, Any]) -> str:
    """Return 32 digits that tell boards apart."""
    numbers = (*view["viewport"], view["eventTime"], view["width"], view["height"])
    text = repr(tuple(float(number) for number in numbers)).encode()
    return hashlib.blake2b(objects + text, digest_size=16).hexdigest()


@dataclass(slots=True)
class RecordMaker:
    """Makes logs of a board's changes, which it is given in order."""

    extent: Extent
    started_ms: int
    state: BoardState = field(default_factory=BoardState)
    _told_ms: int | None = None
    _waits: bool = False

    def take(
        self, seq: int, at_ms: int, kind: str, data: Mapping[str, Any], objects: bytes | None
    ) -> Iterator[Log]:
        """Move on by one change, and give the log that it makes, if it makes one."""
        self.state.apply(seq, at_ms, kind, data, objects)
        if kind == "page" and self.state.kind == "whole":
            return
        self._waits = True
        if self._told_ms is None or at_ms - self._told_ms >= self._interval_ms(bool(objects)):
            yield self._log()

    def last(self) -> Iterator[Log]:
        """Give the board as it stands, if it was not given."""
        if self._waits:
            yield self._log()

    def _interval_ms(self, brought_objects: bool) -> float:
        extent = self.extent
        if self.state.kind == "elements":
            return max(SKETCH_MS, extent.duration_ms / MOST_SKETCHES)
        size = extent.bytes / max(1, extent.snapshots) * CHARACTERS_PER_BYTE
        fitting = max(1.0, MOST_BYTES / max(1.0, size))
        if brought_objects:
            return extent.duration_ms / fitting if extent.snapshots > fitting else 0
        return max(VIEW_MS, extent.duration_ms / fitting)

    def _log(self) -> Log:
        state = self.state
        self._told_ms, self._waits = state.at_ms, False
        view = dict(state.view or NO_VIEW)
        if state.kind == "elements":
            view["eventTime"] = max(0, state.at_ms - self.started_ms)
            return Log(_sketch(state), view)
        return Log(state.objects or NO_OBJECTS, view)


def _sketch(state: BoardState) -> bytes:
    shown = [one.text for one in state.elements.values() if one.page == state.page]
    return gzip.compress(b"[" + b",".join(shown) + b"]", compresslevel=1, mtime=0)
