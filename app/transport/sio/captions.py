"""Captions and chapters on ``/lecture``, and who was there."""

from typing import Protocol

from app.core.ids import ConnectionId, RoomId
from app.lecture.captions import Captions
from app.lecture.seat import AudienceSeat, Seat
from app.transport.sio.connection import Connection
from app.transport.sio.desk import Fields, Route, presenter_in
from app.transport.sio.messages import CaptionLine, ChapterMark
from app.transport.sio.questions import caller_in


class AttendancePort(Protocol):
    """``archive.attendance.AttendanceBook``."""

    def joined(
        self, room: RoomId, connection: ConnectionId, kind: str, identity: str, name: str
    ) -> None: ...
    def left(self, room: RoomId, connection: ConnectionId) -> None: ...


class RecordDesk:
    """What members do for the record of the lecture, and what is noted of them for it."""

    def __init__(self, captions: Captions, attendance: AttendancePort | None = None) -> None:
        self._captions = captions
        self._attendance = attendance
        self.routes = {
            "caption": Route(CaptionLine, self.caption),
            "chapter": Route(ChapterMark, self.chapter),
        }

    async def caption(self, connection: Connection, message: CaptionLine) -> Fields:
        """Show a line that the presenter or an assistant typed."""
        caller = caller_in(connection, message.room)
        said = await self._captions.say(
            message.room, caller, message.text, message.ago, message.clientCaptionId
        )
        return {"captionId": said}

    async def chapter(self, connection: Connection, message: ChapterMark) -> Fields:
        """Mark a chapter."""
        seat = presenter_in(connection, message.room)
        marked = await self._captions.chapter(
            seat.room, seat.epoch, message.title, message.clientChapterId
        )
        return {"chapterId": marked}

    def came(self, connection: Connection, seat: Seat) -> None:
        """Note that a participant is there."""
        if self._attendance is not None and isinstance(seat, AudienceSeat):
            self._attendance.joined(seat.room, connection.id, seat.kind, seat.identity, seat.name)

    def went(self, connection: Connection, seat: Seat) -> None:
        """Note that a participant is there no more."""
        if self._attendance is not None:
            self._attendance.left(seat.room, connection.id)
