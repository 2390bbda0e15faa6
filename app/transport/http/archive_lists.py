"""REST: questions, chapters, marks, attendance and captions of a lecture's record."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from app.archive.lectures import ArchivedLecture
from app.archive.reader import Page
from app.archive.shapes import question_item, stay_item
from app.auth.principal import Account
from app.subtitles.webvtt import Cue, write_webvtt
from app.transport.http.archive_bodies import Items
from app.transport.http.archive_endpoints import (
    After,
    ArchiveEndpoints,
    Limit,
    Source,
    account_of,
    captions_of,
)
from app.transport.http.identity import Callers, Service
from app.transport.http.problems import refusals


def list_routes(router: APIRouter, of: ArchiveEndpoints, callers: Callers) -> None:
    """Add the lists."""
    either = callers.user_or_service()
    answers = refusals(400, 401, 403, 404, 503)

    @router.get("/lecture/archive/{ident}/questions", responses=answers)
    async def questions(
        ident: str,
        caller: Annotated[Account | Service, Depends(either)],
        after: After = 0,
        limit: Limit = 1000,
    ) -> Items:
        """List the questions."""
        lecture, is_owner = await of.archive.readable(ident, account_of(caller))
        page = await of.reader.questions(lecture.id, after, limit, every=is_owner)
        began = lecture.started_ms
        return _items(page, [question_item(row, began, is_owner) for row in page.rows])

    @router.get("/lecture/archive/{ident}/chapters", responses=answers)
    async def chapters(
        ident: str,
        caller: Annotated[Account | Service, Depends(either)],
        after: After = 0,
        limit: Limit = 1000,
    ) -> Items:
        """List pages that were shown and chapters that were marked."""
        lecture, _ = await of.archive.readable(ident, account_of(caller))
        page = await of.reader.chapters(lecture.id, after, limit)
        return _items(
            page,
            [
                {**_at(row, lecture), "page": row.page, "title": row.title}
                for row in page.rows
            ],
        )  # fmt: skip

    @router.get("/lecture/archive/{ident}/marks", responses=answers)
    async def marks(
        ident: str,
        caller: Annotated[Account | Service, Depends(either)],
        after: After = 0,
        limit: Limit = 1000,
    ) -> Items:
        """List what happened to the lecture itself."""
        lecture, _ = await of.archive.readable(ident, account_of(caller))
        page = await of.reader.marks(lecture.id, after, limit)
        return _items(
            page,
            [
                {**_at(row, lecture), "kind": row.kind, "data": orjson.loads(row.data)}
                for row in page.rows
            ],
        )

    @router.get("/lecture/archive/{ident}/attendance", responses=answers)
    async def attendance(
        ident: str,
        caller: Annotated[Account | Service, Depends(either)],
        after: Annotated[str, Query(pattern="^[0-9a-f]{0,32}$")] = "",
        limit: Limit = 1000,
    ) -> Items:
        """List who was there, from when to when; for the presenter."""
        account = account_of(caller)
        if account is None:
            lecture, _ = await of.archive.readable(ident, None)
        else:
            lecture = await of.archive.owned(ident, account)
        page = await of.reader.attendances(lecture.id, after, limit)
        return _items(page, [stay_item(row, lecture.started_ms) for row in page.rows])


def caption_routes(router: APIRouter, of: ArchiveEndpoints, callers: Callers) -> None:
    """Add the captions."""
    either = callers.user_or_service()
    answers = refusals(400, 401, 403, 404, 503)

    @router.get("/lecture/archive/{ident}/captions", responses=answers)
    async def captions(
        ident: str,
        caller: Annotated[Account | Service, Depends(either)],
        source: Source = None,
        after: After = 0,
        limit: Limit = 1000,
    ) -> Items:
        """List captions."""
        lecture, _ = await of.archive.readable(ident, account_of(caller))
        page = await of.reader.captions(lecture.id, source, after, limit)
        return _items(
            page,
            [
                {
                    "source": row.source,
                    "number": row.number,
                    "start": row.start_ms,
                    "end": row.end_ms,
                    "text": row.text,
                }
                for row in page.rows
            ],
        )

    @router.get("/lecture/archive/{ident}/captions.vtt", response_class=Response, responses=answers)
    async def captions_vtt(
        ident: str,
        caller: Annotated[Account | Service, Depends(either)],
        source: Source = None,
    ) -> Response:
        """Give the captions as WebVTT."""
        lecture, _ = await of.archive.readable(ident, account_of(caller))
        rows = captions_of(of.reader, lecture, source)
        cues = [Cue(row.start_ms, row.end_ms, row.text) async for row in rows]
        return Response(write_webvtt(cues), media_type="text/vtt; charset=utf-8")


def _items(page: Page, items: list[dict[str, Any]]) -> Items:
    return Items(items=items, next=page.next)


def _at(row: Any, lecture: ArchivedLecture) -> dict[str, Any]:
    return {"seq": row.seq, "at": max(0, row.at_ms - lecture.started_ms)}
