"""What a question is, and what makes one acceptable."""

from dataclasses import dataclass

from app.core.errors import BadRequest, TooLarge
from app.core.ids import QuestionId

MAX_CHARACTERS = 2_000
"""Of one question, counted as Unicode code points."""

MAX_CLIENT_ID = 128
"""Characters of the id that a client gives its own question."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question as the presenter sees it."""

    id: QuestionId
    content: str
    name: str = ""
    """Of who asked: a user name or a guest's pseudonym."""


def accepted(content: str) -> str:
    """Return ``content`` without the white space around it.

    Raises:
        BadRequest: nothing is left.
        TooLarge: it is longer than ``MAX_CHARACTERS``.
    """
    text = content.strip()
    if not text:
        raise BadRequest("the question is empty")
    if len(text) > MAX_CHARACTERS:
        raise TooLarge(f"a question has at most {MAX_CHARACTERS} characters")
    return text


def is_question_id(text: str) -> bool:
    """Tell whether ``text`` has the shape of a stream entry id: ``<ms>-<n>``."""
    milliseconds, dash, number = text.partition("-")
    return bool(dash) and all(
        part.isascii() and part.isdigit() and len(part) <= 19 for part in (milliseconds, number)
    )
