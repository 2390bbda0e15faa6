"""The end of a lecture: decided once in Redis, then told to SQL, the relay and the record."""

from collections.abc import Awaitable, Callable

import structlog

from app.core.errors import Ended, Forbidden, LecternError, NotFound, NotStarted, Unavailable
from app.core.ids import Email, LectureId, RoomId
from app.lecture.media import Media
from app.lecture.ports import CataloguePort
from app.rooms.model import EndedRoom, EndReason
from app.rooms.store import RoomStore

log = structlog.get_logger(__name__)


LATE_SECONDS = 600.0
"""For so long after the end a presenter who comes back hears that it is over; as long as the room's
log says so."""


class Endings:
    """Ends lectures for those who need not hold the presenter's slot, and finishes every end."""

    def __init__(
        self,
        rooms: RoomStore,
        catalogue: CataloguePort,
        media: Media,
        told: Callable[[RoomId], Awaitable[None]] | None = None,
    ) -> None:
        """``told`` brings an ended room's log to whoever follows all rooms; it may be asked more
        than once."""
        self._rooms = rooms
        self._told = told
        self._catalogue = catalogue
        self._media = media

    async def by_owner(self, email: Email, room: RoomId) -> None:
        """End an open lecture, live or not, for its owner.

        Raises NotFound, Forbidden, Unavailable.
        """
        live = await self._rooms.read(room)
        if live is not None:
            owner, lecture = live.presenter, live.lecture
        else:
            known = await self._catalogue.open_by_code(room)
            if known is None:
                raise NotFound("there is no such lecture")
            owner, lecture = known.owner_email, known.id
        if owner != email:
            raise Forbidden("only the lecture's owner ends it")
        await self._end(room, lecture, "presenter", None)

    async def by_service(self, room: RoomId, audio: str | None) -> None:
        """End a lecture, live or not, for a trusted service that may name its recording.

        Also in the minutes after the end, to add the recording. Raises NotFound, Unavailable.
        """
        live = await self._rooms.read(room)
        if live is not None:
            await self._end(room, live.lecture, "service", audio)
            return
        known = await self._catalogue.open_by_code(room)
        lecture = known.id if known is not None else await self._rooms.ended_lecture(room)
        if lecture is None:
            raise NotFound("there is no such lecture")
        await self._catalogue.ended(lecture, audio)

    async def _end(
        self, room: RoomId, lecture: LectureId, reason: EndReason, audio: str | None
    ) -> None:
        try:
            ended = await self._rooms.end(room, None, reason)
        except NotStarted:
            ended = None
        if ended is not None:
            await self.finish(room, ended, audio)
        else:
            await self._catalogue.ended(lecture, audio)

    async def finish(self, room: RoomId, ended: EndedRoom, audio: str | None = None) -> None:
        """Do what follows an end. What is away is tried again by a later sweep
        (``EndedRoom.again``), so this does not raise Unavailable."""
        if ended.relay is not None:
            self._media.close_room_soon(ended.relay, room)
        try:
            await self._catalogue.ended(ended.lecture, audio)
            await self._rooms.forget(ended.presenter, room, LATE_SECONDS)
            if self._told is not None:
                await self._told(room)
            await self._rooms.forget_due(room)
        except Unavailable as error:
            log.warning("an end will be noted later", room=room, reason=error.message)

    async def why_unknown(self, room: RoomId) -> LecternError:
        """Return why no open lecture has the code: Ended (lately) or NotFound."""
        if await self._rooms.ended_lecture(room) is not None:
            return Ended("the lecture is over")
        return NotFound("there is no such lecture")

    async def why_closed(self, room: RoomId) -> LecternError:
        """Return why a code has no live room: NotFound, Ended or NotStarted."""
        lecture = await self._catalogue.open_by_code(room)
        if lecture is None:
            return await self.why_unknown(room)
        if await self._rooms.ended_lecture(room) == lecture.id:
            return Ended("the lecture is over")
        return NotStarted("the lecture has not started")
