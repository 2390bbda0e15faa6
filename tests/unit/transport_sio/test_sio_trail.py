"""Which questions a returning presenter hears again."""

from app.core.ids import QuestionId, RoomId
from app.questions.model import Question
from app.transport.sio import trail
from app.transport.sio.trail import QuestionTrail

ROOM = RoomId("004217")


def questions(*names: str) -> list[Question]:
    return [Question(QuestionId(name), name) for name in names]


def test_what_was_certainly_received_is_not_sent_again() -> None:
    sent = QuestionTrail()
    sent.sent(ROOM, QuestionId("answer"), 0)
    sent.sent(ROOM, QuestionId("early"), 4)
    sent.sent(ROOM, QuestionId("late"), 9)
    sent.received(ROOM, 6)
    sent.received(ROOM, 5)
    missed = sent.missed(ROOM, questions("answer", "early", "late", "away"))
    assert [question.id for question in missed] == ["late", "away"]


def test_nothing_is_known_of_another_process_or_an_ended_lecture() -> None:
    sent = QuestionTrail()
    sent.sent(ROOM, QuestionId("one"), 1)
    sent.received(ROOM, 1)
    sent.forget(ROOM)
    assert len(sent.missed(ROOM, questions("one"))) == 1


def test_it_is_bounded() -> None:
    sent = QuestionTrail()
    for number in range(trail.MAX_ROOMS + 50):
        sent.sent(RoomId(f"{number:06d}"), QuestionId("q"), 1)
    for number in range(trail.MAX_QUESTIONS + 50):
        sent.sent(ROOM, QuestionId(str(number)), 1)
    assert len(sent) == trail.MAX_ROOMS
    sent.received(ROOM, 1)
    assert len(sent.missed(ROOM, questions("0", "2049"))) == 1
