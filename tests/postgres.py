"""A PostgreSQL server of the tests' own, and one fresh database per test. Missing, tests fail."""

import asyncio
import contextlib
import getpass
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Self

import asyncpg
import pytest

from app.store.migrate import migrate
from bench.ports import free_port

START_SECONDS = 30
STOP_SECONDS = 10

HASTE = (
    *("fsync=off", "synchronous_commit=off", "full_page_writes=off"),
    *("wal_level=minimal", "max_wal_senders=0"),
    *("shared_buffers=16MB", "max_connections=80"),
)
"""Settings of a server whose data nobody misses after a power cut."""


def _binary(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        folders = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
        found = str(folders[0]) if folders else None
    if found is None:
        # A failure, not a skip: PostgreSQL is promised, so it is tested.
        raise RuntimeError(f"PostgreSQL's {name} is not installed")
    return found


class PostgresServer:
    """``with PostgresServer() as server``: on 127.0.0.1, a free port, a folder of its own.

    PostgreSQL refuses to run as root; root runs it as the user ``postgres``.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lectern-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {}
        self.user = getpass.getuser()
        if os.geteuid() == 0:
            self.user = "postgres"
            owner = pwd.getpwnam(self.user)
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
            self._as = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        self.port = 0
        self._has_template = False

    def url(self, database: str) -> str:
        """The address of one of its databases, as an operator would write it."""
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{database}"

    def __enter__(self) -> Self:
        try:
            subprocess.run(
                [
                    *(_binary("initdb"), "-D", str(self._folder / "data"), "-U", self.user),
                    *("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"),
                ],
                check=True,
                capture_output=True,
                timeout=START_SECONDS,
                cwd=self._folder,
                **self._as,
            )
            self.start()
        except subprocess.CalledProcessError as fault:
            self.__exit__()
            raise RuntimeError(fault.stderr.decode(errors="replace")) from fault
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, on the same port as before if it ran before."""
        if not self.port:
            self.port = free_port()
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(_binary("postgres"), "-D", str(self._folder / "data")),
                    *("-p", str(self.port), "-c", "listen_addresses=127.0.0.1"),
                    *("-c", f"unix_socket_directories={self._folder}"),
                    *(word for setting in HASTE for word in ("-c", setting)),
                ],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                **self._as,
            )
        asyncio.run(self._answers())

    async def _answers(self) -> None:
        async with asyncio.timeout(START_SECONDS):
            while True:
                if self._process is None or self._process.poll() is not None:
                    raise RuntimeError((self._folder / "log").read_text(errors="replace"))
                try:
                    connection = await asyncpg.connect(self.url("postgres"))
                except (OSError, asyncpg.PostgresError):
                    await asyncio.sleep(0.05)
                else:
                    await connection.close()
                    return

    def stop(self) -> None:
        """End it, as an operator who is in a hurry does: connections are cut."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)

    async def execute(self, statement: str) -> None:
        """Run one statement as the superuser."""
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    @contextlib.asynccontextmanager
    async def database(self, template: str = "template1") -> AsyncIterator[str]:
        """A fresh database, by its address, until the block ends."""
        name = f"t_{secrets.token_hex(6)}"
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            with contextlib.suppress(OSError, asyncpg.PostgresError):  # stopped by the test
                await self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def migrated(self) -> str:
        """Return the name of a database as the migrations leave it, to be a template."""
        if not self._has_template:
            await self.execute("CREATE DATABASE migrated")
            await migrate(self.url("migrated"))
            self._has_template = True
        return "migrated"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's server."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
async def postgres_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The address of a fresh, empty database."""
    async with postgres_server.database() as url:
        yield url


@pytest.fixture
async def postgres_tables_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The address of a fresh database that has our tables, and nothing in them."""
    async with postgres_server.database(await postgres_server.migrated()) as url:
        yield url
