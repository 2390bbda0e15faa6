"""``python -m app serve``: starts everything in order, keeps it running, ends it in order."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence

import structlog

from app.child import Child
from app.core.clock import Clock
from app.core.tasks import Tasks
from app.pool import RelayPool, RelaySlot, core_of
from app.preflight import taken_ports
from app.settings import Settings
from app.store.data_folder import DataFolder, DataFolderError
from app.store.embedded import EmbeddedRedis, EmbeddedRedisError

log = structlog.get_logger(__name__)

EXIT_OK = 0
EXIT_FAULT = 1
EXIT_SETTINGS = 2
"""A setting, a port or the data folder: the operator must change something."""
EXIT_AWAY = 75
"""A database that cannot be reached now (EX_TEMPFAIL); only ``migrate`` ends with it."""

STOP_SECONDS = {"api": 12.0, "relay": 8.0, "redis": 8.0}
"""How long each kind of child may take to end, one kind after the other: together below the 30 s
after which service managers kill."""

TRIES_BEFORE_READY = 3
"""Ends of one child after which a start is given up; once ready, it is tried for ever."""

PROBE_SECONDS = 0.1
PROBE_TIMEOUT = 3.0
PATIENCE_SECONDS = 15.0
"""Between two lines that say what a start still waits for."""

MIGRATION_RETRY_SECONDS = 2.0


class Backoff:
    """How long to wait before a crashed child is started again: at once the first time, so that
    it is back within 3 s, and ever longer while it keeps crashing."""

    FIRST = 0.2
    MOST = 10.0
    CALM = 30.0
    """A child that lived this many seconds has recovered from what made it crash before."""

    def __init__(self) -> None:
        self._next = self.FIRST

    def delay(self, lived: float) -> float:
        """Return the seconds to wait after a life of ``lived`` seconds."""
        if lived >= self.CALM:
            self._next = self.FIRST
        delay = self._next
        self._next = min(self._next * 2, self.MOST)
        return delay


class StartError(Exception):
    """The server cannot be started; the message is for the operator, empty if a child said it."""

    def __init__(self, message: str, code: int = EXIT_SETTINGS) -> None:
        super().__init__(message)
        self.code = code


class Supervisor:
    """All processes of one machine. ``run`` is called once."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        cores: Sequence[int],
        say: Callable[[str], None],
        complain: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._cores = sorted(cores)
        self._relay_count = settings.relay_count(len(cores))
        self._say = say
        self._complain = complain
        self._folder = DataFolder(settings.data_dir)
        self._redis: EmbeddedRedis | None = None
        self._environment = dict(os.environ)
        self._pool = RelayPool(self._waiting_relay)
        self._kept: dict[str, list[Child | RelaySlot]] = {"api": [], "relay": [], "redis": []}
        self._tasks = Tasks("supervisor")
        self._stop = asyncio.Event()
        self._ready = False
        self._code = EXIT_OK

    async def run(self) -> int:
        """Serve until SIGINT, SIGTERM or SIGHUP; return the exit code. No child outlives it."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_stop)
        _ = self._tasks.start("start", self._start)
        await self._stop.wait()
        await self._end_all()
        return self._code

    def _asked_to_stop(self) -> None:
        if not self._stop.is_set():
            log.info("stopping")
            self._stop.set()
            return
        log.warning("stopping at once")  # asked twice
        for child in (*self._kept["api"], *self._kept["relay"]):
            child.kill()

    async def _start(self) -> None:
        try:
            self._check()
            await self._start_redis()
            for index in range(self._relay_count):
                core = core_of(index, self._relay_count, self._cores)
                is_pinned = self._settings.pin == "on"
                self._keep("relay", RelaySlot(index, core if is_pinned else None, self._pool))
            if self._settings.turn == "on":
                # Kept with the relays: it ends beside them, after the api has sent everybody away.
                self._keep("relay", self._role("turn", "turn"))
            await self._migrate()  # before any api serves from the tables
            self._keep("api", self._role("api", "api"))
            await self._wait_until_ready()
            self._pool.prepare()
        except StartError as error:
            self._give_up(str(error), error.code)
        except (DataFolderError, EmbeddedRedisError) as error:
            self._give_up(str(error), EXIT_SETTINGS)
        except Exception:
            log.exception("the start failed")
            self._give_up("Lectern could not be started; the reason is above", EXIT_FAULT)

    def _give_up(self, sentence: str, code: int) -> None:
        if sentence:
            self._complain(sentence)
        self._code = code
        self._stop.set()

    def _check(self) -> None:
        self._folder.prepare()
        self._folder.lock()
        taken = taken_ports(self._settings, self._relay_count)
        if taken:
            raise StartError("\n".join(taken))
        if not self._settings.is_production:  # made here, once, before several children need them
            self._folder.secret("jwt-secret")
            self._folder.secret("service-token")
        if not (self._settings.web_dir / "index.html").is_file():
            log.warning(
                "the web client was not built: pages are missing, everything else works",
                folder=str(self._settings.web_dir),
            )

    def _role(self, name: str, *arguments: str) -> Child:
        command = [sys.executable, "-m", "app", *arguments]
        return Child(name, lambda: command, self._environment)

    def _waiting_relay(self) -> Child:
        command = [sys.executable, "-m", "app", "relay", "--standby"]
        return Child("relay", lambda: command, self._environment, is_told=True)

    async def _start_redis(self) -> None:
        if self._settings.redis_url is not None:
            return
        self._redis = EmbeddedRedis(self._folder.path / "redis")
        self._redis.prepare()
        self._environment["REDIS_URL"] = self._redis.url
        # It holds the folder's lock too: no other run may write its file before it has ended.
        child = Child(
            "redis", self._redis.command, self._environment, inherited=[self._folder.lock()]
        )
        self._keep("redis", child)
        await self._redis.wait_until_ready()

    async def _migrate(self) -> None:
        while True:
            child = self._role("migrate", "migrate")
            await child.start()
            try:
                code = await child.wait()
            finally:
                child.kill()
            if code == EXIT_OK:
                return
            if code != EXIT_AWAY:
                raise StartError("the database's tables could not be brought up to date", code)
            await asyncio.sleep(MIGRATION_RETRY_SECONDS)

    def _keep(self, kind: str, child: Child | RelaySlot) -> None:
        self._kept[kind].append(child)
        _ = self._tasks.start(child.name, lambda: self._keep_running(child))

    async def _keep_running(self, child: Child | RelaySlot) -> None:
        backoff, ends = Backoff(), 0
        while True:
            began = self._clock.now()
            await child.start()
            code = await child.wait()
            ends += 1
            if not self._ready and (code == EXIT_SETTINGS or ends >= TRIES_BEFORE_READY):
                reason = "" if code == EXIT_SETTINGS else f"{child.name} does not start"
                self._give_up(self._with_last_words(child, reason), code if code > 0 else 1)
                return
            delay = backoff.delay(self._clock.now() - began)
            log.warning("a process ended", name=child.name, code=code, restart_seconds=delay)
            await asyncio.sleep(delay)

    def _with_last_words(self, child: Child | RelaySlot, reason: str) -> str:
        if child.name == "redis" and self._redis is not None:
            return f"the embedded redis ended: {self._redis.last_words()}"
        return reason

    async def _wait_until_ready(self) -> None:
        said = self._clock.now()
        while True:
            status = await probe(self._settings.host, self._settings.port)
            if status == 200:
                break
            if self._clock.now() - said > PATIENCE_SECONDS:
                said = self._clock.now()
                log.warning("not ready yet: see /ready for what is missing", status=status)
            await asyncio.sleep(PROBE_SECONDS)
        self._ready = True
        self._say(f"Lectern is ready: open {page_address(self._settings)} (Ctrl-C ends it)")

    async def _end_all(self) -> None:
        await self._tasks.close()  # first, so that nothing is started again
        await self._pool.close(STOP_SECONDS["relay"])
        for kind, patience in STOP_SECONDS.items():
            await self._end(self._kept[kind], patience)
        if self._redis is not None:
            self._redis.close()
        self._folder.unlock()

    async def _end(self, children: Sequence[Child | RelaySlot], patience: float) -> None:
        for child, clean in zip(
            children,
            await asyncio.gather(*(child.stop(patience) for child in children)),
            strict=True,
        ):
            if not clean:
                log.warning("a process did not end in time and was killed", name=child.name)


def reachable(host: str) -> str:
    """Return the address at which this machine itself reaches a server bound to ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def page_address(settings: Settings) -> str:
    """Return the web client's address for a browser on this machine."""
    host = reachable(settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


async def probe(host: str, port: int) -> int | None:
    """Return the HTTP status of ``/ready``, None when nobody answers in ``PROBE_TIMEOUT``."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            reader, writer = await asyncio.open_connection(reachable(host), port)
            try:
                writer.write(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                line = (await reader.readline()).split()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    return int(line[1]) if len(line) > 1 and line[1].isdigit() else None
