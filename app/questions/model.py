"""What a question is, and what makes one acceptable."""

from dataclasses import dataclass
from typing import Any, Literal

from app.core.errors import BadRequest, TooLarge
from app.core.ids import QuestionId

MAX_CHARACTERS = 2_000
"""Of one question, counted as Unicode code points."""

MAX_ANSWER_CHARACTERS = 4_000
"""Of one answer in text."""

MAX_CLIENT_ID = 128
"""Characters of the id that a client gives its own question or answer."""

MAX_KNOWN = 50
"""Questions of which a client may ask at once whether they are answered."""


@dataclass(frozen=True, slots=True)
class QuestionConfig:
    """The limits that questions are under."""

    asks_per_second: float = 1.0
    asks_burst: int = 30
    """Of one person, in whatever process and on however many connections it asks."""
    votes_per_second: float = 5.0
    votes_burst: int = 60
    claim_seconds: float = 60.0
    """How long a question stays with an assistant who does not answer it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who does something to questions; a script finds out whether it is an assistant."""

    kind: Literal["presenter", "student", "guest"]
    identity: str
    """The e-mail of an account, or a guest's id; never shown to anybody."""
    name: str
    epoch: int | None = None
    """A presenter's, whose writes count while it is the slot's; None to look only."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question as the presenter sees it."""

    id: QuestionId
    content: str
    name: str = ""
    """Of who asked: a user name or a guest's pseudonym."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A question that an assistant has for a while."""

    id: QuestionId
    until: str
    """ISO 8601: when it is anybody's again, unless it is answered."""


@dataclass(frozen=True, slots=True)
class QuestionView:
    """What somebody sees of a room's questions, in the shape of docs/protocol.md."""

    member: str
    """Its own id, as others see it."""
    role: str
    moderation: bool
    assistants: list[dict[str, str]]
    known: dict[str, str]
    questions: list[dict[str, Any]]

    @property
    def is_staff(self) -> bool:
        return self.role in {"presenter", "assistant"}


def accepted(content: str, limit: int = MAX_CHARACTERS, what: str = "question") -> str:
    """Return ``content`` without the white space around it.

    Raises:
        BadRequest: nothing is left.
        TooLarge: it is longer than ``limit`` characters.
    """
    text = content.strip()
    if not text:
        raise BadRequest(f"the {what} is empty")
    if len(text) > limit:
        raise TooLarge(f"a{'n' if what == 'answer' else ''} {what} has at most {limit} characters")
    return text


def accepted_client_id(client_id: str | None) -> str:
    """Return a client's own id for what it sends, "" for none. Raises BadRequest."""
    if client_id is not None and not 0 < len(client_id) <= MAX_CLIENT_ID:
        raise BadRequest(f"an id of one's own has 1 to {MAX_CLIENT_ID} characters")
    return client_id or ""


def is_question_id(text: str) -> bool:
    """Tell whether ``text`` has the shape of a stream entry id: ``<ms>-<n>``."""
    milliseconds, dash, number = text.partition("-")
    return bool(dash) and all(
        part.isascii() and part.isdigit() and len(part) <= 19 for part in (milliseconds, number)
    )
