"""Who calls the server API: a service by a signature or a Bearer token, or the operator."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jwt
from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from app.auth.nonces import Nonces
from app.auth.services import Service, Services
from app.auth.signatures import OWN_SCHEME, SignatureError, is_timely, read_mauth, read_own
from app.core.clock import Clock
from app.core.errors import Forbidden, NotFound, Unauthorized
from app.transport.http.v1.answers import NotAuthorized

MAX_BEARER_SECONDS = 24 * 3600
"""A token that a service makes for itself is good for a day at most."""

MAX_BEARER_CHARS = 4096
SKEW_SECONDS = 60

Dialect = Literal["nuve", "owt", "own"]
"""Whose callers sign like that: a few answers differ (docs/coming-from.md)."""

AUTHORIZATION = APIKeyHeader(
    name="Authorization",
    auto_error=False,
    scheme_name="service",
    description=(
        "`MAuth …` (HMAC_SHA1, HMAC_SHA256), `Lectern-HMAC-SHA256 …`, or `Bearer <JWT>` signed"
        " with the service's key (HS256, `iss`: the service's id, `exp`)."
    ),
)
DOCUMENTED = [Security(AUTHORIZATION)]
"""For the OpenAPI document; who calls is known before (``answers.V1Route``)."""

_OPTIONS: Any = {
    "require": ["iss", "exp"],
    # Age is judged here, against the caller's clock: the library would ask the machine's.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """One who was let in."""

    service: Service | None
    """None: the operator, who has services but no rooms."""
    dialect: Dialect = "own"
    username: str | None = None
    role: str | None = None
    """Of ``MAuth``: for whom Licode's callers ask a token."""
    grants: Mapping[str, Any] | None = None
    """LiveKit's ``video`` grant of a Bearer token; None permits all that the service may."""

    def owner(self) -> Service:
        """Return the service whose rooms these are. Raises Forbidden for the operator."""
        if self.service is None:
            raise Forbidden("the operator has no rooms: call as a service")
        return self.service

    def check_super(self) -> None:
        """Raise unless it may make and delete services (L7)."""
        if self.service is not None and not self.service.is_super:
            raise NotAuthorized("Service not authorized for this action")
        if self.grants is not None:
            raise NotAuthorized("this token does not permit that")

    def check(self, grant: Literal["roomCreate", "roomList", "roomAdmin"], room: str = "") -> None:
        """Raise Forbidden unless a Bearer token with grants has this one, for this room."""
        if self.grants is None:
            return
        is_room = not room or self.grants.get("room") in (None, "", room)
        if self.grants.get(grant) is not True or not is_room:
            raise Forbidden(f"this token does not grant {grant} here")


async def _caller(request: Request) -> Caller:
    caller = request.state.caller
    if not isinstance(caller, Caller):
        raise Unauthorized("who are you?")
    return caller


By = Annotated[Caller, Depends(_caller)]


class Gate:
    """Lets callers in. Every method raises Unauthorized, and Unavailable where nobody can tell."""

    def __init__(
        self, services: Services, nonces: Nonces, clock: Clock, operator_token: str | None
    ) -> None:
        self._services = services
        self._nonces = nonces
        self._clock = clock
        self._operator_token = operator_token

    async def caller(self, request: Request) -> Caller:
        """Return who signed this request, or whose token it shows."""
        header = _utf8(request.headers.get("authorization", ""))
        scheme, _, rest = header.strip().partition(" ")
        try:
            if scheme.lower() == "mauth":
                return await self._mauth(header)
            if scheme.lower() == OWN_SCHEME.lower():
                return await self._own(header, request)
        except SignatureError as fault:
            raise Unauthorized(f"Authorization: {fault}") from fault
        if scheme.lower() == "bearer":
            return await self._bearer(rest.strip())
        raise Unauthorized("this takes a signed request, or a Bearer token")

    async def _mauth(self, header: str) -> Caller:
        said = read_mauth(header)
        service = await self._service(said.service)
        if service.full_signatures:
            raise Unauthorized("this service's requests are to be signed whole")
        if not said.is_by(service.key):
            raise Unauthorized("the signature is wrong")
        await self._once(service, said.timestamp, said.nonce)
        dialect: Dialect = "nuve" if said.algorithm == "HMAC_SHA1" else "owt"
        return Caller(service, dialect, said.username, said.role)

    async def _own(self, header: str, request: Request) -> Caller:
        said = read_own(header)
        service = await self._service(said.service)
        target = request.scope.get("raw_path", request.url.path.encode())
        query = request.scope.get("query_string", b"")
        target = target.partition(b"?")[0] + (b"?" + query if query else b"")
        body = await request.body()
        if not said.is_by(service.key, request.method, target.decode("latin-1"), body):
            raise Unauthorized("the signature is wrong")
        await self._once(service, said.timestamp, said.nonce)
        return Caller(service)

    async def _once(self, service: Service, timestamp: str, nonce: str) -> None:
        if not is_timely(timestamp, self._clock.wall()):
            raise Unauthorized("the timestamp is too far from this server's time")
        if not await self._nonces.use(service.id, timestamp, nonce):
            raise Unauthorized("this request was made before")

    async def _bearer(self, token: str) -> Caller:
        operator = self._operator_token
        if operator and hmac.compare_digest(token.encode(), operator.encode()):
            return Caller(None)
        issuer = _issuer(token)
        service = await self._service(issuer)
        try:
            claims = jwt.decode(token, service.key, algorithms=["HS256"], options=_OPTIONS)
        except (jwt.PyJWTError, ValueError, RecursionError) as fault:
            raise Unauthorized("the Bearer token is not valid") from fault
        self._check_age(claims)
        video = claims.get("video")
        if video is not None and not isinstance(video, dict):
            raise Unauthorized("the Bearer token is not valid")
        return Caller(service, grants=video)

    def _check_age(self, claims: Mapping[str, Any]) -> None:
        wall, expires, begins = self._clock.wall(), claims["exp"], claims.get("nbf", 0)
        if not isinstance(expires, int | float) or not isinstance(begins, int | float):
            raise Unauthorized("the Bearer token is not valid")
        if wall >= expires or begins > wall + SKEW_SECONDS:
            raise Unauthorized("the Bearer token is not good now")
        if expires > wall + MAX_BEARER_SECONDS + SKEW_SECONDS:
            raise Unauthorized("a Bearer token is good for a day at most")

    async def _service(self, ident: str) -> Service:
        try:
            return await self._services.get(ident)
        except NotFound as fault:
            raise Unauthorized("there is no such service") from fault


def _issuer(token: str) -> str:
    if not token or len(token) > MAX_BEARER_CHARS:
        raise Unauthorized("the Bearer token is not valid")
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as fault:
        raise Unauthorized("the Bearer token is not valid") from fault
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise Unauthorized("the Bearer token is not valid")
    return issuer


def _utf8(header: str) -> str:
    """Return a header's text: HTTP libraries read bytes as Latin-1, callers write UTF-8 (L6)."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header
