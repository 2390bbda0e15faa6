"""``/lecture``: the lecture itself, for its presenter and its audience."""

import structlog

from app.auth.principal import Principal, guest
from app.core.errors import (
    Ended,
    Forbidden,
    NotJoined,
    RateLimited,
    Unauthorized,
)
from app.lecture.floor import Floor
from app.lecture.seat import AudienceSeat, PresenterSeat, Seat
from app.rooms.floor import member_id
from app.transport.sio import wire
from app.transport.sio.arrival import Arrivals
from app.transport.sio.captions import RecordDesk
from app.transport.sio.claim import SlotClaims
from app.transport.sio.connection import Connection, Done, Seated
from app.transport.sio.desk import (
    Desk,
    Fields,
    Route,
    is_of,
    note_abilities,
    note_peer,
    presenter_in,
    seat_in,
)
from app.transport.sio.floor import FloorDesk
from app.transport.sio.house import HouseDesk, guarded
from app.transport.sio.messages import (
    Credentials,
    Draw,
    DrawingMessage,
    Edit,
    InRoom,
    PageMessage,
    Record,
    Sources,
)
from app.transport.sio.questions import QuestionDesk
from app.transport.sio.streams import may_follow
from app.whiteboard.model import Author

log = structlog.get_logger(__name__)

GUEST_ID_CHARS = 40
"""A guest's id is a socket id of 20 characters; a token is far longer and has two dots."""


class LectureRoom:
    """Room events for its members, and what they may do: present, or ask and leave."""

    name = wire.LECTURE

    def __init__(
        self,
        desk: Desk,
        claims: SlotClaims,
        floor: Floor | None = None,
        house: HouseDesk | None = None,
        record_desk: RecordDesk | None = None,
    ) -> None:
        self._desk = desk
        self._claims = claims
        self._record_desk = record_desk
        self._questions = QuestionDesk(desk)
        self.floor = FloorDesk(desk, floor) if floor is not None else None
        self._arrivals = Arrivals(desk.hub, desk.sketches, desk.trail)
        self.routes = {
            "edit": Route(Edit, self.edit),
            "end": Route(InRoom, self.end),
            "leave": Route(InRoom, self.leave),
            "sources": Route(Sources, self.sources),
            "record": Route(Record, self.record),
            "draw": Route(Draw, self.draw),
            "drawing": Route(DrawingMessage, self.drawing),
            "page": Route(PageMessage, self.page),
            "snapshot": Route(InRoom, self.snapshot),
            **self._questions.routes,
            **(self.floor.routes if self.floor is not None else {}),
            **(house.routes if house is not None else {}),
            **(record_desk.routes if record_desk is not None else {}),
        }
        self.routes = {
            event: Route(route.message, guarded(event, route.handle))
            for event, route in self.routes.items()
        }

    async def admit(self, connection: Connection, credentials: Credentials, _: str) -> None:
        member = await self._desk.office.member(connection, credentials)
        who = member or self._principal(credentials.accessToken)
        note_abilities(connection, credentials)
        connection.cursor = credentials.cursor
        connection.follows.update(credentials.follow)
        seat = connection.seat
        if seat is not None:
            if not is_of(seat, who):
                raise Unauthorized("this connection is in the lecture as somebody else")
            note_peer(connection, credentials)
            return
        try:
            await self._desk.resume(connection, who, credentials.room)
        except Ended:
            # Refused, an existing client would hang; let in, it hears `ended` and goes.
            connection.place = Done(credentials.room, dismissed=False)
        note_peer(connection, credentials)

    def _principal(self, token: str) -> Principal:
        if token and len(token) <= GUEST_ID_CHARS and "." not in token and "@" not in token:
            return guest(token)
        return self._desk.account(token)

    async def welcome(self, connection: Connection) -> None:
        """Make it a member, and bring it to where the lecture is. Raises as the services do."""
        place = connection.place
        if not isinstance(place, Seated):
            connection.emit(self.name, "ended", wire.ended("over", None))
            return
        seat = place.seat
        if not may_follow(seat):
            connection.follows.clear()
        member = await self._desk.hub.join(seat.room, connection)
        try:
            now = await self._desk.lectures.snapshot(seat)
            view = await self._questions.look(connection, seat)
        except Ended:
            self.dismiss(connection, seat)
            connection.emit(self.name, "ended", wire.ended("over", None))
            return
        if isinstance(seat, AudienceSeat):
            self._desk.lectures.present(seat.room, connection.id)
            if self._record_desk is not None:
                self._record_desk.came(connection, seat)
        resumed = await self._arrivals.bring(member, place, now, view)
        if self.floor is not None and not resumed and now.floor["speakers"]:
            self.floor.tell_sections(connection)
        self._desk.ice.on_return(connection, seat)
        if isinstance(seat, PresenterSeat) and seat.epoch == 0:
            self._claims.begin(connection, seat)

    def left(self, connection: Connection) -> None:
        seat = connection.seat
        if seat is not None:
            self.forget(connection, seat)

    def dismiss(self, connection: Connection, seat: Seat) -> None:
        """Let a member of a lecture that is over go."""
        self.forget(connection, seat)
        connection.place = Done(seat.room, dismissed=False)

    def forget(self, connection: Connection, seat: Seat) -> None:
        """Make it no member of the room any more."""
        self._desk.hub.leave(seat.room, connection.id)
        connection.follows.clear()
        if isinstance(seat, AudienceSeat):
            self._desk.lectures.absent(seat.room, connection.id)
            if self._record_desk is not None:
                self._record_desk.went(connection, seat)

    async def edit(self, connection: Connection, message: Edit) -> Fields:
        seat = presenter_in(connection, message.room)
        board = message.content.board()
        return {"rev": await self._desk.boards.edit(seat.room, seat.epoch, board)}

    async def draw(self, connection: Connection, message: Draw) -> Fields:
        """Draw elements, as the presenter or as one whom the presenter lets draw."""
        seat = seat_in(connection, message.room)
        if isinstance(seat, PresenterSeat):
            seat = presenter_in(connection, message.room)
            author = Author(seat.email, seat.epoch)
        else:
            author = Author(seat.identity, member=member_id(seat.room, seat.identity))
        connection.knows_elements = True
        drawn = await self._desk.boards.draw(seat.room, author, message.opId, message.ops)
        return {"rev": drawn.rev, "hash": drawn.hash}

    async def drawing(self, connection: Connection, message: DrawingMessage) -> Fields:
        seat = presenter_in(connection, message.room)
        _ = await self._desk.boards.set_drawing(seat.room, seat.epoch, message.drawing())
        return {}

    async def page(self, connection: Connection, message: PageMessage) -> Fields:
        seat = presenter_in(connection, message.room)
        _ = await self._desk.boards.set_page(seat.room, seat.epoch, message.page)
        return {}

    async def snapshot(self, connection: Connection, message: InRoom) -> Fields:
        """Send the element board to a member that found its own to differ."""
        seat = seat_in(connection, message.room)
        if not connection.budgets.snapshots.take(self._desk.clock.now()):
            raise RateLimited("too many snapshots: slow down")
        connection.knows_elements = True
        now = await self._desk.lectures.snapshot(seat)
        parts = await self._desk.sketches.parts(seat.room, now.start_time, now.rev)
        self._desk.sketches.send_soon(connection, parts)
        return {"rev": now.rev, "hash": now.board_hash, "parts": len(parts)}

    async def sources(self, connection: Connection, message: Sources) -> Fields:
        seat = presenter_in(connection, message.room)
        await self._desk.lectures.set_sources(
            seat,
            {
                "microphone": message.microphone,
                "camera": message.camera,
                "screen": message.screen,
            },
        )
        return {}

    async def record(self, connection: Connection, message: Record) -> Fields:
        """Switch the recording; everybody hears of it by the event ``recording``."""
        seat = presenter_in(connection, message.room)
        now = await self._desk.lectures.record(seat, message.on)
        return {"state": now.state, "since": now.since, "reason": now.reason}

    async def end(self, connection: Connection, message: InRoom) -> Fields:
        """End the lecture; everybody, the presenter too, hears it from the room."""
        if isinstance(connection.place, Done) and connection.host is not None:
            return {}
        await self._desk.lectures.end(presenter_in(connection, message.room))
        return {}

    async def leave(self, connection: Connection, message: InRoom) -> Fields:
        """Let a participant go; ``response`` is for the leaver alone, and comes once."""
        place = connection.place
        if isinstance(place, Seated):
            seat = seat_in(connection, message.room)
            if isinstance(seat, PresenterSeat):
                raise Forbidden("a presenter ends the lecture")
            await self._desk.lectures.leave(seat, place.peer)
            self.forget(connection, seat)
        elif not isinstance(place, Done):
            raise NotJoined("this connection is in no lecture")
        if not (isinstance(place, Done) and place.dismissed):
            connection.emit(self.name, "response", {"type": "lecture", "content": "success"})
        connection.place = Done(message.room, dismissed=True)
        return {}
