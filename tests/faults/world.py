"""A whole Lectern of several processes, as an operator runs it on one machine, to be broken."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx
import redis.asyncio as driver

from app.auth.principal import Account
from app.auth.tokens import UserTokens
from app.core.ids import Email, RoomId, new_lecture_id
from bench.ports import free_port
from tests.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a-secret-of-the-fault-tests-that-is-long-enough"
SERVICE_TOKEN = "a-service-token-of-the-fault-tests-long-enough"
GRACE_SECONDS = 8
LEASE_SECONDS = 6.0
OWNERS, STUDENTS = 200, 200

START_SECONDS = 60.0
"""Until a process must be up; the machine may be loaded. No promise of ours."""

TICK = 0.02


class TcpRedis(RedisServer):
    """A durable server on a TCP port, as an operator's is."""

    def __init__(self, folder: Path | None = None, port: int | None = None) -> None:
        super().__init__(durable=True)
        self.port = port or free_port()
        self.tcp = f"redis://127.0.0.1:{self.port}/0"
        self._data = folder

    def start(self, *options: str) -> None:
        data = ("--dir", str(self._data)) if self._data else ()
        super().start(
            "--port", str(self.port), "--bind", "127.0.0.1", "--loglevel", "notice", *data, *options
        )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None


class Process:
    """One ``python -m app <role>``. It is started again by ``start``."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], log: Path):
        self.name = name
        self._arguments = arguments
        self.environment = environment
        self._log = log
        self.prefix: list[str] = []
        """A command that the process is run by; it must become it (exec)."""
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._popen is not None
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._popen = subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "app", *self._arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=output,
            )

    def signal(self, number: signal.Signals) -> None:
        assert self._popen is not None
        self._popen.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.is_running:
            self.signal(signal.SIGKILL)
            assert self._popen is not None
            self._popen.wait(10)

    def stop(self) -> int | None:
        """End it as an operator does."""
        if self._popen is None:
            return None
        if self.is_running:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
        try:
            return self._popen.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def log(self) -> str:
        return self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""

    def rss_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


class Api(Process):
    """One api process."""

    port: int
    host = "127.0.0.1"

    def inside(self, command: list[str], host: str) -> None:
        """Run by ``command`` in a network where it has the address ``host``."""
        self.prefix, self.host = command, host

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def wait_until_up(self) -> None:
        """Return once it answers ``/health``."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.is_running:
                raise RuntimeError(f"{self.name} ended:\n{self.log()}")
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(TICK)
        raise RuntimeError(f"{self.name} is not up:\n{self.log()}")

    async def get(self, path: str, seconds: float = 5.0) -> httpx.Response:
        async with httpx.AsyncClient(timeout=seconds) as client:
            return await client.get(f"{self.url}{path}")

    async def is_ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return (await self.get("/ready")).status_code == 200
        return False

    async def reading(self) -> "Reading":
        """Return what the process costs now."""
        text = (await self.get("/metrics")).text
        slow = _metric(text, "lectern_loop_stall_seconds_count") - _metric(
            text, 'lectern_loop_stall_seconds_bucket{le="0.05"}'
        )
        return Reading(
            self.pid,
            self.rss_bytes(),
            self.descriptors(),
            int(_metric(text, "lectern_tasks")),
            int(sum(_metrics(text, "lectern_socket_connections"))),
            int(slow),
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at an api process."""

    pid: int
    rss_bytes: int
    descriptors: int
    tasks: int
    sockets: int
    stalls: int
    """Times that its loop computed for more than 50 ms in one piece."""


def _metric(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _metrics(text: str, name: str) -> list[float]:
    return [float(value) for value in re.findall(rf"^{name}{{[^}}]*}} (\S+)$", text, re.MULTILINE)]


class World:
    """Redis, relays and api processes. A context manager; what breaks is mended by ``mend``."""

    def __init__(self, *, apis: int = 2, relays: int = 1, redis_is_late: bool = False) -> None:
        self._redis_is_late = redis_is_late
        self.folder = Path(tempfile.mkdtemp(prefix="lectern-faults-"))
        self.redis = TcpRedis()
        self.tokens = UserTokens(SECRET)
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("LECTERN_")},
            "REDIS_URL": self.redis.tcp,
            "DATABASE_URL": f"sqlite:///{self.folder}/lectern.db",
            "JWT_SECRET_KEY": SECRET,
            "LECTERN_SERVICE_TOKEN": SERVICE_TOKEN,
            "LECTERN_DATA_DIR": str(self.folder),
            "LECTERN_PRESENTER_GRACE_SECONDS": str(GRACE_SECONDS),
            "LECTERN_LOG_LEVEL": "info",
            "LECTERN_MAX_PEERS": "20000",
        }
        self.apis = [self.new_api(f"api-{n}") for n in range(apis)]
        self.relays = [self._new_relay(n) for n in range(relays)]
        self._codes = 0

    def new_api(self, name: str, **environment: str) -> Api:
        """Return one more api process, not started."""
        port = free_port()
        settings = {**self._environment, "LECTERN_PORT": str(port), **environment}
        api = Api(name, ["api"], settings, self.folder / f"{name}.log")
        api.port = port
        return api

    def _new_relay(self, n: int) -> Process:
        settings = {**self._environment, "LECTERN_MEDIA_PORT": str(free_port())}
        return Process(f"relay-{n}", ["relay"], settings, self.folder / f"relay-{n}.log")

    def __enter__(self) -> Self:
        try:
            if not self._redis_is_late:
                self.redis.start()
            migrate = Process(
                "migrate", ["migrate"], self._environment, self.folder / "migrate.log"
            )
            migrate.start()
            for relay in self.relays:
                relay.start()
            assert migrate._popen is not None
            assert migrate._popen.wait(START_SECONDS) == 0, migrate.log()
            self._make_accounts()
            for api in self.apis:
                api.start()
            for api in self.apis:
                api.wait_until_up()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for process in (*self.apis, *self.relays):
            if process.is_running:
                process.signal(signal.SIGCONT)
                process.signal(signal.SIGTERM)
        for process in (*self.apis, *self.relays):
            process.stop()
        self.redis.close()
        if not os.environ.get("FAULTS_KEEP_LOGS"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def _make_accounts(self) -> None:
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ")
        names = [owner(n) for n in range(OWNERS)] + [student(n) for n in range(STUDENTS)]
        with contextlib.closing(sqlite3.connect(self.folder / "lectern.db")) as sql, sql:
            for email in names:
                row = (new_lecture_id(), email, email.split("@")[0], "-", now)
                sql.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?)", row)

    def token(self, email: str, age: float = 0.0) -> str:
        account = Account(Email(email), email.split("@", maxsplit=1)[0])
        return self.tokens.issue(account, time.time() - age)

    async def lecture(self, api: int = 0) -> tuple[RoomId, str]:
        """Create a lecture by REST; return its code and its owner, who has no other."""
        email = owner(self._codes % OWNERS)
        self._codes += 1
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.post(
                f"{self.apis[api].url}/lecture",
                json={"title": "Faults", "description": "", "email": email},
                headers={"Authorization": self.token(email)},
            )
        assert answer.status_code == 201, answer.text
        return RoomId(answer.json()["code"]), email

    def raw(self) -> Any:
        """Return a Redis client of the test's own, beside the server's code."""
        return driver.Redis.from_url(self.redis.tcp, socket_timeout=15, socket_connect_timeout=5)

    async def mend(self) -> None:
        """Start what is dead, and return when everything is ready again."""
        if not self.redis.is_running:
            self.redis.start()
        for process in (*self.relays, *self.apis):
            if not process.is_running:
                process.start()
        for api in self.apis:
            await until(api.is_ready, START_SECONDS, f"{api.name} is ready again")


def owner(n: int) -> str:
    return f"owner{n}@example.org"


def student(n: int) -> str:
    return f"student{n}@example.org"


async def until(
    holds: Callable[[], Awaitable[object] | object], seconds: float, what: str = ""
) -> float:
    """Look until ``holds()``; return the seconds that it took. Raises AssertionError."""
    began = time.monotonic()
    while True:
        answer = holds()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return time.monotonic() - began
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not in {seconds:g} s: {what or holds}")
        await asyncio.sleep(TICK)
