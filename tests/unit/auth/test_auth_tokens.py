"""User tokens: what is ours and fresh is read, anything else is refused."""

import base64
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth.principal import Account
from app.auth.tokens import UserTokens
from app.core.errors import Unauthorized
from app.core.ids import Email

SECRET = "a secret of thirty-two bytes, or more"
NOW = 1_750_000_000.0
ADA = Account(Email("ada@example.org"), "Ada")
CLAIMS = {"username": "Ada", "email": "ada@example.org", "iat": int(NOW), "exp": int(NOW) + 3600}


@pytest.fixture
def tokens() -> UserTokens:
    return UserTokens(SECRET)


def signed(claims: dict[str, Any], secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_what_is_issued_is_read_for_one_hour(tokens: UserTokens) -> None:
    # B1
    token = tokens.issue(ADA, NOW + 0.9)
    assert jwt.decode(token, options={"verify_signature": False}) == CLAIMS
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    assert tokens.read(token, NOW) == ADA
    assert tokens.read(token, NOW + 3599.9) == ADA


def test_one_whose_only_fault_is_its_age_says_so(tokens: UserTokens) -> None:
    token = tokens.issue(ADA, NOW)
    assert tokens.read(token, NOW + 3600) == Account(ADA.email, ADA.username, expired=True)


def test_an_expired_and_forged_one_is_refused(tokens: UserTokens) -> None:
    forged = UserTokens("another secret of thirty-two bytes!").issue(ADA, NOW)
    for wall in (NOW, NOW + 9999):
        with pytest.raises(Unauthorized):
            tokens.read(forged, wall)


@pytest.mark.parametrize("missing", ["username", "email", "iat", "exp"])
def test_every_claim_is_required(tokens: UserTokens, missing: str) -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != missing}
    with pytest.raises(Unauthorized):
        tokens.read(signed(claims), NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"email": ""},
        {"email": 5},
        {"email": None},
        {"username": "  "},
        {"username": ["Ada"]},
        {"exp": "soon"},
        {"exp": True},
        {"exp": None},
        {"exp": float("inf")},
        {"iat": {}},
        {"aud": "another server"},
    ],
)
def test_a_claim_of_the_wrong_kind_is_refused(tokens: UserTokens, change: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        tokens.read(signed({**CLAIMS, **change}), NOW)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_the_algorithm_is_pinned(tokens: UserTokens, algorithm: str) -> None:
    secret = SECRET * 2
    with pytest.raises(Unauthorized):
        UserTokens(secret).read(signed(CLAIMS, secret, algorithm), NOW)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_an_unsigned_one_is_refused(tokens: UserTokens, algorithm: str) -> None:
    for signature in ("", signed(CLAIMS).rpartition(".")[2]):
        token = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(CLAIMS)}.{signature}"
        with pytest.raises(Unauthorized):
            tokens.read(token, NOW)


def test_a_changed_one_is_refused(tokens: UserTokens) -> None:
    header, _, signature = tokens.issue(ADA, NOW).split(".")
    with pytest.raises(Unauthorized):
        tokens.read(f"{header}.{part({**CLAIMS, 'email': 'bob@example.org'})}.{signature}", NOW)


@given(st.text())
def test_any_text_is_refused_and_nothing_else_is_raised(text: str) -> None:
    with pytest.raises(Unauthorized):
        UserTokens(SECRET).read(text, NOW)


@pytest.mark.parametrize("token", ["", "x" * 4097, "\ud800", "a.b.c", "...", "é.é.é", '{"a":1}'])
def test_garbage_is_refused(tokens: UserTokens, token: str) -> None:
    with pytest.raises(Unauthorized):
        tokens.read(token, NOW)


def test_a_nested_bomb_is_refused(tokens: UserTokens) -> None:
    bomb = base64.urlsafe_b64encode(b"[" * 3000).rstrip(b"=").decode()
    with pytest.raises(Unauthorized):
        tokens.read(f"{bomb[:3000]}.{part(CLAIMS)}.x", NOW)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        UserTokens("x" * 31)
    assert UserTokens("é" * 16).read(UserTokens("é" * 16).issue(ADA, NOW), NOW) == ADA


def test_the_longest_account_fits() -> None:
    account = Account(Email("é" * 240 + "@example.org"), "\U0001f600" * 64)
    tokens = UserTokens(SECRET)
    assert tokens.read(tokens.issue(account, NOW), NOW) == account


def test_an_e_mail_is_read_in_its_one_form(tokens: UserTokens) -> None:
    token = signed({**CLAIMS, "email": " Ada@Example.ORG"})
    assert tokens.read(token, NOW).email == "ada@example.org"
