"""Server API: streams, which are what somebody sends: microphone and camera, or a screen."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from fastapi import APIRouter

from app.core.errors import BadRequest
from app.core.ids import RoomId
from app.relay.messages import Source
from app.rooms.model import LiveRoom
from app.transport.http.v1.answers import NotImplementedHere, StreamMissing, refusals
from app.transport.http.v1.bodies import Done
from app.transport.http.v1.gate import By, Caller
from app.transport.http.v1.parts import ApiParts
from app.transport.http.v1.person_bodies import (
    Change,
    MediaBody,
    StreamBody,
    StreamInfo,
    StreamMedia,
)

PRESENTER = "presenter"
SCREEN = ".screen"
MAX_CHANGES = 20
MIXING = ("/info/inViews", "/info/layout")


def add_streams(router: APIRouter, parts: ApiParts) -> None:
    """Add the routes of ``/rooms/{room}/streams``."""

    @router.get("/rooms/{room}/streams", responses=refusals(403, 404))
    async def streams(caller: By, room: str) -> list[StreamBody]:
        """List what is sent in the room now."""
        code = await parts.code(caller, room)
        live = None if code is None else await parts.live.read(code)
        return [] if live is None else list(streams_of(live))

    @router.get("/rooms/{room}/streams/{stream}", responses=refusals(403, 404))
    async def one(caller: By, room: str, stream: str) -> StreamBody:
        """Describe a stream."""
        return (await _found(parts, caller, room, stream))[1]

    @router.patch("/rooms/{room}/streams/{stream}", responses=refusals(400, 403, 404, 413))
    async def change(caller: By, room: str, stream: str, body: list[Change]) -> StreamBody:
        """Mute or unmute a stream for everybody: replace `/media/audio/status` or
        `/media/video/status` by `inactive` or `active`. Who sends it cannot undo that."""
        code, found = await _found(parts, caller, room, stream)
        if not 1 <= len(body) <= MAX_CHANGES:
            raise BadRequest(f"1 to {MAX_CHANGES} steps")
        member, _ = _owner(found.id)
        for source, on in [_muting(step, found) for step in body]:
            await parts.floor.mute_by_service(code, member, source, on)
        return (await _found(parts, caller, room, stream))[1]

    @router.delete("/rooms/{room}/streams/{stream}", responses=refusals(403, 404))
    async def delete(caller: By, room: str, stream: str) -> Done:
        """End a speaker's stream. The presenter's is muted: the slot is the presenter's."""
        code, found = await _found(parts, caller, room, stream)
        member, _ = _owner(found.id)
        if member:
            await parts.floor.silence(code, member)
        else:
            for source in _sources(found):
                await parts.floor.mute_by_service(code, "", source, True)
        return Done(message="Stream deleted")


def streams_of(live: LiveRoom) -> Iterator[StreamBody]:
    """Yield what is sent in a room, as its hash says it."""
    floor: Mapping[str, Any] = live.floor or {"speakers": [], "muted": {}}
    name = {"name": PRESENTER}
    yield from _streams(PRESENTER, live.sources, floor["muted"], name)
    for one in floor["speakers"]:
        yield from _streams(one["id"], one["sources"], one["muted"], {"name": one["name"]})


def _streams(
    owner: str, sources: Mapping[str, bool], muted: Mapping[str, Any], attributes: dict[str, str]
) -> Iterator[StreamBody]:
    def media(source: str, named: str) -> MediaBody | None:
        if not sources.get(source):
            return None
        return MediaBody(status="inactive" if muted.get(source) else "active", source=named)

    audio, video = media("microphone", "mic"), media("camera", "camera")
    info = StreamInfo(owner=owner, attributes=attributes)
    if audio is not None or video is not None:
        yield StreamBody(id=owner, media=StreamMedia(audio=audio, video=video), info=info)
    screen = media("screen", "screen-cast")
    if screen is not None:
        media_of = StreamMedia(audio=None, video=screen)
        yield StreamBody(id=owner + SCREEN, media=media_of, info=info)


async def _found(
    parts: ApiParts, caller: Caller, room: str, stream: str
) -> tuple[RoomId, StreamBody]:
    code = await parts.code(caller, room)
    live = None if code is None else await parts.live.read(code)
    listed = [] if live is None else streams_of(live)
    found = next((one for one in listed if one.id == stream), None)
    if found is None or code is None:
        raise StreamMissing("Stream not found")
    return code, found


def _owner(stream: str) -> tuple[str, bool]:
    """Return the member id of whose stream it is ("" for the presenter), and if it is a screen."""
    owner = stream.removesuffix(SCREEN)
    return "" if owner == PRESENTER else owner, stream.endswith(SCREEN)


def _sources(stream: StreamBody) -> list[Source]:
    if stream.id.endswith(SCREEN):
        return ["screen"]
    both: list[Source] = []
    if stream.media.audio is not None:
        both.append("microphone")
    if stream.media.video is not None:
        both.append("camera")
    return both


def _muting(step: Change, stream: StreamBody) -> tuple[Source, bool]:
    """Return what a step mutes, and whether. Raises BadRequest, NotImplementedHere."""
    if step.path.startswith(MIXING):
        raise NotImplementedHere("streams are not mixed here: there are no views and layouts")
    kind = {"/media/audio/status": "audio", "/media/video/status": "video"}.get(step.path)
    if step.op != "replace" or kind is None or step.value not in ("active", "inactive"):
        raise BadRequest("replace /media/audio/status or /media/video/status by (in)active")
    if getattr(stream.media, kind) is None:
        raise BadRequest(f"this stream has no {kind}")
    source = "microphone" if kind == "audio" else "camera"
    if stream.id.endswith(SCREEN):
        source = "screen"
    return cast("Source", source), step.value == "inactive"
