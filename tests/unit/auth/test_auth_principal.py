"""Guests' pseudonyms."""

import re

from app.auth.principal import guest


def test_a_guest_keeps_its_name() -> None:
    assert guest("sid-1") == guest("sid-1")
    assert guest("sid-1").id == "sid-1"


def test_names_are_short_differ_and_give_the_id_not_away() -> None:
    names = {guest(f"secret-{number}").name for number in range(200)}
    assert len(names) > 150
    assert all(re.fullmatch(r"Guest [1-9]\d{3}", name) for name in names)
