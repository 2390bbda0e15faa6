"""REST: room tokens, for programs that send or play a lecture's media."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Protocol

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from app.auth.principal import Account
from app.auth.room_tokens import RoomRole, RoomTokens
from app.core.clock import Clock
from app.core.errors import Forbidden, NotFound
from app.core.ids import LectureId, RoomId
from app.rooms.catalogue import Catalogue
from app.transport.http.identity import Callers
from app.transport.http.problems import refusals


class TokenWish(BaseModel):
    role: Annotated[
        Literal["presenter", "listener"] | None,
        Field(description="Without it: presenter for the lecture's owner, else listener."),
    ] = None


class RoomToken(BaseModel):
    """A permission for one role in one lecture's media, and where it is good."""

    token: str
    role: RoomRole
    expires_at: datetime = Field(serialization_alias="expiresAt")
    whip: str | None = Field(description="Of a presenter's token: where to send media to.")
    whep: str | None = Field(description="Of a listener's token: where to get media from.")


class Revocations(Protocol):
    """``lecture.broadcast.Broadcasts``."""

    async def generation(self, lecture: LectureId, role: RoomRole) -> int: ...
    async def revoke(self, room: RoomId, lecture: LectureId, role: RoomRole) -> None: ...


def token_routes(
    catalogue: Catalogue,
    tokens: RoomTokens,
    callers: Callers,
    clock: Clock,
    revocations: Revocations,
) -> APIRouter:
    """Return ``POST`` and ``DELETE /lecture/{code}/token``."""
    router = APIRouter(tags=["media"])
    user = callers.user()

    @router.post("/lecture/{code}/token", responses=refusals(400, 401, 403, 404, 413, 503))
    async def issue(
        request: Request,
        code: str,
        caller: Annotated[Account, Depends(user)],
        body: TokenWish | None = None,
    ) -> RoomToken:
        """Give the caller a token for WHIP (the owner) or WHEP (anybody)."""
        lecture = await catalogue.open_by_code(RoomId(code))
        if lecture is None:
            raise NotFound("no open lecture has this code")
        is_owner = lecture.owner_email == caller.email
        wanted = body.role if body is not None else None
        role: RoomRole = wanted or ("presenter" if is_owner else "listener")
        if role == "presenter" and not is_owner:
            raise Forbidden("only the lecture's owner presents")
        token, grant = tokens.issue(
            lecture.code,
            lecture.id,
            role,
            caller.email,
            caller.username,
            clock.wall(),
            await revocations.generation(lecture.id, role),
        )
        base = f"{request.url.scheme}://{request.url.netloc}"
        return RoomToken(
            token=token,
            role=role,
            expires_at=datetime.fromtimestamp(grant.expires, UTC),
            whip=f"{base}/whip/{lecture.code}" if role == "presenter" else None,
            whep=f"{base}/whep/{lecture.code}" if role == "listener" else None,
        )

    @router.delete(
        "/lecture/{code}/token",
        status_code=204,
        responses=refusals(400, 401, 403, 404, 503),
    )
    async def revoke(
        code: str, caller: Annotated[Account, Depends(user)], role: RoomRole = "presenter"
    ) -> Response:
        """Let every token of a role be good no more, and end its sessions (the owner)."""
        lecture = await catalogue.open_by_code(RoomId(code))
        if lecture is None:
            raise NotFound("no open lecture has this code")
        if lecture.owner_email != caller.email:
            raise Forbidden("only the lecture's owner takes tokens back")
        await revocations.revoke(lecture.code, lecture.id, role)
        return Response(status_code=204)

    return router
