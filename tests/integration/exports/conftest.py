"""A lecture that is over, on both databases: the archive's own world."""

from tests.integration.archive.conftest import database_url, postgres_server, postgres_url, world

__all__ = ["database_url", "postgres_server", "postgres_url", "world"]
