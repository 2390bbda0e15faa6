"""What was deleted is gone from the disk, too: from the database's files and from Redis' own."""

import asyncio
from collections.abc import Sequence

import aiosqlite
import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.core.errors import LecternError, Unavailable
from app.store.address import normal_url
from app.store.redis import Redis

log = structlog.get_logger(__name__)

SQL_SECONDS = 600.0
"""How long rewriting a database may take."""

LOCK_SECONDS = 60.0
"""How long to wait for those who are writing or reading (SQLite)."""

REDIS_SECONDS = 120.0
POLL_SECONDS = 0.05


async def scrub_sql(url: str, tables: Sequence[str]) -> bool:
    """Rewrite what holds deleted rows, so that no byte of them is left in the database's files.

    SQLite: the whole file, and its write-ahead log is emptied. PostgreSQL: these tables; its
    write-ahead log forgets at the next checkpoints, as the server recycles it. Returns False where
    the database did not let us; it is logged, and what was deleted is deleted all the same.
    """
    address = normal_url(url)
    try:
        async with asyncio.timeout(SQL_SECONDS):
            if address.get_backend_name() == "sqlite":
                return await _scrub_sqlite(str(address.database))
            await _scrub_postgresql(url, tables)
            return True
    except (aiosqlite.Error, DBAPIError, OSError, TimeoutError) as fault:
        log.warning("deleted rows are not overwritten yet", fault=type(fault).__name__)
        return False


async def _scrub_sqlite(path: str) -> bool:
    async with aiosqlite.connect(path, timeout=LOCK_SECONDS, isolation_level=None) as connection:
        await connection.execute_fetchall("PRAGMA secure_delete = ON")
        await connection.execute_fetchall("VACUUM")
        for _ in range(round(LOCK_SECONDS / POLL_SECONDS)):
            rows = await connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
            if all(row[0] == 0 for row in rows):
                return True
            await asyncio.sleep(POLL_SECONDS)  # somebody reads an older state still
    return False


async def _scrub_postgresql(url: str, tables: Sequence[str]) -> None:
    engine = create_async_engine(
        normal_url(url), poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True
    )
    try:
        async with engine.connect() as connection:
            for table in tables:
                await connection.execute(sa.text(f'VACUUM (FULL) "{table}"'))
            try:
                await connection.execute(sa.text("SELECT pg_switch_wal()"))
                await connection.execute(sa.text("CHECKPOINT"))
            except DBAPIError:  # not this role's to do; the server does it within minutes
                log.info("no checkpoint: the database's own comes by itself")
    finally:
        await engine.dispose()


async def scrub_redis(redis: Redis) -> bool:
    """Have Redis write its files anew from what it holds now, and wait for it.

    Returns False where the server does not let us, or did not finish in time; it is logged.
    """
    try:
        async with asyncio.timeout(REDIS_SECONDS):
            return await redis.rewrite_files()
    except (LecternError, TimeoutError) as fault:
        if isinstance(fault, Unavailable):
            raise
        log.warning("redis did not write its files anew", fault=type(fault).__name__)
        return False
