"""Who calls: the ``Authorization`` header, a user's token or the operator's service token."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Security
from fastapi.security import APIKeyHeader

from app.auth.principal import Account
from app.auth.tokens import UserTokens
from app.core.clock import Clock
from app.core.errors import Unauthorized

AUTHORIZATION = APIKeyHeader(
    name="Authorization",
    auto_error=False,
    scheme_name="token",
    description="The bare token of /auth/signin, or `Bearer <token>`.",
)
Header = Annotated[str | None, Security(AUTHORIZATION)]


@dataclass(frozen=True, slots=True)
class Service:
    """A server of the operator's."""


def bare_token(header: str | None) -> str:
    """Return the token in an ``Authorization`` header, or an empty text."""
    scheme, _, rest = (header or "").strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else (header or "").strip()


class Callers:
    """Tells who calls; its methods are FastAPI dependencies. All raise Unauthorized."""

    def __init__(self, tokens: UserTokens, service_token: str | None, clock: Clock) -> None:
        self._tokens = tokens
        self._service_token = service_token
        self._clock = clock

    def user(self) -> Callable[..., Awaitable[Account]]:
        """Return the dependency that lets signed-in people in, on their token's word alone."""

        async def signed_in(header: Header = None) -> Account:
            return self._user(bare_token(header))

        return signed_in

    def user_or_service(self) -> Callable[..., Awaitable[Account | Service]]:
        """Return the dependency that lets signed-in people and the operator's services in."""

        async def caller(header: Header = None) -> Account | Service:
            token = bare_token(header)
            return Service() if self._is_service(token) else self._user(token)

        return caller

    def operator(self) -> Callable[..., Awaitable[Service]]:
        """Return the dependency that lets in whoever has the operator's service token."""

        async def operator(header: Header = None) -> Service:
            if not self._is_service(bare_token(header)):
                raise Unauthorized("this takes the operator's service token")
            return Service()

        return operator

    def _user(self, token: str) -> Account:
        account = self._tokens.read(token, self._clock.wall())
        if account.expired:
            raise Unauthorized("this token has expired: sign in again")
        return account

    def is_service(self, header: str | None) -> bool:
        """Tell whether an ``Authorization`` header holds the operator's service token."""
        return self._is_service(bare_token(header))

    def _is_service(self, token: str) -> bool:
        if not self._service_token:
            return False
        return hmac.compare_digest(token.encode(), self._service_token.encode())
