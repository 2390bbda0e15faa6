"""Which questions a presenter's page has, so that one who returns hears the others and only those.

An existing client that returns without an offer shows what it showed before, and takes a question
only as an ``asked`` event. This is memory of one process: a presenter who returns to another one
hears every unanswered question again.
"""

from collections import OrderedDict
from collections.abc import Iterable

from app.core.ids import QuestionId, RoomId
from app.questions.model import Question

MAX_ROOMS = 2000
"""Rooms remembered; the one that was quiet for longest is forgotten first."""

MAX_QUESTIONS = 2000
"""Questions remembered of one room; the oldest are forgotten first (and would be sent again)."""


class _Room:
    __slots__ = ("proved", "seqs")

    def __init__(self) -> None:
        self.seqs: OrderedDict[QuestionId, int] = OrderedDict()
        self.proved = 0


class QuestionTrail:
    """What was sent to presenters, by the number of the event that carried it."""

    def __init__(self) -> None:
        self._rooms: OrderedDict[RoomId, _Room] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rooms)

    def sent(self, room: RoomId, question: QuestionId, seq: int) -> None:
        """Note that the presenter was sent a question with the event ``seq``; 0 in an answer."""
        known = self._room(room)
        known.seqs[question] = seq
        if len(known.seqs) > MAX_QUESTIONS:
            known.seqs.popitem(last=False)

    def received(self, room: RoomId, seq: int) -> None:
        """Note that the presenter certainly received every event up to ``seq``."""
        known = self._room(room)
        known.proved = max(known.proved, seq)

    def missed(self, room: RoomId, questions: Iterable[Question]) -> list[Question]:
        """Return those of ``questions`` that the presenter may not have received."""
        known = self._room(room)
        return [
            question
            for question in questions
            if known.seqs.get(question.id, known.proved + 1) > known.proved
        ]

    def forget(self, room: RoomId) -> None:
        """Forget a lecture that is over."""
        self._rooms.pop(room, None)

    def _room(self, room: RoomId) -> _Room:
        known = self._rooms.setdefault(room, _Room())
        self._rooms.move_to_end(room)
        if len(self._rooms) > MAX_ROOMS:
            self._rooms.popitem(last=False)
        return known
