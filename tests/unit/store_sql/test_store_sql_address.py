"""An operator's database URL, made into the driver's."""

import pytest

from app.store.address import normal_url


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql://u:p@h:5433/d", "postgresql+asyncpg://u:p@h:5433/d"),
        ("postgresql+psycopg://u@h/d", "postgresql+asyncpg://u@h/d"),
        (
            "postgres://u@h/d?sslmode=require&channel_binding=require",
            "postgresql+asyncpg://u@h/d?ssl=require",
        ),
        ("postgres:///d?host=/run/pg", "postgresql+asyncpg:///d?host=%2Frun%2Fpg"),
        ("sqlite:///data/l.db", "sqlite+aiosqlite:///data/l.db"),
        ("sqlite:////var/l.db", "sqlite+aiosqlite:////var/l.db"),
        ("sqlite+aiosqlite:////var/l.db", "sqlite+aiosqlite:////var/l.db"),
    ],
)
def test_taken(given: str, made: str) -> None:
    assert normal_url(given).render_as_string(hide_password=False) == made


@pytest.mark.parametrize(
    "given",
    ["", "x", "mysql://u:hunter2@h/d", "sqlite://", "sqlite:///:memory:", "postgres://u:hunter2@h",
     "postgres://u:hunter2@h/d?options=-c", "postgres://u:hunter2@h:port/d"],
)  # fmt: skip
def test_refused_without_telling_the_password(given: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 each refusal has its own words
        normal_url(given)
    assert "hunter2" not in str(refusal.value)
