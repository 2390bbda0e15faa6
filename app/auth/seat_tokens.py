"""Seat tokens: what a ticket is exchanged for, so that its holder can come back.

JWT (RFC 7519), HS256, with a key, type and audience of their own. One is good in one lecture, for
one member who is in it: somebody who was removed is in it no more. ``video`` says the permissions
in LiveKit's words.
"""

import hashlib
import hmac
import math
from typing import Any

import jwt

from app.auth.principal import Member
from app.auth.tickets import read_member, written
from app.core.errors import Unauthorized

ALGORITHM = "HS256"
AUDIENCE = "lectern:seat"
TYPE = "lectern-seat+jwt"
LIFETIME_SECONDS = 24 * 3600
"""A room lives for a day after its last write; what ends a seat earlier is the lecture's end, or
being removed."""

MAX_TOKEN_CHARS = 4096

_OPTIONS: Any = {
    "require": ["sub", "seat", "video", "iat", "exp", "aud"],
    # Age is judged here, against the caller's clock: the library would ask the machine's.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


class SeatTokens:
    """Issues and reads seat tokens with one secret (the user tokens' own is fine)."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.new(secret.encode(), b"lectern seat tokens 1", hashlib.sha256).digest()

    def issue(self, member: Member, wall: float) -> str:
        """Return a token good from ``wall`` (epoch seconds) on, for a day."""
        issued = math.floor(wall)
        claims = {
            "aud": AUDIENCE,
            "sub": hashlib.sha256(member.identity.encode()).hexdigest()[:16],
            "name": member.name,
            "seat": written(member),
            "video": member.permission.as_grants(member.room),
            "iat": issued,
            "exp": issued + LIFETIME_SECONDS,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"typ": TYPE})

    def is_one(self, token: str) -> bool:
        """Tell whether a token says that it is a seat token; it may be forged all the same."""
        if not token or len(token) > MAX_TOKEN_CHARS:
            return False
        try:
            return jwt.get_unverified_header(token).get("typ") == TYPE
        except (jwt.PyJWTError, ValueError, RecursionError):
            return False

    def read(self, token: str, wall: float) -> Member:
        """Return who comes back. Raises Unauthorized, and never says why."""
        if not self.is_one(token):
            raise Unauthorized("this needs a ticket")
        try:
            claims = jwt.decode(
                token, self._key, algorithms=[ALGORITHM], audience=AUDIENCE, options=_OPTIONS
            )
            member, expires = read_member(claims["seat"], returning=True), int(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError) as fault:
            raise Unauthorized("this needs a ticket") from fault
        if wall >= expires:
            raise Unauthorized("this seat is over: it needs another ticket")
        return member
