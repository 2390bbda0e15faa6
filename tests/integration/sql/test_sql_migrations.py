"""Migrations: run twice, from many processes at once, and level with the tables in the code."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection

from app.core.errors import Unavailable
from app.store.migrate import migrate
from app.store.schema import METADATA
from app.store.sql import Sql

ROOT = Path(__file__).resolve().parents[3]
PROCESSES = 4


async def versions(url: str) -> list[str]:
    sql = Sql(url)
    await sql.open()
    try:
        async with sql.reading() as connection:
            rows = await connection.execute(sa.text("SELECT version_num FROM alembic_version"))
            return [row[0] for row in rows]
    finally:
        await sql.close()


def connections() -> set[threading.Thread]:
    """Return the threads of this process' SQLite connections."""
    return {thread for thread in threading.enumerate() if "worker" in thread.name}


async def test_running_them_again_changes_nothing(database_url: str) -> None:
    await migrate(database_url)
    first = await versions(database_url)
    await migrate(database_url)
    assert await versions(database_url) == first
    assert len(first) == 1


async def test_many_processes_at_once_all_succeed(database_url: str) -> None:
    script = "import asyncio,sys; from app.store.migrate import migrate; "
    script += "asyncio.run(migrate(sys.argv[1]))"
    running = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, database_url, cwd=ROOT, stderr=subprocess.PIPE
        )
        for _ in range(PROCESSES)
    ]
    async with asyncio.timeout(110):
        ends = await asyncio.gather(*(process.communicate() for process in running))
    assert [process.returncode for process in running] == [0] * PROCESSES, ends
    assert len(await versions(database_url)) == 1


async def test_a_new_file_that_another_process_writes_to_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself waits for no other process here: it refuses at once."""
    path = tmp_path / "lectern.db"
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sqlite3.connect(path, timeout=60).execute("PRAGMA journal_mode = WAL")
        migrating = asyncio.ensure_future(migrate(f"sqlite:///{path}"))
        done, _ = await asyncio.wait([migrating], timeout=0.5)
        assert not done
        other.execute("COMMIT")
        await migrating
    finally:
        other.close()
    assert len(await versions(f"sqlite:///{path}")) == 1


async def test_a_new_file_that_stays_locked_is_said_to_be_away(tmp_path: Path) -> None:
    path = tmp_path / "lectern.db"
    sql, before = Sql(f"sqlite:///{path}", timeout=0.3), connections()
    await sql.open()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            async with sql.reading():
                pass
    assert connections() <= before
    async with sql.reading() as connection:
        mode = (await connection.execute(sa.text("PRAGMA journal_mode"))).scalar_one()
    assert mode == "wal"
    await sql.close()


async def test_the_tables_in_the_code_are_the_tables_in_the_database(sql: Sql) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, METADATA))

    async with sql.reading() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_comparison_would_see_a_difference(sql: Sql) -> None:
    async with sql.writing() as connection:
        await connection.execute(sa.text("DROP INDEX uq_lectures_open_code"))

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), METADATA))

    async with sql.reading() as connection:
        assert len(await connection.run_sync(differences)) == 1


async def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    await migrate(database_url)
    sql = Sql(database_url)
    await sql.open()
    async with sql.writing() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = 'ffff'"))
    await sql.close()
    with pytest.raises(RuntimeError, match="another version"):
        await migrate(database_url)
