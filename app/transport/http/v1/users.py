"""Server API: who is in a room. Licode's users go by name, OWT's participants by id; both are the
persons of the roster."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.core.errors import BadRequest, NotFound
from app.core.ids import RoomId
from app.rooms.floor import member_id
from app.rooms.roster import Person
from app.transport.http.v1.answers import ParticipantMissing, refusals
from app.transport.http.v1.bodies import Done
from app.transport.http.v1.gate import By, Caller
from app.transport.http.v1.parts import ApiParts, identity_in
from app.transport.http.v1.person_bodies import BanBody, Change, NewBan, ParticipantBody, UserBody

MAX_LISTED = 1000
MAX_CHANGES = 20
MAX_NAME = 200

Ban = Annotated[bool, Query(description="Not let in again while the lecture lasts.")]


def add_users(router: APIRouter, parts: ApiParts) -> None:
    """Add the routes of ``/rooms/{room}/users``."""

    @router.get("/rooms/{room}/users", responses=refusals(403, 404))
    async def users(caller: By, room: str) -> list[UserBody]:
        """List who is in, the longest here first; 1,000 at most."""
        code = await parts.code(caller, room)
        found = [] if code is None else await parts.roster.people(code, MAX_LISTED)
        return [UserBody.of(person) for person in found]

    @router.get("/rooms/{room}/users/{user}", responses=refusals(403, 404))
    async def user(caller: By, room: str, user: str) -> UserBody:
        """Describe a user, by name."""
        code = await _live(parts, caller, room, "User does not exist")
        return UserBody.of(await _named(parts, caller, code, user))

    @router.delete("/rooms/{room}/users/{user}", responses=refusals(400, 403, 404))
    async def remove_user(caller: By, room: str, user: str, ban: Ban = False) -> Done:
        """Remove a user, on however many connections: at once, everywhere."""
        code = await _live(parts, caller, room, "User does not exist")
        person = await _named(parts, caller, code, user)
        _ = await parts.expulsions.remove(code, person.id, banned=ban, reason="removed")
        return Done(message="User deleted")


def add_participants(router: APIRouter, parts: ApiParts) -> None:
    """Add the routes of ``/rooms/{room}/participants``."""

    @router.get("/rooms/{room}/participants", responses=refusals(403, 404))
    async def participants(caller: By, room: str) -> list[ParticipantBody]:
        """List who is in, the longest here first; 1,000 at most."""
        code = await parts.code(caller, room)
        found = [] if code is None else await parts.roster.people(code, MAX_LISTED)
        return [ParticipantBody.of(person) for person in found]

    @router.get("/rooms/{room}/participants/{participant}", responses=refusals(403, 404))
    async def participant(caller: By, room: str, participant: str) -> ParticipantBody:
        """Describe a participant."""
        code = await _live(parts, caller, room, "Participant not found")
        return ParticipantBody.of(await _person(parts, code, participant))

    @router.patch(
        "/rooms/{room}/participants/{participant}", responses=refusals(400, 403, 404, 409, 413)
    )
    async def change(
        caller: By, room: str, participant: str, body: list[Change]
    ) -> ParticipantBody:
        """Change what a participant may send and receive: live media obeys at once.

        Each step replaces `/permission/publish` or `/permission/subscribe`, whole or by kind.
        """
        code = await _live(parts, caller, room, "Participant not found")
        if not 1 <= len(body) <= MAX_CHANGES or any(step.op != "replace" for step in body):
            raise BadRequest(f"1 to {MAX_CHANGES} steps, each a replace")
        person = await _person(parts, code, participant)
        try:
            changed = await parts.expulsions.permit(
                code, person.id, [(step.path, step.value) for step in body]
            )
        except ValueError as fault:
            raise BadRequest(str(fault)) from fault
        return ParticipantBody.of(changed)

    @router.delete("/rooms/{room}/participants/{participant}", responses=refusals(400, 403, 404))
    async def remove(caller: By, room: str, participant: str, ban: Ban = False) -> Done:
        """Remove a participant: at once, everywhere."""
        code = await _live(parts, caller, room, "Participant not found")
        person = await _person(parts, code, participant)
        _ = await parts.expulsions.remove(code, person.id, banned=ban, reason="removed")
        return Done(message="Participant deleted")


def add_bans(router: APIRouter, parts: ApiParts) -> None:
    """Add the routes of ``/rooms/{room}/bans``."""

    @router.get("/rooms/{room}/bans", responses=refusals(403, 404))
    async def bans(caller: By, room: str) -> list[BanBody]:
        """List who was removed from the lecture that the room holds now."""
        code = await parts.code(caller, room)
        found = [] if code is None else await parts.expulsions.removed(code)
        return [BanBody.of(one) for one in found]

    @router.post("/rooms/{room}/bans", responses=refusals(400, 403, 404, 409, 413))
    async def ban(caller: By, room: str, body: NewBan) -> Done:
        """Ban a user who is in, or has not come yet, for as long as the lecture lasts."""
        code = await _live(parts, caller, room, "the room holds no lecture now")
        if (body.user is None) == (body.participant is None):
            raise BadRequest("either user or participant")
        if body.participant is not None:
            ident, identity = (await _person(parts, code, body.participant)).id, ""
        else:
            identity = identity_in(caller.owner(), body.user or "")
            ident = member_id(code, identity)
        _ = await parts.expulsions.remove(
            code, ident, banned=True, reason=body.reason, identity=identity
        )
        return Done(message="User banned")

    @router.delete("/rooms/{room}/bans/{ban}", responses=refusals(403, 404))
    async def lift(caller: By, room: str, ban: str) -> Done:
        """Let somebody come back."""
        code = await _live(parts, caller, room, "there is no such ban")
        if len(ban) > MAX_NAME or not await parts.expulsions.readmit(code, ban):
            raise ParticipantMissing("there is no such ban")
        return Done(message="Ban lifted")


async def _live(parts: ApiParts, caller: Caller, room: str, words: str) -> RoomId:
    code = await parts.code(caller, room)
    if code is None:
        raise ParticipantMissing(words)
    return code


async def _person(parts: ApiParts, code: RoomId, ident: str) -> Person:
    if len(ident) > MAX_NAME:
        raise ParticipantMissing("Participant not found")
    try:
        return await parts.roster.person(code, ident)
    except NotFound as fault:
        raise ParticipantMissing("Participant not found") from fault


async def _named(parts: ApiParts, caller: Caller, code: RoomId, user: str) -> Person:
    identity = identity_in(caller.owner(), user)
    try:
        return await parts.roster.person(code, member_id(code, identity))
    except NotFound as fault:
        raise ParticipantMissing("User does not exist") from fault
