"""Server API: what OWT serves and nobody here does, said so; and addresses that nobody knows."""

from fastapi import APIRouter, Request, Response
from starlette.routing import Route

from app.core.errors import LecternError, NotFound
from app.transport.http.v1.answers import NotImplementedHere, problem_of
from app.transport.http.v1.gate import By
from app.transport.http.v1.parts import ApiParts

ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

UNSERVED = {
    "streaming-ins": "pulling streams from elsewhere; WHIP takes them (docs/protocol-rest.md)",
    "streaming-outs": "sending streams to elsewhere; WHEP gives them (docs/protocol-rest.md)",
    "recordings": "recording by the server API; lectures are recorded by their presenters",
    "sipcalls": "calls by SIP",
    "analytics": "analysis of streams",
    "cascading": "cascading by hand: relays are joined by themselves",
    "bridges": "cascading by hand: relays are joined by themselves",
}


class MethodNotAllowed(LecternError):
    code = "method_not_allowed"
    http_status = 405


def add_unserved(router: APIRouter, parts: ApiParts) -> None:
    """Add the routes that answer 501. They are in no OpenAPI document."""
    for name, words in UNSERVED.items():
        for path in (f"/rooms/{{room}}/{name}", f"/rooms/{{room}}/{name}/{{ident}}"):
            _add(router, parts, path, words)


def _add(router: APIRouter, parts: ApiParts, path: str, words: str) -> None:
    @router.api_route(path, methods=ALL_METHODS, include_in_schema=False)
    async def unserved(caller: By, room: str) -> None:
        _ = await parts.room(caller, room)
        raise NotImplementedHere(f"not served here: {words}")


def add_unknown(router: APIRouter) -> None:
    """Add what answers every other address, once its caller is known: last of all."""
    known = [route for route in router.routes if isinstance(route, Route)]

    @router.api_route("/{rest:path}", methods=ALL_METHODS, include_in_schema=False)
    async def unknown(caller: By, rest: str, request: Request) -> Response:  # noqa: ARG001
        path = request.url.path
        allowed = {
            method
            for route in known
            if route.path_regex.match(path)
            for method in route.methods or ()
        }
        if not allowed:
            raise NotFound("there is nothing at this address")
        answer = problem_of(MethodNotAllowed("this address takes other methods"))
        answer.headers["Allow"] = ", ".join(sorted(allowed))
        return answer


def add_stream_engine(router: APIRouter) -> None:
    """Add OWT's second interface, which is not served."""

    @router.api_route("/v1.1/{rest:path}", methods=ALL_METHODS, include_in_schema=False)
    async def engine(caller: By, rest: str) -> None:  # noqa: ARG001
        raise NotImplementedHere("the stream engine's interface is not served here")
