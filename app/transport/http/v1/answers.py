"""Refusals of the server API: ``application/problem+json`` (RFC 9457) with OWT's numbers inside.

One body serves everybody: ``code`` and ``detail`` are ours, ``error {code, message}`` is what
OWT's callers read, and Licode's read the status (docs/protocol-rest.md).
"""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from app.core.errors import (
    BadRequest,
    Conflict,
    Ended,
    Forbidden,
    LecternError,
    NotFound,
    NotStarted,
    Unauthorized,
    Unavailable,
)

PROBLEM = "application/problem+json"
CHALLENGE = 'MAuth realm="lectern", Lectern-HMAC-SHA256 realm="lectern", Bearer realm="lectern"'
MAX_FIELDS_NAMED = 5


class ServiceMissing(NotFound):
    number: ClassVar[int] = 1002


class RoomMissing(NotFound):
    number: ClassVar[int] = 1003


class StreamMissing(NotFound):
    number: ClassVar[int] = 1004


class ParticipantMissing(NotFound):
    number: ClassVar[int] = 1005


class NotAuthorized(Unauthorized):
    """Signed well, but not by one who may (L7): Licode says 401."""

    number: ClassVar[int] = 1102


class NoPortal(Unavailable):
    """No api process takes anybody, or none that the preference admits."""

    number: ClassVar[int] = 1301


class NoPortalForOwt(NoPortal):
    http_status = 500


class NoPortalForNuve(NoPortal):
    http_status = 404


class NotImplementedHere(LecternError):
    """A route of OWT's that is served by nobody here."""

    code = "not_implemented"
    http_status = 501


class ErrorNumber(BaseModel):
    """What OWT's callers read."""

    code: int = Field(examples=[1003])
    message: str


class ApiProblem(BaseModel):
    """The body of every refusal of the server API."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable, for programs.", examples=["not_found"])
    retryable: bool
    error: ErrorNumber


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of the refusals that a route can make, 401 and 503 always."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/ApiProblem"}}},
        }
        for status in sorted({*statuses, 401, 503})
    }


class V1Route(APIRoute):
    """A route whose caller is known before its body is looked at, and whose refusals are problems.

    The gate is the request's application state, put there by ``server_api``.
    """

    gate: ClassVar[Any] = None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def gated(request: Request) -> Response:
            try:
                request.state.caller = await self.gate.caller(request)
                return await handle(request)
            except LecternError as error:
                return problem_of(error)
            except RequestValidationError as fault:
                return problem_of(_invalid(fault))
            except HTTPException as fault:  # a body that is no JSON
                if fault.status_code != HTTPStatus.BAD_REQUEST:
                    raise
                return problem_of(BadRequest("the body is not JSON"))

        return gated


def problem_of(error: LecternError) -> JSONResponse:
    """Return a refusal as a problem document."""
    headers: dict[str, str] = {}
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGE
    if isinstance(error, Unavailable | NotStarted):
        headers["Retry-After"] = "2"
    body = {
        "type": "about:blank",
        "title": HTTPStatus(error.http_status).phrase,
        "status": error.http_status,
        "detail": error.message,
        "code": error.code,
        "retryable": error.retryable,
        "error": {"code": number_of(error), "message": error.message},
    }
    return JSONResponse(body, error.http_status, headers, media_type=PROBLEM)


def number_of(error: LecternError) -> int:
    """Return OWT's number of a refusal (seed row O26)."""
    number = getattr(error, "number", None)
    if isinstance(number, int):
        return number
    kinds: tuple[tuple[type[LecternError], int], ...] = (
        (NotFound, 1001),
        (Unauthorized, 1101),
        (Forbidden, 1102),
        (BadRequest, 1201),
        (Conflict, 1201),
        (Ended, 1003),
        (NotStarted, 1003),
        (Unavailable, 1301),
    )
    return next((number for kind, number in kinds if isinstance(error, kind)), 2001)


def _invalid(fault: RequestValidationError) -> BadRequest:
    # Names the fields, never the values: those may be keys.
    named = [
        f"{'.'.join(str(part) for part in one['loc'][1:]) or one['loc'][0]}: {one['msg']}"
        for one in fault.errors()
    ]
    return BadRequest("; ".join(named[:MAX_FIELDS_NAMED]))
