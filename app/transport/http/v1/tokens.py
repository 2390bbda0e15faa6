"""Server API: tokens, which are tickets for one user."""

from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse

from app.auth.principal import Member
from app.auth.tickets import Address
from app.cluster.placement import ANYWHERE, Preference
from app.core.errors import BadRequest, Unauthorized, Unavailable
from app.core.ids import LectureId, RoomId
from app.rooms.service_rooms import ServiceRoom
from app.transport.http.v1.answers import (
    NoPortal,
    NoPortalForNuve,
    NoPortalForOwt,
    refusals,
)
from app.transport.http.v1.bodies import MAX_USER_CHARS, TokenWish
from app.transport.http.v1.gate import By, Caller
from app.transport.http.v1.parts import ApiParts, identity_in

_NO_PORTAL = {
    "nuve": (NoPortalForNuve, "No Erizo Controller found"),
    "owt": (NoPortalForOwt, "Failed to get portal"),
    "own": (NoPortal, "Failed to get portal"),
}


def add_tokens(router: APIRouter, parts: ApiParts) -> None:
    """Add ``POST /rooms/{room}/tokens``."""

    @router.post(
        "/rooms/{room}/tokens",
        response_class=PlainTextResponse,
        responses={
            200: {
                "description": "Base64 of JSON `{tokenId, host, secure, …, signature}`; good once,"
                " for three minutes.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            **refusals(400, 403, 404, 409, 413),
        },
    )
    async def create(
        caller: By, room: str, request: Request, body: TokenWish | None = None
    ) -> PlainTextResponse:
        """Make a ticket that lets one user into the room, in one role, once."""
        wish = body or TokenWish()
        found = await parts.room(caller, room)
        user = wish.user or wish.name or caller.username
        role = wish.role or caller.role
        said = wish.preference
        where = ANYWHERE if said is None else Preference(said.isp, said.region)
        member = _member(caller, found, user, role, where)
        address = await _address(parts, caller, where, request)
        opened = await parts.rooms.opened(found.service, found.id)
        text = await parts.tickets.issue(_in_lecture(member, opened), address, parts.clock.wall())
        return PlainTextResponse(text, headers={"Cache-Control": "no-store"})


def _member(
    caller: Caller, room: ServiceRoom, user: str | None, role: str | None, where: Preference
) -> Member:
    if not user or not role:
        raise Unauthorized("Name and role?")
    name = user.strip()
    if not 1 <= len(name) <= MAX_USER_CHARS or not name.isprintable():
        raise BadRequest("Name or role not valid")
    permission = room.options.known_roles.get(role)
    if permission is None:
        raise BadRequest("Name or role not valid")
    service = caller.owner()
    return Member(
        identity=identity_in(service, name),
        name=name,
        room=RoomId(""),
        lecture=LectureId(""),
        owner=service.account,
        role=role,
        permission=permission,
        issued_ms=0,
        participant_limit=room.options.participant_limit,
        input_limit=room.options.input_limit,
        notifying=room.options.notifying,
        p2p=room.options.p2p,
        isp=where.isp,
        region=where.region,
    )


def _in_lecture(member: Member, room: ServiceRoom) -> Member:
    if room.code is None or room.lecture is None:
        raise Unavailable("this room's lecture is over, try again")
    return replace(member, room=room.code, lecture=room.lecture)


async def _address(parts: ApiParts, caller: Caller, where: Preference, request: Request) -> Address:
    """Return where the user is to connect. Raises NoPortal, as the caller's kind knows it."""
    try:
        chosen = await parts.portals.choose(where)
    except Unavailable as fault:
        kind, words = _NO_PORTAL[caller.dialect]
        raise kind(words) from fault
    host = chosen or request.url.netloc
    # A proxy that ends TLS says so; the caller, which is proved, might: the ticket is its own.
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip()
    return Address(host, (forwarded or request.url.scheme) == "https")
