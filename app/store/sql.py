"""The SQL database: SQLite by default, PostgreSQL by URL."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiosqlite
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from app.core.errors import Unavailable
from app.store.address import normal_url
from app.store.tables import accounts

log = structlog.get_logger(__name__)

POOL_SIZE = 10
"""Connections per process. On SQLite each is a thread; on PostgreSQL each is a server process."""

POOL_TIMEOUT_SECONDS = 5.0
CONNECT_TIMEOUT_SECONDS = 5.0
READY_TIMEOUT_SECONDS = 2.0
STATEMENT_TIMEOUT_SECONDS = 5.0
"""How long one statement may take; on SQLite, how long a writer waits for another one."""

WAL_RETRY_SECONDS = 0.05


class Sql:
    """One process' connections to the database.

    The owner calls ``open`` before and ``close`` after; nothing connects before the first use, so
    a database that is away at the start is no error until something is asked of it. ``Unavailable``
    is raised when the database cannot be reached or does not answer in time; a broken constraint
    is raised as SQLAlchemy's IntegrityError, for the caller who knows what it means.
    """

    def __init__(self, url: str, timeout: float = STATEMENT_TIMEOUT_SECONDS) -> None:
        self._url = normal_url(url)
        self._timeout = timeout
        self._reader: AsyncEngine | None = None
        self._writer: AsyncEngine | None = None

    @property
    def dialect(self) -> str:
        """``"sqlite"`` or ``"postgresql"``."""
        return self._url.get_backend_name()

    async def open(self) -> None:
        """Make the pool. Safe to call twice."""
        if self._reader is not None:
            return
        engine = create_async_engine(
            self._url,
            # Parameters are e-mails and password hashes: they never reach an exception's text.
            hide_parameters=True,
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_SECONDS,
            pool_pre_ping=self.dialect == "postgresql",
            connect_args=self._connect_args(),
        )
        if self.dialect == "sqlite":
            sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
        self._reader = engine
        self._writer = engine.execution_options(sqlite_begin="IMMEDIATE")

    def _connect_args(self) -> dict[str, Any]:
        if self.dialect == "sqlite":
            return {"timeout": self._timeout, "async_creator_fn": _connect_sqlite}
        return {
            "timeout": CONNECT_TIMEOUT_SECONDS,
            "command_timeout": self._timeout,
            "server_settings": {"application_name": "lectern", "timezone": "UTC"},
        }

    async def close(self) -> None:
        """Close every connection. Safe to call twice."""
        engine, self._reader, self._writer = self._reader, None, None
        if engine is not None:
            await engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads, all of it from one moment on SQLite."""
        async with _transaction(self._reader) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write; committed at the end, rolled back by an exception.

        On SQLite it takes the write lock at once: a reader that turns writer half-way would be
        refused without waiting whenever another one wrote in between.
        """
        async with _transaction(self._writer) as connection:
            yield connection

    async def ready(self) -> bool:
        """Tell whether the database answers and has our tables. Never raises."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS), self.reading() as connection:
                await connection.execute(sa.select(accounts.c.id).limit(1))
        except (Unavailable, TimeoutError, DBAPIError):
            return False
        return True


@asynccontextmanager
async def _transaction(engine: AsyncEngine | None) -> AsyncIterator[AsyncConnection]:
    if engine is None:
        raise Unavailable("the database is not open")
    try:
        async with engine.begin() as connection:
            yield connection
    except IntegrityError:
        raise
    except (OperationalError, InterfaceError, PoolTimeout, OSError, TimeoutError) as fault:
        raise _away(fault) from fault
    except DBAPIError as fault:
        if fault.connection_invalidated or _is_server_going(fault):
            raise _away(fault) from fault
        raise


def _away(fault: Exception) -> Unavailable:
    cause = fault.orig if isinstance(fault, DBAPIError) else fault
    log.warning("database away", fault=type(fault).__name__, cause=type(cause).__name__)
    return Unavailable("the database is away, try again")


def _is_server_going(fault: DBAPIError) -> bool:
    # PostgreSQL's classes 08 (connection), 53 (out of resources), 57 (operator intervention).
    state = getattr(fault.orig, "sqlstate", None)
    return isinstance(state, str) and state[:2] in {"08", "53", "57"}


async def _connect_sqlite(*args: Any, **kwargs: Any) -> aiosqlite.Connection:
    connection = aiosqlite.connect(*args, **kwargs)
    thread = connection._thread  # noqa: SLF001 the library offers no other way to it
    thread.daemon = True
    try:
        _ = await connection
        await _log_ahead(connection, kwargs["timeout"])
    except BaseException:
        _ = connection.stop()
        # The library tells its thread to stop but does not wait: one that still answers when the
        # loop is closed dies with a traceback on standard error.
        await asyncio.to_thread(thread.join, CONNECT_TIMEOUT_SECONDS)
        raise
    return connection


async def _log_ahead(connection: aiosqlite.Connection, seconds: float) -> None:
    """Make sure that the file is in WAL mode, which it stays in.

    While another process writes to a new file, or brings it into that mode, SQLite refuses at once
    and does not wait as it does for every other lock: so it is asked again.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            cursor = await connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or loop.time() > deadline:
                raise
            await asyncio.sleep(WAL_RETRY_SECONDS)
        else:
            await cursor.close()
            return


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver would begin by itself, late and before writes only: we say BEGIN, see below.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        # FULL: an account that was acknowledged survives a power cut; WAL alone may lose the last.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        # What is deleted is overwritten with zeros (docs/decisions/0113).
        cursor.execute("PRAGMA secure_delete = ON")
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")
