"""What makes a question acceptable."""

import pytest

from app.core.errors import BadRequest, NotFound, TooLarge
from app.core.ids import QuestionId, RoomId
from app.questions.model import (
    MAX_ANSWER_CHARACTERS,
    MAX_CHARACTERS,
    MAX_KNOWN,
    Caller,
    accepted,
    is_question_id,
)
from app.questions.service import Questions


def test_a_question_is_trimmed_and_kept() -> None:
    assert accepted("  why?\n") == "why?"
    assert accepted("x" * MAX_CHARACTERS) == "x" * MAX_CHARACTERS
    assert accepted("🎓" * MAX_CHARACTERS) == "🎓" * MAX_CHARACTERS


@pytest.mark.parametrize("text", ["", "  \n\t"])
def test_an_empty_question_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        accepted(text)


def test_a_long_question_is_refused() -> None:
    with pytest.raises(TooLarge):
        accepted("x" * (MAX_CHARACTERS + 1))


@pytest.mark.parametrize("text", ["1-0", "1732153000123-17"])
def test_an_entry_id_is_a_question_id(text: str) -> None:
    assert is_question_id(text)


@pytest.mark.parametrize("text", ["", "-", "1", "1-", "-1", "1-x", "+1-0", "٣-0", "9" * 20 + "-0"])
def test_anything_else_is_not(text: str) -> None:
    assert not is_question_id(text)


class _Untouched:
    """A store that no call may reach."""

    def __getattr__(self, name: str) -> object:
        def reached(*_: object, **__: object) -> None:
            raise AssertionError(name)

        return reached


async def test_what_cannot_be_is_refused_before_the_store() -> None:
    questions = Questions(_Untouched())  # type: ignore[arg-type]
    room = RoomId("004217")
    with pytest.raises(NotFound):
        await questions.solve(room, 1, QuestionId("$"))
    for client_id in ("", "x" * 129):
        with pytest.raises(BadRequest):
            await questions.ask(room, "sam", "Sam", "why?", client_id)
    ada = Caller("presenter", "ada@example.org", "Ada", 1)
    for text, refusal in ((" ", BadRequest), ("x" * (MAX_ANSWER_CHARACTERS + 1), TooLarge)):
        with pytest.raises(refusal):
            await questions.answer(room, ada, QuestionId("1-0"), text)
    for member in ("", "ada", "0" * 15, "g" * 16, "@" * 255):
        with pytest.raises(BadRequest):
            await questions.appoint(room, ada, member)
    with pytest.raises(BadRequest):
        await questions.view(room, ada, [QuestionId("1-0")] * (MAX_KNOWN + 1))
