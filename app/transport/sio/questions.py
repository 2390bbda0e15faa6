"""Questions on ``/lecture``: asked and voted for by the class, answered by the staff."""

from app.core.errors import Forbidden
from app.core.ids import RoomId
from app.lecture.seat import PresenterSeat, Seat
from app.questions.model import Caller, QuestionView
from app.store.events import RoomEvent
from app.transport.sio import wire
from app.transport.sio.connection import Connection
from app.transport.sio.desk import Desk, Fields, Route, presenter_in, seat_in
from app.transport.sio.messages import (
    Answer,
    Appoint,
    Ask,
    ClaimQuestion,
    Moderation,
    Solved,
    Upvote,
    ViewQuestions,
)


class QuestionDesk:
    """What members do with questions. Who may do what is in ``auth.policy``, and decided by the
    scripts, which know the assistants."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.routes = {
            "ask": Route(Ask, self.ask),
            "solved": Route(Solved, self.solve),
            "upvote": Route(Upvote, self.upvote),
            "answer": Route(Answer, self.answer),
            "hide": Route(Solved, self.hide),
            "approve": Route(Solved, self.approve),
            "claim": Route(ClaimQuestion, self.claim),
            "appoint": Route(Appoint, self.appoint),
            "dismiss": Route(Appoint, self.dismiss),
            "moderation": Route(Moderation, self.moderate),
            "questions": Route(ViewQuestions, self.view),
        }

    async def look(self, connection: Connection, seat: Seat) -> QuestionView:
        """Return what one who comes sees, and note whether it is an assistant."""
        view = await self._desk.questions.view(seat.room, _onlooker(seat))
        _note(connection, view)
        return view

    async def ask(self, connection: Connection, message: Ask) -> Fields:
        seat = seat_in(connection, message.room)
        if isinstance(seat, PresenterSeat):
            raise Forbidden("the presenter answers questions")
        question = await self._desk.questions.ask(
            seat.room,
            seat.identity,
            seat.name,
            message.content,
            message.clientQuestionId,
            message.anonymous,
        )
        return {"questionId": question}

    async def solve(self, connection: Connection, message: Solved) -> Fields:
        caller = caller_in(connection, message.room)
        solved = await self._desk.questions.solve_as(message.room, caller, message.question)
        return {"solved": solved}

    async def upvote(self, connection: Connection, message: Upvote) -> Fields:
        caller = caller_in(connection, message.room)
        votes = await self._desk.questions.upvote(
            message.room, caller, message.question, message.on
        )
        return {"votes": votes, "voted": message.on}

    async def answer(self, connection: Connection, message: Answer) -> Fields:
        caller = caller_in(connection, message.room)
        answered = await self._desk.questions.answer(
            message.room, caller, message.question, message.content, message.clientAnswerId
        )
        return {"answered": answered}

    async def hide(self, connection: Connection, message: Solved) -> Fields:
        caller = caller_in(connection, message.room)
        return {"hidden": await self._desk.questions.hide(message.room, caller, message.question)}

    async def approve(self, connection: Connection, message: Solved) -> Fields:
        caller = caller_in(connection, message.room)
        shown = await self._desk.questions.approve(message.room, caller, message.question)
        return {"approved": shown}

    async def claim(self, connection: Connection, message: ClaimQuestion) -> Fields:
        caller = caller_in(connection, message.room)
        claimed = await self._desk.questions.claim(message.room, caller, message.question)
        return {"questionId": claimed.id, "until": claimed.until}

    async def appoint(self, connection: Connection, message: Appoint) -> Fields:
        caller = caller_in(connection, message.room)
        assistants = await self._desk.questions.appoint(
            message.room, caller, message.member, message.name
        )
        return {"assistants": assistants}

    async def dismiss(self, connection: Connection, message: Appoint) -> Fields:
        caller = caller_in(connection, message.room)
        assistants = await self._desk.questions.dismiss(message.room, caller, message.member)
        return {"assistants": assistants}

    async def moderate(self, connection: Connection, message: Moderation) -> Fields:
        caller = caller_in(connection, message.room)
        return {"changed": await self._desk.questions.moderate(message.room, caller, message.on)}

    async def view(self, connection: Connection, message: ViewQuestions) -> Fields:
        seat = seat_in(connection, message.room)
        view = await self._desk.questions.view(message.room, _onlooker(seat), message.known)
        _note(connection, view)
        return wire.questions(view)


def note_assistants(event: RoomEvent, members: list[Connection]) -> None:
    """Note who is an assistant from now on, by the event that says so."""
    appointed = {assistant["memberId"] for assistant in event.data["assistants"]}
    for connection in members:
        is_audience = not isinstance(connection.seat, PresenterSeat)
        connection.is_assistant = is_audience and connection.member in appointed


def _note(connection: Connection, view: QuestionView) -> None:
    connection.member = view.member
    connection.is_assistant = view.role == "assistant"


def _onlooker(seat: Seat) -> Caller:
    if isinstance(seat, PresenterSeat):
        return Caller("presenter", seat.email, seat.name)
    return Caller("guest" if seat.kind == "GUEST" else "student", seat.identity, seat.name)


def caller_in(connection: Connection, room: RoomId) -> Caller:
    """Return who it is that acts. Raises NotJoined, Ended, StalePresenter."""
    seat = seat_in(connection, room)
    if isinstance(seat, PresenterSeat):
        seat = presenter_in(connection, room)
        return Caller("presenter", seat.email, seat.name, seat.epoch)
    return _onlooker(seat)
