"""The board of a lecture at any moment, made again from what happened to it. Pure.

A board is a fold over its events: this is the same fold as that of ``draw.lua``, ``edit.lua`` and
``page.lua``, whose ``drawn`` events hold only what took effect. Keyframes are the fold's state,
written down now and then, so that a seek replays little.
"""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.whiteboard.model import EMPTY_HASH, BoardKind, digest, state_hash

KEYFRAME_EVENTS = 500
"""Changes after which a keyframe is written at the latest."""

KEYFRAME_BYTES = 256 * 1024
"""Of changes after which a keyframe is written, or as many bytes as the last keyframe has: so
keyframes take no more room than changes do, and a replay costs no more than reading one."""

_LEVEL = 6


@dataclass(slots=True)
class _Element:
    first: int
    second: int
    page: int
    text: bytes


@dataclass(slots=True)
class BoardState:
    """A board after the event ``seq``. ``apply`` moves it on."""

    seq: int = 0
    at_ms: int = 0
    kind: BoardKind = "whole"
    rev: int = 0
    page: int = 0
    view: dict[str, Any] | None = None
    """The last {viewport, eventTime, width, height}; None before the first."""
    objects: bytes = b""
    """Of a whole board: the gzip that stands."""
    elements: dict[str, _Element] = field(default_factory=dict)
    first: int = 0
    second: int = 0

    @property
    def hash(self) -> str:
        """The hash of an element board, as the live one's; empty for a whole one."""
        return state_hash(self.first, self.second) if self.kind == "elements" else ""

    def texts(self) -> list[bytes]:
        """Return the elements as JSON, in the order in which they were put last."""
        return [element.text for element in self.elements.values()]

    def apply(
        self, seq: int, at_ms: int, kind: str, data: Mapping[str, Any], objects: bytes | None
    ) -> None:
        """Move on by one event. Raises KeyError, TypeError or ValueError for what is none."""
        if kind == "board":
            self._board(data, objects)
        elif kind == "drawn":
            self._drawn(data)
        elif kind == "page":
            self.page = int(data["page"])
            self.rev += 1
        else:
            raise ValueError("no event of a board")
        self.seq, self.at_ms = seq, at_ms

    def _board(self, data: Mapping[str, Any], objects: bytes | None) -> None:
        self.view = {name: data[name] for name in ("viewport", "eventTime", "width", "height")}
        self.rev += 1
        if objects:
            self.objects = objects
            self._clear(None)
            self.kind = "whole"

    def _drawn(self, data: Mapping[str, Any]) -> None:
        if self.kind == "whole":
            self.kind, self.objects = "elements", b""
        for operation in data["ops"]:
            if "put" in operation:
                self.put(operation["put"])
            elif "del" in operation:
                self._drop(operation["del"])
            else:
                self._clear(operation.get("page"))
        self.rev = int(data["rev"])

    def put(self, element: Mapping[str, Any]) -> None:
        """Make an element what this says."""
        ident = str(element["id"])
        self._drop(ident)
        first, second = digest(ident, int(element["version"]), int(element["versionNonce"]))
        page = int(element.get("page", 0))
        self.elements[ident] = _Element(first, second, page, orjson.dumps(element))
        self.first += first
        self.second += second

    def _drop(self, ident: str) -> None:
        gone = self.elements.pop(ident, None)
        if gone is not None:
            self.first -= gone.first
            self.second -= gone.second

    def _clear(self, page: int | None) -> None:
        for ident in [i for i, one in self.elements.items() if page is None or one.page == page]:
            self._drop(ident)


def freeze(state: BoardState) -> bytes:
    """Return a state as a keyframe holds it."""
    head = orjson.dumps(
        {
            "seq": state.seq,
            "at": state.at_ms,
            "kind": state.kind,
            "rev": state.rev,
            "page": state.page,
            "view": state.view,
        }
    )
    body = b"[" + b",".join(state.texts()) + b"]"
    return zlib.compress(b"\n".join((head, body)), _LEVEL) + state.objects


def thaw(frozen: bytes) -> BoardState:
    """Return the state that a keyframe holds. Raises ValueError for what is none."""
    reader = zlib.decompressobj()
    try:
        head, _, body = reader.decompress(frozen).partition(b"\n")
    except zlib.error as fault:
        raise ValueError("this is no keyframe") from fault
    fields = orjson.loads(head)
    state = BoardState(
        seq=fields["seq"],
        at_ms=fields["at"],
        kind=fields["kind"],
        rev=fields["rev"],
        page=fields["page"],
        view=fields["view"],
        objects=reader.unused_data,
    )
    for element in orjson.loads(body):
        state.put(element)
    return state


Change = tuple[int, int, str, Mapping[str, Any], bytes | None]
"""``seq``, ms, kind, data, objects."""


def rebuild(keyframe: bytes | None, changes: Iterable[Change]) -> BoardState:
    """Return the board after a keyframe and the changes that followed it."""
    state = thaw(keyframe) if keyframe is not None else BoardState()
    for seq, at_ms, kind, data, objects in changes:
        state.apply(seq, at_ms, kind, data, objects)
    return state


@dataclass(slots=True)
class Keyframes:
    """Says when a keyframe is due."""

    events: int = 0
    size: int = 0
    last: int = 0
    """Bytes of the last keyframe."""

    def note(self, size: int) -> bool:
        """Count one change of so many bytes; tell whether a keyframe is due after it."""
        self.events += 1
        self.size += size
        return self.events >= KEYFRAME_EVENTS or self.size >= max(KEYFRAME_BYTES, self.last)

    def written(self, size: int) -> None:
        """Begin anew after a keyframe of so many bytes."""
        self.events, self.size, self.last = 0, 0, size


__all__ = ["EMPTY_HASH", "BoardState", "Change", "Keyframes", "freeze", "rebuild", "thaw"]
