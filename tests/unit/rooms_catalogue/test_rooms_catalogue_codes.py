"""Lecture codes."""

import pytest

from app.core.ids import is_room_id
from app.rooms import catalogue


def test_codes_are_six_digits_and_never_zero() -> None:
    codes = {catalogue.random_code() for _ in range(2000)}
    assert all(is_room_id(code) for code in codes)
    assert len(codes) > 1900


@pytest.mark.parametrize(("drawn", "code"), [(0, "000001"), (999_998, "999999"), (41, "000042")])
def test_every_code_but_zero_can_be_drawn(
    monkeypatch: pytest.MonkeyPatch, drawn: int, code: str
) -> None:
    def draw(below: int) -> int:
        assert below == 999_999
        return drawn

    monkeypatch.setattr(catalogue.secrets, "randbelow", draw)
    assert catalogue.random_code() == code
