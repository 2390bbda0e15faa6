"""Server API: rooms."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query

from app.core.errors import BadRequest
from app.rooms.service_rooms import RoomOptions
from app.transport.http.v1.answers import refusals
from app.transport.http.v1.bodies import Done, NewRoom, RoomBody, RoomPatch, RoomUpdate
from app.transport.http.v1.gate import By
from app.transport.http.v1.parts import ApiParts

PER_PAGE = 100
MAX_PER_PAGE = 1000


def add_rooms(router: APIRouter, parts: ApiParts) -> None:
    """Add the routes of ``/rooms``."""

    @router.post("/rooms", responses=refusals(400, 403, 413))
    async def create(caller: By, body: NewRoom) -> RoomBody:
        """Make a room; with ``getOrCreate``, the one of that name if there is one."""
        service = caller.owner()
        caller.check("roomCreate")
        if body.name is None:
            raise BadRequest("Invalid room")
        options = _options(body.options.over(RoomOptions()))
        make = parts.rooms.get_or_create if body.options.getOrCreate else parts.rooms.create
        return RoomBody.of(await make(service.id, body.name, options))

    @router.get("/rooms", responses=refusals(400, 403))
    async def listed(
        caller: By,
        page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
        per_page: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = PER_PAGE,
    ) -> list[RoomBody]:
        """List the service's rooms, the oldest first."""
        service = caller.owner()
        caller.check("roomList")
        return [RoomBody.of(room) for room in await parts.rooms.list(service.id, page, per_page)]

    @router.get("/rooms/{room}", responses=refusals(403, 404))
    async def one(caller: By, room: str) -> RoomBody:
        """Describe a room."""
        return RoomBody.of(await parts.room(caller, room))

    @router.put("/rooms/{room}", responses=refusals(400, 403, 404, 413))
    async def update(caller: By, room: str, body: RoomUpdate) -> RoomBody:
        """Change a room's name and options; who is in keeps what it was admitted with."""
        before = await parts.room(caller, room)
        options = body.over(body.options.over(before.options) if body.options else before.options)
        changed = await parts.rooms.update(before.service, before.id, body.name, _options(options))
        return RoomBody.of(changed)

    @router.patch("/rooms/{room}", responses=refusals(400, 403, 404, 413))
    async def patch(caller: By, room: str, body: RoomPatch) -> RoomBody:
        """As PUT, but ``data`` is merged key by key."""
        before = await parts.room(caller, room)
        options = body.over(body.options.over(before.options) if body.options else before.options)
        said = (body.options.data if body.options else None) or {}
        merged = {**before.options.data, **said, **(body.data or {})}
        changed = await parts.rooms.update(
            before.service, before.id, body.name, _options(replace(options, data=merged))
        )
        return RoomBody.of(changed)

    @router.delete("/rooms/{room}", responses=refusals(403, 404))
    async def delete(caller: By, room: str) -> Done:
        """Delete a room: its lecture ends, and everybody is sent away."""
        found = await parts.room(caller, room)
        await parts.end(found)
        await parts.rooms.delete(found.service, found.id)
        return Done(message="Room deleted")


def _options(options: RoomOptions) -> RoomOptions:
    if options.roles is not None and not options.roles:
        raise BadRequest("roles: at least one, or none of your own")
    return options
