"""REST: the text of a lecture's speech, brought by a service."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from app.archive.service import Archive
from app.core.clock import Clock
from app.core.errors import Unauthorized
from app.core.ids import is_room_id
from app.subtitles.callback_key import CallbackKeys
from app.subtitles.service import Subtitles
from app.transport.http.archive_bodies import SpeechText, StoredText
from app.transport.http.identity import AUTHORIZATION, Callers
from app.transport.http.problems import refusals

GOOD_RESULTS = frozenset({"SUCCEEDED", "COMPLETED"})


@dataclass(frozen=True, slots=True)
class SubtitleEndpoints:
    """What the route uses."""

    archive: Archive
    subtitles: Subtitles
    keys: CallbackKeys
    clock: Clock


def subtitle_routes(of: SubtitleEndpoints, callers: Callers) -> APIRouter:
    """Return the route to which recognised speech is brought."""
    router = APIRouter(tags=["archive"])

    async def may_bring(
        code: str,
        header: Annotated[str | None, Depends(AUTHORIZATION)] = None,
        key: Annotated[str | None, Query(max_length=100)] = None,
    ) -> None:
        if key is not None and not is_room_id(code):
            if of.keys.is_good(key, code, of.clock.wall()):
                return
            raise Unauthorized("this address is not good, or not any more")
        if not callers.is_service(header):
            raise Unauthorized("this takes the operator's service token")

    @router.post("/lecture/{code}/text", responses=refusals(400, 401, 404, 413, 503))
    async def text(
        code: str, body: SpeechText, _: Annotated[None, Depends(may_bring)]
    ) -> StoredText:
        """Keep a lecture's recognised speech, by code or by id; a repeat replaces it."""
        lecture = await of.archive.writable(code, None)
        if body.result is not None and body.result not in GOOD_RESULTS and not body.segments:
            await of.subtitles.refuse(lecture.id, body.result)
            return StoredText(stored=0)
        segments = [segment.segment() for segment in body.segments]
        return StoredText(stored=await of.subtitles.take(lecture.id, segments))

    return router
