"""REST: recordings after the lecture, and their files by signed links."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from app.auth.principal import Account
from app.core.clock import Clock
from app.core.errors import Forbidden, NotFound
from app.core.ids import LectureId
from app.recording.records import Recording
from app.recording.segments import RecordedFile
from app.recording.service import Link, Recordings
from app.recording.storage.signing import Signer
from app.transport.http.identity import Callers, Service
from app.transport.http.problems import refusals

LectureName = Annotated[
    str, Path(pattern="^[0-9a-f]{32}$", description="The lecture's id, never its code.")
]
CONTENT_TYPES = {
    "webm": "video/webm",
    "mp4": "video/mp4",
    "mp3": "audio/mpeg",
    "json": "application/json",
}
_AUDIO = "-opus.webm"


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """Files that this server itself hands out; none where the storage does."""

    root: FilePath
    signer: Signer
    clock: Clock


class FileCard(BaseModel):
    """One file; its time begins at ``start`` of the lecture."""

    name: str
    kind: Literal["audio", "video", "mix"] = Field(
        description="mix: the sound of everybody, from the lecture's beginning."
    )
    publisher: str
    source: str
    codec: str
    content_type: str = Field(serialization_alias="contentType")
    bytes: int
    start: int = Field(description="Milliseconds from the lecture's beginning.")
    end: int
    active: list[tuple[int, int]] = Field(description="When there was anything, [begin, end].")
    url: str
    expires: str = Field(description="When the link ends.")

    @classmethod
    def of(cls, file: RecordedFile, link: Link) -> "FileCard":
        return cls(
            name=file.name,
            kind=file.kind,
            publisher=file.publisher,
            source=file.source,
            codec=file.codec,
            content_type=file.content_type,
            bytes=file.bytes,
            start=file.start_ms,
            end=file.end_ms,
            active=list(file.active),
            url=link.url,
            expires=datetime.fromtimestamp(link.expires, UTC).isoformat(),
        )


class RecordingCard(BaseModel):
    """How far a recording has come, and its files."""

    lecture: str
    state: Literal["idle", "live", "waiting", "running", "done", "failed", "cancelled"]
    percent: int
    seconds_left: int | None = Field(serialization_alias="secondsLeft")
    fault: str | None
    files: list[FileCard]


class Asked(BaseModel):
    """What was asked for will be done."""

    lecture: str


def recording_routes(
    recordings: Recordings, callers: Callers, local: LocalFiles | None
) -> APIRouter:
    """Return the routes under ``/lecture/recording``, and ``/recordings`` for local files."""
    router = APIRouter(tags=["recordings"])
    anybody = callers.user_or_service()

    async def check(lecture: LectureId, caller: Account | Service, *, owner: bool) -> None:
        if isinstance(caller, Service):
            return
        role = await recordings.role(lecture, caller.email)
        if role is None:
            raise NotFound("you gave and attended no such lecture")
        if owner and role != "owner":
            raise Forbidden("only its presenter may do that")

    @router.get("/lecture/recording/{lecture}", responses=refusals(400, 401, 404, 503))
    async def look_up(
        lecture: LectureName, caller: Annotated[Account | Service, Depends(anybody)]
    ) -> RecordingCard:
        """Tell how far a lecture's recording has come, with links to its files."""
        await check(LectureId(lecture), caller, owner=False)
        found = await recordings.of(LectureId(lecture))
        return await _card(recordings, found)

    @router.post(
        "/lecture/recording/{lecture}/finalise",
        status_code=202,
        responses=refusals(400, 401, 403, 404, 409, 503),
    )
    async def finalise(
        lecture: LectureName, caller: Annotated[Account | Service, Depends(anybody)]
    ) -> Asked:
        """Finalise a recording once more, after it failed or was cancelled."""
        await check(LectureId(lecture), caller, owner=True)
        await recordings.ask_again(LectureId(lecture))
        return Asked(lecture=lecture)

    @router.post(
        "/lecture/recording/{lecture}/cancel",
        status_code=202,
        responses=refusals(400, 401, 403, 404, 409, 503),
    )
    async def cancel(
        lecture: LectureName, caller: Annotated[Account | Service, Depends(anybody)]
    ) -> Asked:
        """Stop finalising a recording; what was recorded stays."""
        await check(LectureId(lecture), caller, owner=True)
        await recordings.cancel(LectureId(lecture))
        return Asked(lecture=lecture)

    @router.delete("/lecture/recording/{lecture}", responses=refusals(400, 401, 403, 404, 409, 503))
    async def delete(
        lecture: LectureName, caller: Annotated[Account | Service, Depends(anybody)]
    ) -> Asked:
        """Delete a recording: every file of it."""
        await check(LectureId(lecture), caller, owner=True)
        _ = await recordings.delete(LectureId(lecture))
        return Asked(lecture=lecture)

    if local is not None:
        _serve_files(router, local)
    return router


def _serve_files(router: APIRouter, local: LocalFiles) -> None:
    @router.head("/recordings/{lecture}/{name}", include_in_schema=False)
    @router.get(
        "/recordings/{lecture}/{name}",
        responses={**refusals(400, 403, 404), 206: {"description": "A part of the file."}},
        response_class=FileResponse,
    )
    async def read(
        lecture: LectureName,
        name: Annotated[str, Path(max_length=200)],
        expires: Annotated[int, Query(ge=0, le=1 << 40)],
        signature: Annotated[str, Query(max_length=64)],
    ) -> FileResponse:
        """Read a recorded file, or a part of it (Range). The link says who may: it is signed."""
        key = f"{lecture}/{name}"
        now = local.clock.wall()
        if not local.signer.is_good(key, expires, signature, now):
            raise Forbidden("this link has ended, or was never good")
        path = local.root / key
        if not path.is_file():
            raise NotFound("this file is gone")
        return FileResponse(
            path,
            media_type=_content_type(name),
            filename=name,
            content_disposition_type="inline",
            headers={"Cache-Control": f"private, max-age={max(0, int(expires - now))}"},
        )


def _content_type(name: str) -> str:
    if name.endswith(_AUDIO):
        return "audio/webm"
    return CONTENT_TYPES.get(name.rpartition(".")[2], "application/octet-stream")


async def _card(recordings: Recordings, of: Recording) -> RecordingCard:
    return RecordingCard(
        lecture=of.lecture,
        state=of.state,
        percent=of.percent,
        seconds_left=recordings.seconds_left(of),
        fault=of.fault,
        files=[FileCard.of(file, link) for file, link in await recordings.links(of)],
    )
