"""What the archive takes from a room's log, and what it makes of it. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.core.ids import LectureId

ArchiveState = Literal["live", "archiving", "ready", "incomplete", "none"]

MEMBER_DIGITS = 16

MAX_GAPS = 200
"""Holes that are told apart; later ones only make the last one longer."""

BOARD_KINDS = frozenset({"board", "drawn", "page"})

MARK_KINDS = frozenset({"presenter_away", "presenter_back", "recording", "sources", "ended"})
"""Events that are kept as they are: they name nobody."""


def member_id(lecture: LectureId, identity: str) -> str:
    """Return the id under which others see somebody in one lecture (``_questions.lua``)."""
    text = f"member:{lecture}:{identity}".encode()
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()[:MEMBER_DIGITS]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a room's log, with the objects of a board where it brought some."""

    seq: int
    at_ms: int
    type: str
    data: Mapping[str, Any]
    raw: bytes = b""
    """``data`` as the log has it."""
    objects: bytes | None = None
    lost_objects: bool = False
    """It brought objects, and they were gone before the archive came for them."""
    who: str | None = None
    """The member id of whoever did it, where the log says so."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that happened and are not in the archive."""

    from_seq: int
    to_seq: int
    at_ms: int
    """When the first event after the gap happened."""
    what: str
    """``log``: the log was trimmed or replaced first; ``objects``: a board came without them;
    ``board``: changes that the
    archive could not follow, before it took the board as it stood;
    ``unreadable``: an event that this version does not understand; ``end``: the log was gone
    before its end."""


def with_gap(gaps: tuple[Gap, ...], new: Gap) -> tuple[Gap, ...]:
    """Return the gaps and the new one; the last of too many grows instead."""
    if len(gaps) < MAX_GAPS:
        return (*gaps, new)
    last = gaps[-1]
    return (*gaps[:-1], Gap(last.from_seq, new.to_seq, new.at_ms, last.what))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a lecture's log was brought over."""

    seq: int
    """The last event that the archive has."""
    started_ms: int
    ended_ms: int | None = None
    finished: bool = False
    gaps: tuple[Gap, ...] = ()


@dataclass(slots=True)
class Changes:
    """What one piece of a log changes in the tables, in the order of the log."""

    board: list[dict[str, Any]] = field(default_factory=list)
    keyframes: list[dict[str, Any]] = field(default_factory=list)
    questions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By question id: the columns that changed. Those with ``seq`` are new."""
    captions: list[dict[str, Any]] = field(default_factory=list)
    chapters: list[dict[str, Any]] = field(default_factory=list)
    marks: list[dict[str, Any]] = field(default_factory=list)
    ended_ms: int | None = None
    unreadable: list[Entry] = field(default_factory=list)
    diverged: int | None = None
    """The first ``drawn`` after which the board here is not the live one any more."""

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is to be stored."""
        rows = (self.board, self.keyframes, self.questions, self.captions, self.chapters)
        return not any(rows) and not self.marks and not self.unreadable

    def question(self, ident: str, **columns: Any) -> None:
        """Note changes of one question."""
        self.questions.setdefault(ident, {}).update(columns)
