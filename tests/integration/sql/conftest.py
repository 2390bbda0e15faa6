"""An open database of each kind, with our tables."""

from collections.abc import AsyncIterator

import pytest

from app.store.sql import Sql


@pytest.fixture
async def sql(tables_url: str) -> AsyncIterator[Sql]:
    sql = Sql(tables_url)
    await sql.open()
    yield sql
    await sql.close()
