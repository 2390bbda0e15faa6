"""REST: lectures."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Query

from app.auth.principal import Account
from app.auth.services import is_service_account
from app.core.errors import Forbidden, NotFound
from app.core.ids import Email, LectureId, RoomId, is_room_id
from app.rooms.catalogue import Catalogue, Lecture
from app.transport.http.bodies import (
    EndedLecture,
    EndLecture,
    LectureCard,
    LectureCode,
    NewLecture,
    OpenLecture,
)
from app.transport.http.identity import Callers, Service
from app.transport.http.problems import refusals


class LectureEnding(Protocol):
    """What the REST interface asks of ``app.lecture.service.Lectures``."""

    async def end_by_owner(self, email: Email, room: RoomId) -> None:
        """End the lecture. Raises NotFound, and Forbidden unless it is the e-mail's own."""

    async def end_by_service(self, room: RoomId, audio: str | None) -> None:
        """End the lecture and keep where its recording is, also soon after the end.

        Raises NotFound.
        """


class RecordingWishes(Protocol):
    """``app.recording.service.Recordings``."""

    async def set_wish(self, lecture: LectureId, on: bool) -> None:
        """Say whether a lecture is to be recorded from its start. Raises Forbidden."""


LectureStates = Callable[
    [Sequence[LectureId]], Awaitable[Mapping[LectureId, tuple[str, datetime | None]]]
]
"""Tells of lectures how far their records are, and when they are deleted."""


def lecture_routes(
    catalogue: Catalogue,
    lectures: LectureEnding,
    callers: Callers,
    wishes: RecordingWishes | None = None,
    states: LectureStates | None = None,
) -> APIRouter:
    """Return the routes under ``/lecture``."""
    router = APIRouter(tags=["lectures"])
    user, user_or_service = callers.user(), callers.user_or_service()

    @router.post("/lecture", status_code=201, responses=refusals(400, 401, 403, 409, 413, 503))
    async def create(body: NewLecture, caller: Annotated[Account, Depends(user)]) -> LectureCode:
        """Make a lecture of the caller's and give it a code."""
        may_record(wishes, body.record)
        lecture = await catalogue.create(caller.email, body.title, body.description)
        if body.record is not None and wishes is not None:
            await wishes.set_wish(lecture.id, body.record)
        return LectureCode(code=lecture.code)

    @router.get("/lecture", responses=refusals(400, 404, 503))
    async def look_up(code: Annotated[str, Query(max_length=64)]) -> LectureCard:
        """Tell what lecture a code is for. Needs no account."""
        return LectureCard.of(await _open_lecture(catalogue, code))

    @router.get("/lecture/list", responses=refusals(401, 503))
    async def ended(caller: Annotated[Account, Depends(user)]) -> list[EndedLecture]:
        """List the caller's ended lectures, given and attended, each once, newest first."""
        return await ended_of(catalogue, states, caller.email)

    @router.get("/lecture/open", responses=refusals(401, 503))
    async def opened(caller: Annotated[Account, Depends(user)]) -> list[OpenLecture]:
        """List the caller's own lectures that are not over, newest first."""
        return [OpenLecture.of(lecture) for lecture in await catalogue.open_of(caller.email)]

    # Before the route with a code in its path, which would take it for one.
    @router.patch("/lecture/end", responses=refusals(400, 401, 403, 404, 409, 410, 413, 503))
    async def end(
        body: EndLecture, caller: Annotated[Account | Service, Depends(user_or_service)]
    ) -> LectureCode:
        """End a lecture: its presenter may, and a service of the operator's."""
        if isinstance(caller, Service):
            return await _end_by_service(catalogue, lectures, body)
        lecture = await _open_lecture(catalogue, body.code)
        if caller.email != lecture.owner_email:
            raise Forbidden("only its presenter may end this lecture")
        await lectures.end_by_owner(caller.email, lecture.code)
        return LectureCode(code=lecture.code)

    @router.patch("/lecture/{code}", responses=refusals(401, 403, 404, 503))
    async def join(code: str, caller: Annotated[Account, Depends(user)]) -> LectureCode:
        """Put the caller on the lecture's audience list, once however often it is asked."""
        lecture = await _public_lecture(catalogue, code)
        await catalogue.attend(lecture.id, caller.email)
        return LectureCode(code=lecture.code)

    return router


async def ended_of(
    catalogue: Catalogue, states: LectureStates | None, email: Email
) -> list[EndedLecture]:
    """Return an account's ended lectures, with how far their records are."""
    found = await catalogue.ended_of(email)
    known = {} if states is None else await states([lecture.id for lecture in found])
    return [EndedLecture.of(one, *known.get(one.id, ("none", None))) for one in found]


def may_record(wishes: RecordingWishes | None, record: bool | None) -> None:
    """Raise Forbidden where a recording is asked for and the server makes none."""
    if record and wishes is None:
        raise Forbidden("this server records no lectures")


async def _open_lecture(catalogue: Catalogue, code: str) -> Lecture:
    lecture = await catalogue.open_by_code(RoomId(code))
    if lecture is None:
        raise NotFound("no open lecture has this code")
    return lecture


async def _public_lecture(catalogue: Catalogue, code: str) -> Lecture:
    lecture = await _open_lecture(catalogue, code)
    if is_service_account(lecture.owner_email):
        raise Forbidden("this lecture is entered with a ticket of its service")
    return lecture


async def _end_by_service(
    catalogue: Catalogue, lectures: LectureEnding, body: EndLecture
) -> LectureCode:
    # Not looked up here: a service may come a little after the end, to add the recording; later
    # than that it comes by the lecture's id, for the code may be another's by then (X16).
    if not is_room_id(body.code):
        lecture = await catalogue.over(body.code)
        if lecture is not None and await catalogue.add_audio(lecture.id, body.audio):
            return LectureCode(code=lecture.code)
        raise NotFound("no lecture has this code")
    code = RoomId(body.code)
    await lectures.end_by_service(code, body.audio)
    return LectureCode(code=code)
