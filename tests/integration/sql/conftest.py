"""An open, migrated database of each kind."""

from collections.abc import AsyncIterator

import pytest

from app.store.migrate import migrate
from app.store.sql import Sql
from tests.databases import database_url, postgres_server, postgres_url

__all__ = ["database_url", "postgres_server", "postgres_url"]


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[Sql]:
    await migrate(database_url)
    sql = Sql(database_url)
    await sql.open()
    yield sql
    await sql.close()
