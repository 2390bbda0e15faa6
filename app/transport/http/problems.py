"""Refusals as HTTP answers: one shape, ``{"error": {code, message, retryable}}``."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.auth.attempts import TooManyAttempts
from app.core.errors import LecternError, NotFound, Unauthorized, Unavailable

MAX_FIELDS_NAMED = 5
"""Faulty fields that one answer names."""


class ProblemDetail(BaseModel):
    """Why a request was refused."""

    code: str = Field(description="Stable, for programs.", examples=["not_found"])
    message: str = Field(description="Plain English, for people.")
    retryable: bool = Field(description="The same request may be taken later.")


class Problem(BaseModel):
    """The body of every refusal."""

    error: ProblemDetail


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of the refusals that a route can make."""
    return {
        status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in statuses
    }


def problem(
    status: int,
    code: str,
    message: str,
    retryable: bool = False,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return a refusal's answer."""
    body = {"error": {"code": code, "message": message, "retryable": retryable}}
    return JSONResponse(body, status, headers)


def refused(error: LecternError) -> JSONResponse:
    """Return the answer of one of our own refusals."""
    headers: dict[str, str] = {}
    if isinstance(error, TooManyAttempts):
        headers["Retry-After"] = str(error.retry_after_seconds)
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = "1"
    elif isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 §11.6.1
    return problem(error.http_status, error.code, error.message, error.retryable, headers)


def install(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Make every refusal of the framework's look like ours. ``routers`` hold the routes."""
    routes = [route for router in routers for route in router.routes if isinstance(route, Route)]

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        return _http(request, error, routes)

    app.add_exception_handler(LecternError, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, on_http)


async def _on_refusal(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, LecternError):
        raise error
    return refused(error)


async def _on_invalid(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    # Names the fields, never the values: those may be passwords.
    faults = [f"{_field(fault['loc'])}: {fault['msg']}" for fault in error.errors()]
    return problem(400, "bad_request", "; ".join(faults[:MAX_FIELDS_NAMED]))


def _field(location: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def _http(request: Request, error: Exception, routes: list[Route]) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == NotFound.http_status:
        return problem(404, NotFound.code, "there is nothing at this address")
    code = HTTPStatus(error.status_code).name.lower()
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # The framework names the methods of the address' first route, not of all of them.
        path = request.url.path
        methods = [route.methods or () for route in routes if route.path_regex.match(path)]
        headers["Allow"] = ", ".join(sorted(set().union(*methods))) or headers.get("Allow", "")
    return problem(error.status_code, code, str(error.detail), headers=headers)
