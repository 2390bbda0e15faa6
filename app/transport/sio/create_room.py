"""``/create-room``: a presenter offers media and the first board."""

from app.auth.principal import Account
from app.core.errors import Forbidden, Unauthorized, WrongOrder
from app.core.ids import RoomId
from app.lecture.model import Returned
from app.lecture.seat import PresenterSeat
from app.transport.sio import wire
from app.transport.sio.canvas import canvas_json
from app.transport.sio.config import MAX_CANDIDATES
from app.transport.sio.connection import Connection, Seated
from app.transport.sio.desk import (
    Desk,
    Fields,
    Route,
    check_media,
    check_offer,
    note_abilities,
    note_candidate,
)
from app.transport.sio.house import tell_seat
from app.transport.sio.messages import ClientCandidate, Credentials, OfferMessage, WhiteboardInit


class CreateRoom:
    """The presenter's way in. Who owns a lecture is the database's to say, never the client's."""

    name = "/create-room"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.routes = {
            "presenterOffer": Route(OfferMessage, self.offer),
            "whiteboardInit": Route(WhiteboardInit, self.init_board),
            "clientCandidate": Route(ClientCandidate, self.candidate),
        }

    async def admit(self, connection: Connection, credentials: Credentials, _: str) -> None:
        member = await self._desk.office.member(connection, credentials)
        who = member or self._desk.account(credentials.accessToken)
        if isinstance(who, Account) and who.expired:
            seat = await self._desk.admit_late(connection, who, credentials.room)
            if not isinstance(seat, PresenterSeat):
                raise Unauthorized("this token has expired: sign in again")
        connection.host = who
        note_abilities(connection, credentials)

    async def welcome(self, connection: Connection) -> None:
        """Nothing to say before an offer."""

    def left(self, connection: Connection) -> None:
        connection.host = None

    async def offer(self, connection: Connection, message: OfferMessage) -> Fields:
        """Take the slot and answer; a returning presenter first hears what it missed."""
        if connection.host is None:
            raise Forbidden("only a presenter may offer here")
        check_media(connection.host, message)
        check_offer(connection, message.room, True, self._desk.clock.now())
        started = await self._desk.lectures.start(
            connection.host, connection.id, message.room, message.offer()
        )
        connection.who = connection.host
        connection.place = Seated(started.seat, started.peer, returned=False)
        if started.returned is not None:
            await self._tell_returned(connection, message.room, started.returned)
        answer = {
            "SDP": wire.description(started.answer),
            "peerId": started.peer,
            "epoch": started.seat.epoch,
            **self._desk.ice.with_answer(connection, started.seat),
        }
        connection.emit(self.name, "serverAnswer", answer)
        tell_seat(connection, self._desk, self.name, connection.host)
        for candidate in started.answer.candidates if started.answer is not None else ():
            connection.emit(self.name, "serverCandidate", wire.candidate(candidate))
        return {"peerId": started.peer, "epoch": started.seat.epoch}

    async def _tell_returned(
        self, connection: Connection, room: RoomId, returned: Returned
    ) -> None:
        known = returned.board
        if not connection.knows_elements:
            known = await self._desk.sketches.whole(room, returned.start_time, known)
        board = wire.board(known)
        board["canvasJSON"] = await canvas_json(known.objects)
        payload = {
            "whiteboard": board,
            "startTime": returned.start_time,
            "questions": [wire.question_entry(question) for question in returned.questions],
        }
        connection.emit(self.name, "reconnectPresenter", payload)
        for question in returned.questions:
            self._desk.trail.sent(room, question.id, 0)

    async def init_board(self, connection: Connection, message: WhiteboardInit) -> Fields:
        """Store the first board; where there is one it stays (X8)."""
        seat = connection.seat
        if not isinstance(seat, PresenterSeat) or seat.room != message.room:
            raise WrongOrder("the offer comes before the board")
        stored = await self._desk.lectures.init_board(seat, message.whiteboardDetails.board())
        return {"stored": stored}

    async def candidate(self, connection: Connection, _: ClientCandidate) -> Fields:
        note_candidate(connection, MAX_CANDIDATES)
        return {}
