"""Questions: asked and voted for by the class, answered by the staff."""

from typing import Annotated

from pydantic import AfterValidator, Field

from app.core.ids import QuestionId
from app.transport.sio import config
from app.transport.sio.messages.form import InRoom, LimitError, Message, ShortId


def _question(text: str) -> str:
    trimmed = text.strip()
    if not trimmed:
        raise ValueError("the question is empty")
    if len(trimmed) > config.MAX_QUESTION_CHARS:
        raise LimitError(f"a question has at most {config.MAX_QUESTION_CHARS} characters")
    return trimmed


def _answer(text: str) -> str:
    trimmed = text.strip()
    if not trimmed:
        raise ValueError("the answer is empty")
    if len(trimmed) > config.MAX_ANSWER_CHARS:
        raise LimitError(f"an answer has at most {config.MAX_ANSWER_CHARS} characters")
    return trimmed


QuestionIdText = Annotated[str, Field(min_length=3, max_length=48)]


class Ask(InRoom):
    content: Annotated[str, AfterValidator(_question)]
    clientQuestionId: ShortId | None = None  # noqa: N815
    anonymous: bool = False


class _Questioned(Message):
    questionId: QuestionIdText  # noqa: N815

    @property
    def question(self) -> QuestionId:
        return QuestionId(self.questionId)


class Solved(InRoom, _Questioned):
    """``solved``, ``hide``, ``approve``."""


class Upvote(InRoom, _Questioned):
    on: bool = True


class Answer(InRoom, _Questioned):
    content: Annotated[str, AfterValidator(_answer)]
    clientAnswerId: ShortId | None = None  # noqa: N815


class ClaimQuestion(InRoom):
    """Without a question, the first that is free is meant."""

    questionId: QuestionIdText | None = None  # noqa: N815

    @property
    def question(self) -> QuestionId | None:
        return QuestionId(self.questionId) if self.questionId else None


class Appoint(InRoom):
    """``member``: an e-mail or a member id."""

    member: Annotated[str, Field(min_length=3, max_length=254)]
    name: Annotated[str, Field(max_length=100)] = ""


class Moderation(InRoom):
    on: bool


class ViewQuestions(InRoom):
    """``ids``: questions that the client remembers as its own."""

    ids: Annotated[list[QuestionIdText], Field(max_length=50)] = Field(default_factory=list)

    @property
    def known(self) -> list[QuestionId]:
        return [QuestionId(ident) for ident in self.ids]
