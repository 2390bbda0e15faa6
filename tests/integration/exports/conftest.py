"""A lecture that is over, on both databases: the archive's own world."""

from tests.integration.archive.conftest import world

__all__ = ["world"]
