"""E-mail addresses: lenient in what is taken, one form in what is kept."""

import pytest

from app.auth.addresses import known_email, new_email
from app.core.errors import BadRequest


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("ada@example.org", "ada@example.org"),
        (" Ada.Lovelace@Example.ORG ", "ada.lovelace@example.org"),
        ("prof@campus", "prof@campus"),
        ("prof@campus.local", "prof@campus.local"),
        ("u+tag@x.test", "u+tag@x.test"),
        ("학생@example.org", "학생@example.org"),
    ],
)
def test_taken(given: str, kept: str) -> None:
    assert new_email(given) == kept
    assert new_email(kept) == kept


@pytest.mark.parametrize(
    "given",
    ["", "ada", "@", "ada@", "@x.org", "a b@x.org", "a@b@c", "a\n@x.org", "a\x00@x.org",
     "a" * 250 + "@x.org", "a@" + "x" * 300 + ".org", "<a@x.org>", "a@[127.0.0.1]", "a@x..org"],
)  # fmt: skip
def test_refused_without_being_quoted(given: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        new_email(given)
    assert refusal.value.message.startswith("email: ")
    assert known_email(given) is None
