"""Times in the database are instants."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from app.store.tables import UtcDateTime

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_another_zone_becomes_utc() -> None:
    seoul = NOON.astimezone(timezone(timedelta(hours=9)))
    stored = UtcDateTime().process_bind_param(seoul, sqlite.dialect())
    assert stored == datetime(2026, 1, 1, 12)  # noqa: DTZ001 what SQLite keeps
    assert UtcDateTime().process_result_value(stored, sqlite.dialect()) == NOON
    assert UtcDateTime().process_bind_param(seoul, postgresql.dialect()) == NOON
    assert UtcDateTime().process_bind_param(None, sqlite.dialect()) is None


def test_a_time_without_a_zone_is_a_defect() -> None:
    with pytest.raises(ValueError, match="zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), sqlite.dialect())  # noqa: DTZ001
