"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): media by HTTP, for others' programs."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, Protocol

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse

from app.auth.room_tokens import RoomGrant, RoomRole, RoomTokens
from app.core.clock import Clock
from app.core.errors import (
    Forbidden,
    LecternError,
    NotFound,
    NotStarted,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from app.core.ids import LectureId, PeerId, RoomId
from app.lecture.broadcast import Opened, Restarted
from app.rooms.sessions import Session
from app.transport.http.identity import bare_token
from app.transport.http.offer_budgets import OFFER_SECONDS, OfferBudgets
from app.transport.http.sdp_fragment import MEDIA_TYPE, read_fragment, write_fragment

SDP = "application/sdp"
PROBLEM = "application/problem+json"
MAX_SESSION_CHARS = 64

Kind = Literal["whip", "whep"]
ROLES: dict[Kind, RoomRole] = {"whip": "presenter", "whep": "listener"}

IceServers = Callable[[RoomId, str], Sequence[dict[str, object]]]
"""Returns a browser's ``iceServers`` for one person in one room."""


class BroadcastsPort(Protocol):
    """``lecture.broadcast.Broadcasts``; it says what each method guarantees and raises."""

    async def publish(self, grant: RoomGrant, sdp: str) -> Opened: ...
    async def play(self, grant: RoomGrant, sdp: str) -> Opened: ...
    async def session(self, grant: RoomGrant, peer: PeerId) -> Session: ...
    async def restart(
        self, grant: RoomGrant, session: Session, ufrag: str, password: str
    ) -> Restarted: ...
    async def end(self, grant: RoomGrant, session: Session) -> None: ...
    async def generation(self, lecture: LectureId, role: RoomRole) -> int: ...
    async def revoke(self, room: RoomId, lecture: LectureId, role: RoomRole) -> None: ...


class UnsupportedMedia(LecternError):
    code = "unsupported_media_type"
    http_status = 415


class PreconditionFailed(LecternError):
    code = "precondition_failed"
    http_status = 412


class PreconditionRequired(LecternError):
    code = "precondition_required"
    http_status = 428


class ProblemRoute(APIRoute):
    """A route whose refusals are ``application/problem+json`` (RFC 9457), as RFC 9725 asks."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def with_problems(request: Request) -> Response:
            try:
                return await handle(request)
            except LecternError as error:
                return problem_of(error)

        return with_problems


def problem_of(error: LecternError) -> JSONResponse:
    """Return a refusal as a problem document."""
    headers: dict[str, str] = {}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Unavailable | NotStarted):
        headers["Retry-After"] = "2"
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(OFFER_SECONDS)
    body = {
        "type": "about:blank",
        "title": HTTPStatus(error.http_status).phrase,
        "status": error.http_status,
        "detail": error.message,
        "code": error.code,
        "retryable": error.retryable,
    }
    return JSONResponse(body, error.http_status, headers, media_type=PROBLEM)


@dataclass(frozen=True, slots=True)
class MediaEndpoints:
    """What the routes of both kinds need."""

    broadcasts: BroadcastsPort
    tokens: RoomTokens
    clock: Clock
    ice_servers: IceServers | None = None
    offers: OfferBudgets = field(default_factory=OfferBudgets)

    def admit(self, grant: RoomGrant) -> None:
        """Count an offer of this person. Raises RateLimited for one too many."""
        if not self.offers.take((grant.room, grant.role, grant.email), self.clock.now()):
            raise RateLimited("too many offers: slow down")

    def grant(self, request: Request, kind: Kind, code: str, *, old: bool = False) -> RoomGrant:
        """Return what the request's token permits here.

        ``old`` takes an expired one, too, for a session that it made. Raises Unauthorized,
        Forbidden for another lecture's or another role's.
        """
        header = request.headers.get("authorization")
        grant = self.tokens.read(bare_token(header), self.clock.wall())
        if grant.expired and not old:
            raise Unauthorized("this room token has expired")
        if grant.room != code or grant.role != ROLES[kind]:
            raise Forbidden("this token is for another lecture, or for another role")
        return grant

    def links(self, grant: RoomGrant) -> list[str]:
        """Return the ``Link`` headers of the ICE servers (RFC 9725 §4.6)."""
        if self.ice_servers is None:
            return []
        return [
            link
            for server in self.ice_servers(grant.room, grant.email)
            for link in _server_links(server)
        ]


def media_routes(endpoints: MediaEndpoints) -> APIRouter:
    """Return the routes under ``/whip`` and ``/whep``."""
    router = APIRouter(tags=["media"], route_class=ProblemRoute)
    _add_kind(router, endpoints, "whip", endpoints.broadcasts.publish)
    _add_kind(router, endpoints, "whep", endpoints.broadcasts.play)
    return router


def _add_kind(
    router: APIRouter,
    endpoints: MediaEndpoints,
    kind: Kind,
    begin: Callable[[RoomGrant, str], Awaitable[Opened]],
) -> None:
    @router.post(f"/{kind}/{{code}}", status_code=201, name=f"{kind}_begin")
    async def open_session(request: Request, code: str) -> Response:
        """Begin a session: an offer in, the relay's answer out."""
        grant = endpoints.grant(request, kind, code)
        endpoints.admit(grant)
        opened = await begin(grant, await _sdp(request))
        session = opened.session
        response = Response(opened.answer.sdp, HTTPStatus.CREATED, media_type=SDP)
        response.headers["Location"] = f"/{kind}/{grant.room}/{session.peer}"
        response.headers["ETag"] = f'"{session.etag}"'
        response.headers["Accept-Patch"] = MEDIA_TYPE
        for link in endpoints.links(grant):
            response.headers.append("Link", link)
        return response

    @router.options(f"/{kind}/{{code}}", status_code=200, name=f"{kind}_options")
    async def options(request: Request, code: str) -> Response:
        """Tell what may be posted; with a token also the ICE servers."""
        response = Response(status_code=HTTPStatus.OK, headers={"Accept-Post": SDP})
        if "authorization" in request.headers:
            for link in endpoints.links(endpoints.grant(request, kind, code)):
                response.headers.append("Link", link)
        return response

    @router.patch(f"/{kind}/{{code}}/{{session}}", name=f"{kind}_patch")
    async def patch(request: Request, code: str, session: str) -> Response:
        """Trickle candidates, or restart ICE (``If-Match: *`` and new credentials)."""
        grant = endpoints.grant(request, kind, code, old=True)
        return await _patch(endpoints.broadcasts, request, grant, _peer(session))

    @router.delete(f"/{kind}/{{code}}/{{session}}", name=f"{kind}_end")
    async def end(request: Request, code: str, session: str) -> Response:
        """End a session, at once."""
        grant = endpoints.grant(request, kind, code, old=True)
        found = await endpoints.broadcasts.session(grant, _peer(session))
        await endpoints.broadcasts.end(grant, found)
        return Response(status_code=HTTPStatus.OK)


async def _sdp(request: Request) -> str:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != SDP:
        raise UnsupportedMedia(f"the body is to be {SDP}")
    try:
        return (await request.body()).decode("utf-8")
    except UnicodeDecodeError as fault:
        raise UnsupportedMedia("the body is not UTF-8") from fault


def _peer(session: str) -> PeerId:
    if not session or len(session) > MAX_SESSION_CHARS:
        raise NotFound("there is no such session")
    return PeerId(session)


async def _patch(
    broadcasts: BroadcastsPort, request: Request, grant: RoomGrant, peer: PeerId
) -> Response:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise UnsupportedMedia(f"the body is to be {MEDIA_TYPE}")
    session = await broadcasts.session(grant, peer)
    wanted = request.headers.get("if-match")
    if wanted is None:
        raise PreconditionRequired("If-Match is to name the ICE session, or to be *")
    tags = {tag.strip() for tag in wanted.split(",")}
    fragment = read_fragment(await request.body())
    is_restart = fragment.ufrag != session.ufrag
    if "*" not in tags and (is_restart or f'"{session.etag}"' not in tags):
        raise PreconditionFailed("this is not the session's current ICE session")
    if not is_restart:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    restarted = await broadcasts.restart(grant, session, fragment.ufrag, fragment.password)
    ice = restarted.ice
    body = write_fragment(ice.ufrag, ice.password, ice.candidates)
    response = Response(body, HTTPStatus.OK, media_type=MEDIA_TYPE)
    response.headers["ETag"] = f'"{restarted.session.etag}"'
    return response


def _server_links(server: dict[str, object]) -> list[str]:
    urls = server.get("urls", [])
    links = []
    for url in [urls] if isinstance(urls, str) else list(urls) if isinstance(urls, list) else []:
        link = f'<{url}>; rel="ice-server"'
        if "username" in server and "credential" in server:
            link += f'; username="{server["username"]}"; credential="{server["credential"]}"'
            link += '; credential-type="password"'
        links.append(link)
    return links
