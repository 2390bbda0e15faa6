"""What the archive has, as JSON has it (docs/protocol-rest.md)."""

import base64
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa

from app.archive.board import BoardState


def board_item(row: sa.Row[Any], started_ms: int) -> dict[str, Any]:
    """Return one change of a board as JSON has it."""
    item = {"seq": row.seq, "at": row.at_ms - started_ms, "kind": row.kind}
    item |= orjson.loads(row.data)
    if row.kind == "board":
        item["objects"] = None if row.objects is None else base64.b64encode(row.objects).decode()
    return item


def board_fields(state: BoardState, started_ms: int) -> dict[str, Any]:
    """Return a board at one moment as JSON has it."""
    return {
        "seq": state.seq,
        "at": max(0, state.at_ms - started_ms),
        "kind": state.kind,
        "rev": state.rev,
        "hash": state.hash,
        "page": state.page,
        "elements": [orjson.Fragment(text) for text in state.texts()],
        "view": state.view,
        "objects": base64.b64encode(state.objects).decode() if state.objects else None,
    }


def iso_ms(at_ms: int | None) -> str | None:
    """Return a moment as ISO 8601."""
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def question_item(row: Any, began: int, is_owner: bool) -> dict[str, Any]:
    """Return a question; its presenter sees who asked, and what the class never saw."""
    answer = None
    if row.answer is not None:
        answer = {
            "content": row.answer,
            "name": row.answer_name or "",
            "at": max(0, row.answered_ms - began),
        }
    item = {
        "seq": row.seq,
        "questionId": row.question_id,
        "at": max(0, row.asked_ms - began),
        "content": row.content,
        "name": row.name if is_owner or not row.anonymous else "",
        "anonymous": row.anonymous,
        "votes": row.votes,
        "solvedAt": None if row.solved_ms is None else max(0, row.solved_ms - began),
        "answer": answer,
        "erased": row.erased,
    }
    if is_owner:
        item |= {"memberId": row.member_id, "shown": row.shown}
    return item


def stay_item(row: Any, began: int) -> dict[str, Any]:
    """Return one stay of one participant."""
    return {
        "stay": row.stay,
        "memberId": row.member_id,
        "name": row.name,
        "kind": row.kind,
        "joinedAt": max(0, row.joined_ms - began),
        "leftAt": None if row.left_ms is None else max(0, row.left_ms - began),
    }
