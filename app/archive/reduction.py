"""What a piece of a room's log becomes in the archive's tables. Pure."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from app.archive.board import BoardState, Keyframes, freeze
from app.archive.model import BOARD_KINDS, MARK_KINDS, Changes, Entry
from app.store.tables import MAX_USERNAME_CHARS

MAX_CAPTION_MS = 7_000
"""How long a line of captions stands at most."""

READING_MS_PER_CHARACTER = 60
"""For which a typed line stands: about 16 characters a second (a common rule of subtitling)."""

SHORTEST_MS = 1_200


def reduce_log(
    entries: Iterable[Entry], started_ms: int, board: BoardState, keyframes: Keyframes
) -> Changes:
    """Return what the entries change. ``board`` and ``keyframes`` are moved on.

    An entry that is not understood is set aside, never in the way of those after it.
    """
    changes = Changes()
    for entry in entries:
        take = _TAKE.get(entry.type)
        try:
            if entry.type in BOARD_KINDS:
                _board(changes, entry, board, keyframes)
            if take is not None:
                take(changes, entry, started_ms)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            changes.unreadable.append(entry)
    return changes


def _board(changes: Changes, entry: Entry, board: BoardState, keyframes: Keyframes) -> None:
    if entry.seq <= board.seq:  # the board was taken as it stood, after this
        return
    # Sent again as they stand: stored once.
    objects = None if entry.objects == board.objects else entry.objects
    board.apply(entry.seq, entry.at_ms, entry.type, entry.data, entry.objects)
    row = {
        "seq": entry.seq,
        "at_ms": entry.at_ms,
        "kind": entry.type,
        "data": entry.raw,
        "objects": objects or None,
    }
    changes.board.append(row)
    is_other = entry.type == "drawn" and entry.data.get("hash") != board.hash
    if is_other and changes.diverged is None:
        changes.diverged = entry.seq
    if keyframes.note(len(entry.raw) + len(objects or b"")):
        add_keyframe(changes, board, keyframes)


def add_keyframe(changes: Changes, board: BoardState, keyframes: Keyframes) -> None:
    """Write the board down as it is."""
    frozen = freeze(board)
    changes.keyframes.append({"seq": board.seq, "at_ms": board.at_ms, "state": frozen})
    keyframes.written(len(frozen))


def clean(text: object, limit: int | None = None) -> str:
    """Return a text that every database keeps: PostgreSQL has no NUL."""
    whole = str(text).replace("\x00", "�")
    return whole if limit is None else whole[:limit]


def _asked(changes: Changes, entry: Entry, _: int) -> None:
    data = entry.data
    changes.question(
        clean(data["questionId"], 48),
        seq=entry.seq,
        asked_ms=entry.at_ms,
        content=clean(data["content"]),
        name=clean(data.get("name", ""), MAX_USERNAME_CHARS),
        anonymous=bool(data.get("anonymous", False)),
        member_id=data.get("memberId"),
        shown=clean(data.get("shown", "waiting"), 8),
        votes=int(data.get("votes", 0)),
    )


def _shown(changes: Changes, entry: Entry, _: int) -> None:
    changes.question(clean(entry.data["questionId"], 48), shown="visible")


def _hidden(changes: Changes, entry: Entry, _: int) -> None:
    changes.question(clean(entry.data["questionId"], 48), shown="hidden")


def _votes(changes: Changes, entry: Entry, _: int) -> None:
    for ident, count in entry.data["votes"].items():
        changes.question(clean(ident, 48), votes=int(count))


def _answered(changes: Changes, entry: Entry, _: int) -> None:
    data = entry.data
    at = datetime.fromisoformat(data["at"]).timestamp() if "at" in data else entry.at_ms / 1000
    changes.question(
        clean(data["questionId"], 48),
        answer=clean(data["content"]),
        answer_name=clean(data.get("name", ""), MAX_USERNAME_CHARS),
        answer_member=entry.who,
        answered_ms=round(at * 1000),
    )


def _solved(changes: Changes, entry: Entry, _: int) -> None:
    changes.question(clean(entry.data["questionId"], 48), solved_ms=entry.at_ms)


def _caption(changes: Changes, entry: Entry, started_ms: int) -> None:
    text = clean(entry.data["text"])
    ago = max(0, int(entry.data.get("ago", 0)))
    start = max(0, entry.at_ms - started_ms - ago)
    lasts = min(MAX_CAPTION_MS, max(SHORTEST_MS, ago, len(text) * READING_MS_PER_CHARACTER))
    changes.captions.append(
        {
            "source": "live",
            "number": entry.seq,
            "start_ms": start,
            "end_ms": start + lasts,
            "text": text,
            "member_id": entry.who,
        }
    )


def _page(changes: Changes, entry: Entry, _: int) -> None:
    row = {"seq": entry.seq, "at_ms": entry.at_ms, "page": int(entry.data["page"]), "title": None}
    changes.chapters.append(row)


def _chapter(changes: Changes, entry: Entry, _: int) -> None:
    title = clean(entry.data["title"], 200)
    row = {"seq": entry.seq, "at_ms": entry.at_ms, "page": None, "title": title}
    changes.chapters.append(row)


def _mark(changes: Changes, entry: Entry, _: int) -> None:
    row = {"seq": entry.seq, "at_ms": entry.at_ms, "kind": entry.type, "data": entry.raw}
    changes.marks.append(row)
    if entry.type == "ended":
        changes.ended_ms = entry.at_ms


_TAKE: dict[str, Callable[[Changes, Entry, int], Any]] = {
    "asked": _asked,
    "question": _shown,
    "hidden": _hidden,
    "votes": _votes,
    "answered": _answered,
    "solved": _solved,
    "caption": _caption,
    "page": _page,
    "chapter": _chapter,
    **dict.fromkeys(MARK_KINDS, _mark),
}
