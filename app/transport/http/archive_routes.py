"""REST: the record of a lecture, for our pages and for existing clients."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from app.archive.lectures import ArchivedLecture
from app.archive.shapes import board_fields, board_item, iso_ms
from app.auth.principal import Account
from app.transport.http.archive_bodies import (
    ArchiveBoard,
    ArchiveCounts,
    ArchiveGap,
    ArchiveSummary,
    Items,
    Retention,
    RetentionSet,
    SubtitleState,
)
from app.transport.http.archive_endpoints import After, ArchiveEndpoints, Limit, account_of
from app.transport.http.archive_lists import caption_routes, list_routes
from app.transport.http.bodies import Person
from app.transport.http.identity import Callers, Service
from app.transport.http.problems import refusals
from app.transport.http.record_routes import record_routes


def archive_routes(of: ArchiveEndpoints, callers: Callers) -> APIRouter:
    """Return the routes of a lecture's record."""
    router = APIRouter(tags=["archive"])
    _summary_routes(router, of, callers)
    _board_routes(router, of, callers)
    list_routes(router, of, callers)
    caption_routes(router, of, callers)
    record_routes(router, of, callers)
    return router


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


def _summary_routes(router: APIRouter, of: ArchiveEndpoints, callers: Callers) -> None:
    user, either = callers.user(), callers.user_or_service()

    @router.get("/lecture/archive/{ident}", responses=refusals(401, 403, 404, 503))
    async def summary(
        ident: str, caller: Annotated[Account | Service, Depends(either)]
    ) -> ArchiveSummary:
        """Tell what there is of a lecture."""
        lecture, is_owner = await of.archive.readable(ident, account_of(caller))
        last_seq, kind = await of.reader.last_change(lecture.id)
        state, percent = await of.reader.subtitles(lecture.id)
        return ArchiveSummary(
            id=lecture.id,
            title=lecture.title,
            description=lecture.description,
            presenter=Person(username=lecture.owner_name, email=lecture.owner_email),
            state=lecture.state,
            started_at=_started(lecture),
            ended_at=_ended(lecture),
            duration=max(0, (lecture.ended_ms or lecture.started_ms) - lecture.started_ms),
            retention_days=lecture.retention_days,
            expires_at=_expires(of, lecture),
            gaps=[
                ArchiveGap(
                    from_seq=gap.from_seq,
                    to_seq=gap.to_seq,
                    at=max(0, gap.at_ms - lecture.started_ms),
                    what=gap.what,
                )
                for gap in lecture.gaps
            ],
            counts=ArchiveCounts(**await of.reader.counts(lecture.id)),
            board=ArchiveBoard(kind="elements" if kind == "elements" else "whole",
                               last_seq=last_seq),
            subtitles=SubtitleState(state=state, percent=percent),
            recordings=dict(await of.files.summary(lecture.id)),
            is_owner=is_owner,
        )  # fmt: skip

    @router.patch("/lecture/archive/{ident}", responses=refusals(400, 401, 403, 404, 413, 503))
    async def retain(
        ident: str, body: Retention, caller: Annotated[Account, Depends(user)]
    ) -> RetentionSet:
        """Say for how many days after its end a lecture is kept."""
        lecture = await of.archive.owned(ident, caller)
        await of.deletion.set_retention(lecture.id, body.retention_days)
        lecture = await of.reader.lecture(lecture.id)
        return RetentionSet(retention_days=lecture.retention_days, expires_at=_expires(of, lecture))

    @router.delete(
        "/lecture/archive/{ident}", status_code=204, responses=refusals(401, 403, 404, 409, 503)
    )
    async def delete(ident: str, caller: Annotated[Account, Depends(user)]) -> None:
        """Delete all that is left of a lecture."""
        await of.deletion.delete(await of.archive.owned(ident, caller))


def _board_routes(router: APIRouter, of: ArchiveEndpoints, callers: Callers) -> None:
    either = callers.user_or_service()

    @router.get("/lecture/archive/{ident}/board", responses=refusals(400, 401, 403, 404, 503))
    async def board(
        ident: str,
        caller: Annotated[Account | Service, Depends(either)],
        after: After = 0,
        limit: Limit = 500,
    ) -> Items:
        """List changes of the board."""
        lecture, _ = await of.archive.readable(ident, account_of(caller))
        page = await of.reader.board(lecture.id, after, limit)
        items = [board_item(row, lecture.started_ms) for row in page.rows]
        return _json({"items": items, "next": page.next})  # type: ignore[return-value]

    @router.get("/lecture/archive/{ident}/board/at", responses=refusals(400, 401, 403, 404, 503))
    async def board_at(
        ident: str,
        caller: Annotated[Account | Service, Depends(either)],
        t: Annotated[int, Query(ge=0, le=2**53)],
    ) -> dict[str, Any]:
        """Give the board as it stood ``t`` ms into the lecture."""
        lecture, _ = await of.archive.readable(ident, account_of(caller))
        state = await of.reader.board_at(lecture.id, lecture.started_ms + t)
        return _json(board_fields(state, lecture.started_ms))  # type: ignore[return-value]

    @router.get("/lecture/archive/{ident}/keyframes", responses=refusals(401, 403, 404, 503))
    async def keyframes(
        ident: str, caller: Annotated[Account | Service, Depends(either)]
    ) -> list[dict[str, int]]:
        """List the moments at which the whole board is stored."""
        lecture, _ = await of.archive.readable(ident, account_of(caller))
        rows = await of.reader.keyframes(lecture.id)
        return [{"seq": row.seq, "at": max(0, row.at_ms - lecture.started_ms)} for row in rows]


def _started(lecture: ArchivedLecture) -> str | None:
    if lecture.started_ms:
        return iso_ms(lecture.started_ms)
    return None if lecture.started_at is None else lecture.started_at.isoformat()


def _ended(lecture: ArchivedLecture) -> str | None:
    if lecture.ended_ms is not None:
        return iso_ms(lecture.ended_ms)
    return None if lecture.ended_at is None else lecture.ended_at.isoformat()


def _expires(of: ArchiveEndpoints, lecture: ArchivedLecture) -> str | None:
    moment = lecture.expires_at(of.retention_days)
    return None if moment is None else moment.isoformat()
