"""REST: what people take home of a lecture, as files. Who may read its record may have them."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response, StreamingResponse

from app.archive.exports import question_line, questions_csv, questions_json
from app.archive.lectures import ArchivedLecture
from app.archive.reader import ArchiveReader
from app.archive.shapes import iso_ms, question_item
from app.auth.principal import Account
from app.transport.http.archive_endpoints import ArchiveEndpoints, account_of
from app.transport.http.identity import Callers, Service
from app.transport.http.problems import refusals

MAX_QUESTIONS = 100_000


def export_routes(of: ArchiveEndpoints, callers: Callers) -> APIRouter:
    """Return the routes under ``/lecture/archive/:id/export``."""
    router = APIRouter(tags=["archive"])
    either = callers.user_or_service()
    answers = refusals(400, 401, 403, 404, 503)

    @router.get(
        "/lecture/archive/{ident}/export/questions.csv", response_class=Response, responses=answers
    )
    async def as_csv(
        ident: str, caller: Annotated[Account | Service, Depends(either)]
    ) -> StreamingResponse:
        """Give the questions as CSV; no cell of it is taken for a formula."""
        lecture, is_owner = await of.archive.readable(ident, account_of(caller))
        # The first page is read here: what fails before the answer begins is a clear refusal.
        pages = _pages(of.reader, lecture, is_owner)
        first: list[Mapping[str, Any]] = await anext(pages, [])

        async def body() -> AsyncIterator[str]:
            for line in questions_csv(first, for_owner=is_owner):
                yield line
            async for page in pages:
                yield "".join([question_line(one, for_owner=is_owner) for one in page])

        return StreamingResponse(
            body(), media_type="text/csv; charset=utf-8", headers=_attached("questions.csv")
        )

    @router.get(
        "/lecture/archive/{ident}/export/questions.json", response_class=Response, responses=answers
    )
    async def as_json(
        ident: str, caller: Annotated[Account | Service, Depends(either)]
    ) -> Response:
        """Give the questions as a JSON document."""
        lecture, is_owner = await of.archive.readable(ident, account_of(caller))
        questions = [one async for page in _pages(of.reader, lecture, is_owner) for one in page]
        head = {
            "lecture": lecture.id,
            "title": lecture.title,
            "presenter": lecture.owner_name,
            "started_at": iso_ms(lecture.started_ms) if lecture.started_ms else None,
        }
        return Response(
            questions_json(head, questions),
            media_type="application/json",
            headers=_attached("questions.json"),
        )

    return router


async def _pages(
    reader: ArchiveReader, lecture: ArchivedLecture, is_owner: bool
) -> AsyncIterator[list[Mapping[str, Any]]]:
    after, count = 0, 0
    while count < MAX_QUESTIONS:
        page = await reader.questions(lecture.id, after, 1000, every=is_owner)
        count += len(page.rows)
        yield [question_item(row, lecture.started_ms, is_owner) for row in page.rows]
        if page.next is None:
            return
        after = int(page.next)


def _attached(name: str) -> dict[str, str]:
    return {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-store",
    }
