"""The archive's world, for what is recognised; on PostgreSQL where a test says so."""

import pytest

from tests.integration.archive.conftest import world

__all__ = ["world"]


@pytest.fixture
def tables_url(request: pytest.FixtureRequest) -> str:
    """The address of a database that has our tables."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return str(request.getfixturevalue("postgres_tables_url"))
    return str(request.getfixturevalue("sqlite_url"))
