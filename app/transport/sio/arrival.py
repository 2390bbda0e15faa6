"""One who comes is brought to where the lecture is: by what it missed, or by a snapshot."""

from app.lecture.model import Snapshot
from app.lecture.seat import AudienceSeat, PresenterSeat, Seat
from app.questions.model import QuestionView
from app.store.events import RoomEvent
from app.transport.sio import room_events, wire
from app.transport.sio.connection import Connection, Seated
from app.transport.sio.hub import Member, RoomHub
from app.transport.sio.sketches import Sketches
from app.transport.sio.trail import QuestionTrail


class Arrivals:
    """Brings members of every room. A member hears live events only once it has been brought."""

    def __init__(self, hub: RoomHub, sketches: Sketches, trail: QuestionTrail) -> None:
        self._hub = hub
        self._sketches = sketches
        self._trail = trail

    async def bring(self, member: Member, place: Seated, now: Snapshot, view: QuestionView) -> bool:
        """Send ``state`` and what the member lacks, then everything live: in order, each once.

        One whose ``cursor`` the log still reaches back to gets exactly the events after it;
        anybody else the board and, for a presenter, the questions, as they stand: whether it was
        the first is what is returned. Raises as the services do; then it has been sent nothing
        that is not so, and its connection is to be closed.
        """
        cursor = member.connection.cursor
        if cursor is not None and await self._replay(member, place.seat, now, view, cursor):
            return True
        await self._show(member, place, now, view)
        return False

    async def _replay(
        self, member: Member, seat: Seat, now: Snapshot, view: QuestionView, cursor: int
    ) -> bool:
        """Send what came after ``cursor``; False, and nothing, where the log begins later."""
        if cursor > now.seq:  # of an earlier lecture under this code
            return False
        batch = await self._hub.missed(seat.room, cursor) if cursor < now.seq else []
        if cursor < now.seq and (not batch or batch[0].seq != cursor + 1):
            return False
        connection = member.connection
        connection.emit(wire.LECTURE, "state", wire.state(now, seat, view, cursor))
        at = cursor
        while batch and connection.is_open:
            for event in batch:
                if event.seq != at + 1:  # trimmed meanwhile: it comes back, to a snapshot
                    connection.end()
                    return True
                at = event.seq
                await self._send(connection, seat, event)
            is_there = at >= now.seq and member.forgotten <= at
            batch = [] if is_there else await self._hub.missed(seat.room, at)
        member.release(at)
        return True

    async def _send(self, connection: Connection, seat: Seat, event: RoomEvent) -> None:
        if not _is_for(event, connection, seat):
            return
        if event.type in room_events.BY_PEER:
            place = connection.place
            peer = place.peer if isinstance(place, Seated) else None
            parcel = room_events.BY_PEER[event.type](event, peer)
        else:
            parcel = room_events.room_event_for(event)(seat)
        if parcel is not None:
            await self._sketches.send(connection, [parcel])
        if event.type == "asked":
            self._trail.sent(event.room, event.data["questionId"], event.seq)

    async def _show(self, member: Member, place: Seated, now: Snapshot, view: QuestionView) -> None:
        connection, seat = member.connection, place.seat
        connection.emit(wire.LECTURE, "state", wire.state(now, seat, view))
        if now.board_kind == "elements" and connection.knows_elements:
            await self._show_elements(connection, seat, now)
        else:
            await self._show_whole(connection, place, now)
        if place.returned and isinstance(seat, PresenterSeat):
            self._tell_missed(connection, seat, now)
        member.release(now.seq)

    async def _show_elements(self, connection: Connection, seat: Seat, now: Snapshot) -> None:
        parts = await self._sketches.parts(seat.room, now.start_time, now.rev)
        connection.send(wire.update(now.board, now.seq))  # the view alone
        self._sketches.send_soon(connection, parts)

    async def _show_whole(self, connection: Connection, place: Seated, now: Snapshot) -> None:
        board, seat = now.board, place.seat
        if now.board_kind == "elements":
            board = await self._sketches.whole(seat.room, now.start_time, board, now.rev)
        is_behind = isinstance(seat, AudienceSeat) and wire.board_digest(board) != place.shown
        if place.returned or is_behind:
            connection.send(wire.update(board, now.seq))

    def _tell_missed(self, connection: Connection, seat: PresenterSeat, now: Snapshot) -> None:
        """Send the questions that its lost connection may not have brought, in order."""
        for question in self._trail.missed(seat.room, now.questions or []):
            connection.emit(wire.LECTURE, "asked", wire.asked(question, now.seq))
            self._trail.sent(seat.room, question.id, now.seq)


def _is_for(event: RoomEvent, connection: Connection, seat: Seat) -> bool:
    """Tell whether a member hears an event, as the room's hub decides it for live ones.

    ``displaced`` is for who had the slot then; who returns is told by its ``state`` if it has it.
    """
    if event.type == "displaced":
        return False
    if room_events.is_followed(event) and not room_events.follows(event, connection.follows):
        return False
    if event.audience == "room" or isinstance(seat, PresenterSeat):
        return True
    return event.audience == "staff" and connection.is_assistant
