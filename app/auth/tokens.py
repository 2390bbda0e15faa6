"""The token of a signed-in user: JWT (RFC 7519), HS256, claims {username, email, iat, exp}."""

import math
from typing import Any

import jwt

from app.auth.principal import Account
from app.core.errors import Unauthorized
from app.core.ids import Email

ALGORITHM = "HS256"
"""The only one accepted: what a token's own header names is never believed (RFC 8725 §3.1)."""

MIN_SECRET_BYTES = 32
"""A key shorter than the hash is guessable (RFC 7518 §3.2)."""

MAX_TOKEN_CHARS = 4096
"""Ours are under 1,500; anything longer is refused before it is parsed."""

_OPTIONS: Any = {
    "require": ["username", "email", "iat", "exp"],
    # Age is judged here, against the caller's clock: the library would ask the machine's.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


class UserTokens:
    """Issues and reads user tokens with one secret. Raises ValueError for a short secret."""

    def __init__(self, secret: str, lifetime_seconds: int = 3600) -> None:
        key = secret.encode()
        if len(key) < MIN_SECRET_BYTES:
            raise ValueError(f"the token secret must be at least {MIN_SECRET_BYTES} bytes long")
        if lifetime_seconds < 1:
            raise ValueError("a token must live for at least a second")
        self._key = key
        self._lifetime_seconds = lifetime_seconds

    def issue(self, account: Account, wall: float) -> str:
        """Return a token for ``account``, good from ``wall`` (epoch seconds) for the lifetime."""
        issued = math.floor(wall)
        claims = {
            "username": account.username,
            "email": account.email,
            "iat": issued,
            "exp": issued + self._lifetime_seconds,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def read(self, token: str, wall: float) -> Account:
        """Return whose token this is.

        A token whose only fault is its age is read with ``expired=True``: the caller refuses it
        unless it returns to a live room that it is in. Raises Unauthorized for any other fault,
        and never says which one.
        """
        if not token or len(token) > MAX_TOKEN_CHARS:
            raise Unauthorized("this needs a valid token: sign in")
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM], options=_OPTIONS)
        except (jwt.PyJWTError, ValueError, RecursionError) as fault:
            raise Unauthorized("this needs a valid token: sign in") from fault
        username, email = claims["username"], claims["email"]
        expires, issued = claims["exp"], claims["iat"]
        if not (_is_text(username) and _is_text(email) and _is_time(expires) and _is_time(issued)):
            raise Unauthorized("this needs a valid token: sign in")
        return Account(Email(email.strip().lower()), username, expired=wall >= expires)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
