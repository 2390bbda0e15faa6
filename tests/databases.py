"""``database_url`` and ``tables_url``: the same test on SQLite and on PostgreSQL.

The migrations run once a session for each kind; every test after that begins with a copy.
"""

import asyncio
import shutil
from pathlib import Path

import pytest

from app.store.migrate import migrate

KINDS = ("sqlite", "postgresql")


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty database of each kind."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{request.getfixturevalue('tmp_path')}/lectern.db"


@pytest.fixture(params=KINDS)
def tables_url(request: pytest.FixtureRequest) -> str:
    """The address of a database of each kind that has our tables, and nothing in them."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_tables_url"))
    return str(request.getfixturevalue("sqlite_url"))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file as the migrations leave it, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "lectern.db"
    asyncio.run(migrate(f"sqlite:///{file}"))
    assert [one.name for one in file.parent.iterdir()] == [file.name], "nothing is beside the file"
    return file


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_file: Path) -> str:
    """The address of ``lectern.db`` in the test's folder: our tables, and nothing in them."""
    shutil.copyfile(migrated_file, tmp_path / "lectern.db")
    return f"sqlite:///{tmp_path}/lectern.db"
