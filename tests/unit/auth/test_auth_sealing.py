"""A secret comes back only to the server that sealed it, for the purpose that it was sealed for."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from app.auth.sealing import Sealer

SECRET = "a server's secret, of thirty-two bytes and more"


@given(st.text())
def test_what_was_sealed_is_opened_again(secret: str) -> None:
    assert Sealer(SECRET, "hooks").open(Sealer(SECRET, "hooks").seal(secret)) == secret


def test_nobody_else_opens_it() -> None:
    sealed = Sealer(SECRET, "hooks").seal("whsec")
    assert Sealer(SECRET + "!", "hooks").open(sealed) is None
    assert Sealer(SECRET, "keys").open(sealed) is None
    assert "whsec" not in sealed


def test_an_altered_one_is_not_opened() -> None:
    sealed = bytearray(base64.b64decode(Sealer(SECRET, "hooks").seal("whsec")))
    sealed[-1] ^= 1
    assert Sealer(SECRET, "hooks").open(base64.b64encode(sealed).decode()) is None
    assert Sealer(SECRET, "hooks").open("no base64!") is None
    assert Sealer(SECRET, "hooks").open("") is None


def test_no_two_are_alike() -> None:
    sealer = Sealer(SECRET, "hooks")
    assert sealer.seal("whsec") != sealer.seal("whsec")
