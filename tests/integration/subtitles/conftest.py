"""The archive's world, for what is recognised; on PostgreSQL where a test says so."""

import pytest

from tests.integration.archive.conftest import postgres_server, postgres_url, world

__all__ = ["postgres_server", "postgres_url", "world"]


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty database."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{request.getfixturevalue('tmp_path')}/lectern.db"
