"""Brings a database's tables up to this version of the code. Forward only."""

from pathlib import Path

import sqlalchemy as sa
import structlog
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.engine import Connection

from app.store.sql import Sql

log = structlog.get_logger(__name__)

FOLDER = Path(__file__).resolve().parents[2] / "migrations"

WAIT_SECONDS = 120
"""How long a process waits for another one that is migrating the same database."""

_LOCK = 0x4C454354
"""The key of our PostgreSQL advisory lock ("LECT")."""


async def migrate(url: str) -> None:
    """Bring the database at ``url`` up to date, in one transaction.

    Safe to run again and from several processes at once: one does it, the others wait and find
    it done. Raises Unavailable when the database is away, ValueError for a bad URL, and
    RuntimeError when the database was made by a newer version of this server.
    """
    sql = Sql(url, timeout=WAIT_SECONDS)
    await sql.open()
    try:
        # On SQLite `writing` holds the write lock from its first statement on.
        async with sql.writing() as connection:
            await connection.run_sync(_upgrade)
    except CommandError as fault:
        raise RuntimeError("the database was made by another version of this server") from fault
    finally:
        await sql.close()


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    command.upgrade(configuration(connection), "head")


def configuration(connection: Connection) -> Config:
    """Return Alembic's configuration for an open connection; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
