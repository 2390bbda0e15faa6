"""What clients send about each other: texts, lists of people, removals."""

from typing import Annotated

from pydantic import AfterValidator, Field

from app.transport.sio.messages.form import InRoom, LimitError, ShortId

MAX_TEXT_CHARS = 2000
MAX_REASON_CHARS = 200


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("the text is empty")
    if len(value) > MAX_TEXT_CHARS:
        raise LimitError(f"a text has at most {MAX_TEXT_CHARS} characters")
    return value


class Text(InRoom):
    """``to`` is ``"all"``, or a member's id."""

    to: ShortId = "all"
    message: Annotated[str, AfterValidator(_text)]


class People(InRoom):
    """``cursor`` is what the last answer gave; ``"0"`` begins."""

    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")] = "0"


class Remove(InRoom):
    """``member``: an id as ``people``, ``tracks``, ``hands`` or questions name it."""

    member: ShortId
    ban: bool = False
    reason: Annotated[str, Field(max_length=MAX_REASON_CHARS)] = ""


class Readmit(InRoom):
    member: ShortId
