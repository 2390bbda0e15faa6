"""REST: a lecture's record as existing clients and services know it."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from app.archive.replaying import RecordLogs
from app.auth.principal import Account
from app.transport.http.archive_bodies import PostedLog, Stored
from app.transport.http.archive_endpoints import ArchiveEndpoints, account_of, captions_of
from app.transport.http.identity import Callers, Service
from app.transport.http.problems import refusals


def record_routes(router: APIRouter, of: ArchiveEndpoints, callers: Callers) -> None:
    """Add the routes of existing clients."""
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
            async for row in captions_of(of.reader, lecture, None)
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
