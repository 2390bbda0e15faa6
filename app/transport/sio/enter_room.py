"""``/enter-room``: a participant, with an account or without, asks for media."""

from app.auth.principal import Account, Guest, guest
from app.core.errors import Unauthorized
from app.lecture.seat import AudienceSeat
from app.transport.sio import wire
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
from app.transport.sio.messages import ClientCandidate, Credentials, OfferMessage


class EnterRoom:
    """A participant's way in. A guest's id is its socket id here."""

    name = "/enter-room"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.routes = {
            "studentOffer": Route(OfferMessage, self.offer),
            "clientCandidate": Route(ClientCandidate, self.candidate),
        }

    async def admit(self, connection: Connection, credentials: Credentials, sid: str) -> None:
        note_abilities(connection, credentials)
        member = await self._desk.office.member(connection, credentials)
        if member is not None:
            connection.visitor = member
            return
        if not credentials.accessToken:
            if not _is_guest_seat(connection):
                connection.visitor = guest(sid)
            return
        who: Account = self._desk.account(credentials.accessToken)
        if who.expired:
            seat = await self._desk.admit_late(connection, who, credentials.room)
            if not isinstance(seat, AudienceSeat):
                raise Unauthorized("this token has expired: sign in again")
        connection.visitor = who

    async def welcome(self, connection: Connection) -> None:
        """Nothing to say before an offer."""

    def left(self, connection: Connection) -> None:
        """Keep the identity: a guest's id is good on this connection while it lasts."""

    async def offer(self, connection: Connection, message: OfferMessage) -> Fields:
        """Let the participant in and answer with the board as it stands."""
        who = connection.visitor
        if who is None:
            raise Unauthorized("enter first")
        check_media(who, message)
        check_offer(connection, message.room, False, self._desk.clock.now())
        entered = await self._desk.lectures.enter(who, connection.id, message.room, message.offer())
        if isinstance(who, Guest):
            await self._desk.guests.hold(who.id, connection.id)
        board = entered.board
        if not connection.knows_elements:
            board = await self._desk.sketches.whole(message.room, entered.start_time, board)
        shown = wire.board_digest(board)
        connection.who = who
        connection.place = Seated(entered.seat, entered.peer, returned=False, shown=shown)
        answer = {
            "whiteboard": wire.board(board),
            "startTime": entered.start_time,
            "SDP": wire.description(entered.answer),
            "peerId": entered.peer,
            "presenterPresent": entered.presenter_present,
            **self._desk.ice.with_answer(connection, entered.seat),
        }
        connection.emit(self.name, "serverAnswer", answer)
        tell_seat(connection, self._desk, self.name, who)
        for candidate in entered.answer.candidates if entered.answer is not None else ():
            connection.emit(self.name, "serverCandidate", wire.candidate(candidate))
        return {"peerId": entered.peer, "presenterPresent": entered.presenter_present}

    async def candidate(self, connection: Connection, _: ClientCandidate) -> Fields:
        note_candidate(connection, MAX_CANDIDATES)
        return {}


def _is_guest_seat(connection: Connection) -> bool:
    """Tell whether this connection is a guest already: then it stays that guest."""
    return connection.seat is not None and isinstance(connection.visitor, Guest)
