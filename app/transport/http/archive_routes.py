"""REST: the record of a lecture, for our pages and for existing clients."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse

from app.archive.deletion import Deletion
from app.archive.entries import ArchiveEntries
from app.archive.ports import LectureFiles, NoFiles
from app.archive.reader import (
    ArchivedLecture,
    ArchiveReader,
    CaptionSource,
    Page,
    board_fields,
    board_item,
    iso_ms,
)
from app.archive.replaying import RecordLogs
from app.archive.service import Archive
from app.auth.principal import Account
from app.subtitles.webvtt import Cue, write_webvtt
from app.transport.http.archive_bodies import (
    ArchiveBoard,
    ArchiveCounts,
    ArchiveGap,
    ArchiveSummary,
    Items,
    PostedLog,
    Retention,
    RetentionSet,
    Stored,
    SubtitleState,
)
from app.transport.http.bodies import Person
from app.transport.http.identity import Callers, Service
from app.transport.http.problems import refusals

Limit = Annotated[int, Query(ge=1, le=1000)]
After = Annotated[int, Query(ge=0, le=2**62)]
Source = Annotated[CaptionSource | None, Query()]

MAX_VTT_CUES = 20_000


@dataclass(frozen=True, slots=True)
class ArchiveEndpoints:
    """What the archive's routes use."""

    archive: Archive
    reader: ArchiveReader
    entries: ArchiveEntries
    deletion: Deletion
    retention_days: int = 0
    files: LectureFiles = field(default_factory=NoFiles)


def archive_routes(of: ArchiveEndpoints, callers: Callers) -> APIRouter:
    """Return the routes of a lecture's record."""
    router = APIRouter(tags=["archive"])
    _summary_routes(router, of, callers)
    _board_routes(router, of, callers)
    _list_routes(router, of, callers)
    _caption_routes(router, of, callers)
    _old_routes(router, of, callers)
    return router


def account_of(caller: Account | Service) -> Account | None:
    """Return the account that calls; None for a service."""
    return caller if isinstance(caller, Account) else None


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


def _list_routes(router: APIRouter, of: ArchiveEndpoints, callers: Callers) -> None:
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
        return _items(page, [_question(row, began, is_owner) for row in page.rows])

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
        return _items(page, [_stay(row, lecture.started_ms) for row in page.rows])


def _caption_routes(router: APIRouter, of: ArchiveEndpoints, callers: Callers) -> None:
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
        rows = _captions(of.reader, lecture, source)
        cues = [Cue(row.start_ms, row.end_ms, row.text) async for row in rows]
        return Response(write_webvtt(cues), media_type="text/vtt; charset=utf-8")


def _old_routes(router: APIRouter, of: ArchiveEndpoints, callers: Callers) -> None:
    either = callers.user_or_service()
    logs = RecordLogs(of.reader, of.entries)

    @router.get("/lecture/record/{ident}", responses=refusals(401, 403, 404, 503))
    async def record(
        ident: str, caller: Annotated[Account | Service, Depends(either)]
    ) -> dict[str, Any]:
        """Give a lecture's record as existing clients replay it."""
        lecture, _ = await of.archive.readable(ident, account_of(caller))
        audio = await of.files.audio_url(lecture.id) or lecture.audio or ""
        subtitles = [
            {"start": row.start_ms, "text": row.text}
            async for row in _captions(of.reader, lecture, None)
        ]
        tail = {"subtitles": subtitles, "audio_file": audio}

        async def body() -> AsyncIterator[bytes]:
            yield b'{"logs":['
            first = True
            async for log in logs.of(lecture):
                yield log if first else b"," + log
                first = False
            yield b"]," + orjson.dumps(tail)[1:]

        return StreamingResponse(body(), media_type="application/json")  # type: ignore[return-value]

    @router.post(
        "/lecture/log/{code}",
        status_code=201,
        responses=refusals(400, 401, 403, 404, 409, 413, 503),
    )
    async def log(
        code: str, body: PostedLog, caller: Annotated[Account | Service, Depends(either)]
    ) -> Stored:
        """Keep a board that a service, or the presenter, posts."""
        lecture = await of.archive.writable(code, account_of(caller))
        return Stored(stored=await of.entries.add_log(lecture.id, body.objects, body.view()))


async def _captions(
    reader: ArchiveReader, lecture: ArchivedLecture, source: CaptionSource | None
) -> AsyncIterator[Any]:
    after, count = 0, 0
    while count < MAX_VTT_CUES:
        page = await reader.captions(lecture.id, source, after, 1000)
        for row in page.rows:
            count += 1
            yield row
        if page.next is None:
            return
        after = int(page.next)


def _items(page: Page, items: list[dict[str, Any]]) -> Items:
    return Items(items=items, next=page.next)


def _at(row: Any, lecture: ArchivedLecture) -> dict[str, Any]:
    return {"seq": row.seq, "at": max(0, row.at_ms - lecture.started_ms)}


def _question(row: Any, began: int, is_owner: bool) -> dict[str, Any]:
    answer = None
    if row.answer is not None:
        answer = {
            "content": row.answer,
            "name": row.answer_name or "",
            "at": max(0, row.answered_ms - began),
        }
    item = {
        "seq": row.seq,
        "questionId": row.question_id,
        "at": max(0, row.asked_ms - began),
        "content": row.content,
        "name": row.name if is_owner or not row.anonymous else "",
        "anonymous": row.anonymous,
        "votes": row.votes,
        "solvedAt": None if row.solved_ms is None else max(0, row.solved_ms - began),
        "answer": answer,
        "erased": row.erased,
    }
    if is_owner:
        item |= {"memberId": row.member_id, "shown": row.shown}
    return item


def _stay(row: Any, began: int) -> dict[str, Any]:
    return {
        "stay": row.stay,
        "memberId": row.member_id,
        "name": row.name,
        "kind": row.kind,
        "joinedAt": max(0, row.joined_ms - began),
        "leftAt": None if row.left_ms is None else max(0, row.left_ms - began),
    }


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
