"""A lecture's questions as files that other programs open. Pure.

A spreadsheet takes a cell that begins like a formula for one, also in a file: whoever asks
``=HYPERLINK(…)`` would have the presenter's spreadsheet run it. Such cells get an apostrophe in
front (OWASP, "CSV Injection").
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

COLUMNS: Final = (
    "at", "at_ms", "question", "name", "anonymous", "votes", "solved_at", "answer", "answered_by",
)  # fmt: skip
OWNERS: Final = ("member", "shown")
"""What the presenter also sees."""

BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Without it some spreadsheets read UTF-8 as something else."""

_FORMULA: Final = frozenset("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 (the wide ones are meant)
"""First characters that begin a formula somewhere; also the wide forms, which some fold."""


def harmless(text: str) -> str:
    """Return a text that no spreadsheet runs: the same, or with an apostrophe in front."""
    first = text.lstrip(" \N{NO-BREAK SPACE}\ufeff\u200b")[:1]
    return f"'{text}" if first in _FORMULA and first else text


def clock(ms: int | None) -> str:
    """Return a moment of a lecture as h:mm:ss; nothing for None."""
    if ms is None:
        return ""
    seconds = ms // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def questions_csv(questions: Iterable[Mapping[str, Any]], *, for_owner: bool) -> Iterator[str]:
    """Yield the lines of a CSV (RFC 4180) of questions, each as the record's list has it."""
    yield BOM + _line([*COLUMNS, *(OWNERS if for_owner else ())])
    for one in questions:
        yield question_line(one, for_owner=for_owner)


def question_line(one: Mapping[str, Any], *, for_owner: bool) -> str:
    """Return the line of one question."""
    answer: Mapping[str, Any] = one["answer"] or {}
    cells = [
        clock(one["at"]),
        one["at"],
        harmless(one["content"]),
        harmless(one["name"]),
        "yes" if one["anonymous"] else "no",
        one["votes"],
        clock(one["solvedAt"]),
        harmless(answer.get("content", "")),
        harmless(answer.get("name", "")),
    ]
    if for_owner:
        cells += [harmless(one["memberId"] or ""), one["shown"]]
    return _line(cells)


def questions_json(head: Mapping[str, Any], questions: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a JSON document of questions, with what ``head`` says of their lecture."""
    return orjson.dumps({**head, "questions": list(questions)}, option=orjson.OPT_INDENT_2) + b"\n"


def _line(cells: Iterable[Any]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
