"""REST: credentials for a TURN server."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from app.auth.principal import Account
from app.core.errors import Unavailable
from app.transport.http.identity import Callers
from app.transport.http.problems import refusals
from app.turn.service import TurnServers

TurnCredentials = TurnServers
"""What issues credentials."""


class IceServerEntry(BaseModel):
    """An ``RTCIceServer``."""

    urls: list[str]
    username: str
    credential: str


class TurnCredential(BaseModel):
    """A credential that is good now. The first five names are those of older clients."""

    type: Literal["result"] = "result"
    code: Literal["ok"] = "ok"
    userid: str = Field(description="The user name at the first of the servers.")
    password: str
    expired_time: int = Field(description="Milliseconds since the epoch.")
    ice_servers: list[IceServerEntry] = Field(
        serialization_alias="iceServers", description="For an RTCPeerConnection, best first."
    )


def turn_routes(turn: TurnCredentials | None, callers: Callers) -> APIRouter:
    """Return ``GET /turncredential``; without TURN it has none to give."""
    router = APIRouter(tags=["turn"])

    @router.get("/turncredential", responses=refusals(401, 503))
    async def credential(
        caller: Annotated[Account, Depends(callers.user())], response: Response
    ) -> TurnCredential:
        """Give the caller a credential for the TURN servers; 503 when there is none to be had."""
        if turn is None:
            raise Unavailable("this server has no TURN server")
        issued = turn.credential(caller.email)
        response.headers["Cache-Control"] = "no-store"
        first = issued.servers[0].credential
        return TurnCredential(
            userid=first.username,
            password=first.password,
            expired_time=first.expires * 1000,
            ice_servers=[IceServerEntry.model_validate(entry) for entry in issued.entries()],
        )

    return router
