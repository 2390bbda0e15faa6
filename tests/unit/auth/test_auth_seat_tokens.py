"""What a ticket is exchanged for: a JWT of a kind of its own."""

import dataclasses

import jwt
import pytest

from app.auth.policy import ROLES
from app.auth.principal import Account, Member
from app.auth.seat_tokens import LIFETIME_SECONDS, SeatTokens
from app.auth.tokens import UserTokens
from app.core.errors import Unauthorized
from app.core.ids import Email, LectureId, RoomId

SECRET = "a secret of the tests that is long enough"
WALL = 1_750_000_000.0
BOB = Member(
    "5a1/Bob", "Bob", RoomId("004217"), LectureId("a" * 32), Email("service:5a1"), "viewer",
    ROLES["viewer"], 17, participant_limit=5, input_limit=2, notifying=True,
)  # fmt: skip


def test_it_says_who_comes_back() -> None:
    tokens = SeatTokens(SECRET)
    token = tokens.issue(BOB, WALL)
    assert tokens.is_one(token)
    assert tokens.read(token, WALL + 1) == dataclasses.replace(BOB, returning=True)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["video"]["canSubscribe"] is True
    assert "5a1/Bob" not in claims["sub"]


def test_it_ends() -> None:
    tokens = SeatTokens(SECRET)
    token = tokens.issue(BOB, WALL)
    tokens.read(token, WALL + LIFETIME_SECONDS - 1)
    with pytest.raises(Unauthorized):
        tokens.read(token, WALL + LIFETIME_SECONDS)


def test_no_other_token_is_one() -> None:
    tokens = SeatTokens(SECRET)
    user = UserTokens(SECRET).issue(Account(Email("a@b.c"), "A"), WALL)
    forged = SeatTokens(SECRET + "x").issue(BOB, WALL)
    for token in ("", "x", user, forged, "a" * 5000, user + "."):
        with pytest.raises(Unauthorized):
            tokens.read(token, WALL)
    assert not tokens.is_one(user)
    with pytest.raises(Unauthorized):
        UserTokens(SECRET).read(tokens.issue(BOB, WALL), WALL)
