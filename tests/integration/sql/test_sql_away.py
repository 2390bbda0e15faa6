"""What happens when the database is away: a retryable refusal, and no restart afterwards."""

import asyncio

import pytest
import sqlalchemy as sa

from app.core.errors import Unavailable
from app.store.migrate import migrate
from app.store.sql import Sql
from tests.postgres import PostgresServer


async def test_nothing_listens() -> None:
    sql = Sql("postgresql://nobody@127.0.0.1:1/none")
    await sql.open()
    with pytest.raises(Unavailable):
        async with sql.reading() as connection:
            await connection.execute(sa.select(1))
    assert not await sql.ready()
    await sql.close()


async def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(Unavailable):
        await migrate("sqlite:////nonexistent/folder/lectern.db")


async def test_not_open() -> None:
    with pytest.raises(Unavailable):
        async with Sql("sqlite:///x.db").reading():
            pass


async def test_without_our_tables_it_is_not_ready(database_url: str) -> None:
    sql = Sql(database_url)
    await sql.open()
    assert not await sql.ready()
    await migrate(database_url)
    assert await sql.ready()
    await sql.close()
    await sql.close()


async def test_a_server_that_went_and_came_back_is_used_again() -> None:
    server = await asyncio.to_thread(PostgresServer().__enter__)
    try:
        sql = Sql(server.url("postgres"))
        await migrate(server.url("postgres"))
        await sql.open()
        assert await sql.ready()
        await asyncio.to_thread(server.stop)
        with pytest.raises(Unavailable):
            async with sql.reading() as connection:
                await connection.execute(sa.select(1))
        await asyncio.to_thread(server.start)
        assert await sql.ready()
        await sql.close()
    finally:
        await asyncio.to_thread(server.__exit__)


async def test_a_writer_waits_for_another_one(database_url: str) -> None:
    await migrate(database_url)
    sql = Sql(database_url)
    await sql.open()
    first_has_read = asyncio.Event()

    async def count_then_add(name: str) -> None:
        async with sql.writing() as connection:
            await connection.execute(sa.text("SELECT count(*) FROM accounts"))
            first_has_read.set()
            await connection.execute(
                sa.text(
                    "INSERT INTO accounts VALUES"
                    " (:name, :name, :name, 'h', '2026-01-01 00:00:00.000000')"
                ),
                {"name": name},
            )

    async with asyncio.timeout(20):
        await asyncio.gather(*(count_then_add(f"n{i}") for i in range(20)))
    async with sql.reading() as connection:
        assert (await connection.execute(sa.text("SELECT count(*) FROM accounts"))).scalar() == 20
    await sql.close()
