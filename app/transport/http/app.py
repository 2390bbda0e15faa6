"""The HTTP application, put together from what it is given. Socket.IO is mounted around it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

from app.auth.accounts import Accounts
from app.auth.shared_attempts import SIGN_UP_LIMITS, Counter, LocalAttempts
from app.auth.tokens import UserTokens
from app.core.clock import Clock
from app.rooms.catalogue import Catalogue
from app.transport.http import problems
from app.transport.http.auth_routes import auth_routes
from app.transport.http.config import HttpConfig
from app.transport.http.identity import Callers
from app.transport.http.lecture_routes import (
    LectureEnding,
    LectureStates,
    RecordingWishes,
    lecture_routes,
)
from app.transport.http.middleware import BodyLimit, Faults, FixedHeaders, Observed
from app.transport.http.operations import RelayFigures, operation_routes
from app.transport.http.pages import Pages
from app.transport.http.security import headers_with_media
from app.transport.http.token_routes import token_routes
from app.transport.http.turn_routes import TurnCredentials, turn_routes
from app.transport.http.v1.api import problem_schemas
from app.transport.http.whip import MediaEndpoints, media_routes

PREFLIGHT_SECONDS = 600


class LecternHttp(FastAPI):
    """FastAPI whose schema tells how we refuse."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, without the framework's own 422: ours is a 400."""
        if self.openapi_schema is None:
            schema = super().openapi()
            for path in schema["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
            schemas = schema["components"]["schemas"]
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            schemas.update(problem_schemas())
        return super().openapi()


def create_http(
    config: HttpConfig,
    *,
    accounts: Accounts,
    catalogue: Catalogue,
    tokens: UserTokens,
    lectures: LectureEnding,
    redis_ready: Callable[[], Awaitable[bool]],
    sql_ready: Callable[[], Awaitable[bool]],
    relay_ready: Callable[[], Awaitable[bool]],
    clock: Clock,
    turn: TurnCredentials | None = None,
    version: str = "0.1.0",
    media: MediaEndpoints | None = None,
    relay_figures: RelayFigures | None = None,
    more: Callable[[Callers], Sequence[APIRouter]] | None = None,
    wishes: RecordingWishes | None = None,
    states: LectureStates | None = None,
    sign_ins: Counter | None = None,
    sign_ups: Counter | None = None,
) -> FastAPI:
    """Return the REST interface, health, metrics and pages as one ASGI application.

    ``media`` adds WHIP, WHEP and their tokens; ``more`` returns the routers of further parts.

    It has no lifespan of its own: whoever made its parts opens and closes them.
    """
    app = LecternHttp(
        title="Lectern",
        version=version,
        summary="The REST interface of a live lecture server.",
        docs_url="/docs" if config.docs else None,
        redoc_url=None,
        redirect_slashes=False,
    )
    callers = Callers(tokens, config.service_token, clock)
    sign_ins = sign_ins or LocalAttempts(clock, config.sign_in_limits)
    sign_ups = sign_ups or LocalAttempts(clock, SIGN_UP_LIMITS)
    checks = {"redis": redis_ready, "sql": sql_ready, "relay": relay_ready}
    routers = [
        auth_routes(accounts, tokens, callers, sign_ins, sign_ups, clock),
        lecture_routes(catalogue, lectures, callers, wishes, states),
        turn_routes(turn, callers),
        operation_routes(checks, relay_figures),
    ]
    if media is not None:
        routers += [
            token_routes(catalogue, media.tokens, callers, clock, media.broadcasts),
            media_routes(media),
        ]
    if more is not None:
        routers += more(callers)
    for router in routers:
        app.include_router(router)
    _build(app)
    problems.install(app, routers)
    app.router.default = Pages(config.web_dist)
    # The last one added is the outermost.
    app.add_middleware(
        BodyLimit,
        limit_bytes=config.body_limit_bytes,
        timeout_seconds=config.body_timeout_seconds,
    )
    app.add_middleware(Faults)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(config.allowed_origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "If-Match"],
        expose_headers=["Retry-After", "Location", "ETag", "Link", "Accept-Patch"],
        max_age=PREFLIGHT_SECONDS,
    )
    app.add_middleware(FixedHeaders, headers=headers_with_media(config.media_origins))
    app.add_middleware(Observed, clock=clock)
    return app


def _build(app: FastAPI) -> None:
    """Make what every route needs. FastAPI would do so with the first request that passes a router,
    on the event loop: 20 to 60 ms of pydantic's schemas, in which nobody else is served."""
    nowhere = {"type": "http", "method": "GET", "path": "/\0", "root_path": "", "headers": []}
    for route in app.routes:
        _ = route.matches(nowhere)
