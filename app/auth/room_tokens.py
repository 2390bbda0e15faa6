"""Room tokens: a signed permission to send or hear the media of one lecture, and nothing else.

JWT (RFC 7519), HS256, with a key of their own (derived from the server's secret), so that no user
token is ever taken for a room token, nor the other way round (RFC 8725 §3.9, §3.11).
"""

import hashlib
import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import jwt

from app.core.errors import Unauthorized
from app.core.ids import Email, LectureId, RoomId, is_room_id

ALGORITHM = "HS256"
AUDIENCE = "lectern:media"
TYPE = "lectern-room+jwt"
MAX_TOKEN_CHARS = 2048

RoomRole = Literal["presenter", "listener"]

LIFETIME_SECONDS: Mapping[str, int] = {"presenter": 12 * 3600, "listener": 4 * 3600}
"""A presenter's program keeps its token in its settings for a lecture's length, and a long one
outlasts four hours; what ends a token early is the lecture's end (docs/decisions/0051)."""

_OPTIONS: Any = {
    "require": ["room", "lecture", "role", "sub", "name", "iat", "exp", "aud"],
    # Age is judged here, against the caller's clock: the library would ask the machine's.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


@dataclass(frozen=True, slots=True)
class RoomGrant:
    """What a room token permits: one role in the media of one lecture."""

    room: RoomId
    lecture: LectureId
    """Codes are given again; a lecture's id never is."""
    role: RoomRole
    email: Email
    name: str
    expires: int
    """Epoch seconds."""
    expired: bool = False
    generation: int = 0
    """How often such tokens of the lecture had been revoked when this one was made."""


class RoomTokens:
    """Issues and reads room tokens with one secret (the user tokens' own is fine)."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.new(secret.encode(), b"lectern room tokens 1", hashlib.sha256).digest()

    def issue(
        self,
        room: RoomId,
        lecture: LectureId,
        role: RoomRole,
        email: Email,
        name: str,
        wall: float,
        generation: int = 0,
    ) -> tuple[str, RoomGrant]:
        """Return a token good from ``wall`` (epoch seconds) on, and what it says."""
        issued = math.floor(wall)
        expires = issued + LIFETIME_SECONDS[role]
        claims = {
            "aud": AUDIENCE,
            "room": room,
            "lecture": lecture,
            "role": role,
            "sub": email,
            "name": name,
            "iat": issued,
            "exp": expires,
            "gen": generation,
        }
        token = jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"typ": TYPE})
        grant = RoomGrant(room, lecture, role, email, name, expires, generation=generation)
        return token, grant

    def read(self, token: str, wall: float) -> RoomGrant:
        """Return what a token permits; one whose only fault is its age has ``expired`` set.

        Raises Unauthorized for any other fault, and never says which one.
        """
        if not token or len(token) > MAX_TOKEN_CHARS:
            raise Unauthorized("this needs a room token of this lecture")
        try:
            return _grant(self._claims(token), wall)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as fault:
            raise Unauthorized("this needs a room token of this lecture") from fault

    def _claims(self, token: str) -> dict[str, Any]:
        if jwt.get_unverified_header(token).get("typ") != TYPE:
            raise ValueError("another kind of token")
        claims: dict[str, Any] = jwt.decode(
            token, self._key, algorithms=[ALGORITHM], audience=AUDIENCE, options=_OPTIONS
        )
        return claims


def _grant(claims: dict[str, Any], wall: float) -> RoomGrant:
    texts = [claims[name] for name in ("room", "lecture", "role", "sub", "name")]
    expires, generation = claims["exp"], claims.get("gen", 0)
    are_texts = all(isinstance(text, str) and text for text in texts)
    if not are_texts or not all(isinstance(number, int) for number in (expires, generation)):
        raise ValueError("ill-formed claims")
    room, lecture, role, email, name = cast("list[str]", texts)
    if not is_room_id(room) or role not in LIFETIME_SECONDS:
        raise ValueError("ill-formed claims")
    return RoomGrant(
        RoomId(room),
        LectureId(lecture),
        cast("RoomRole", role),
        Email(email),
        name,
        expires,
        expired=wall >= expires,
        generation=generation,
    )
