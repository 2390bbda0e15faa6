"""The connection to Redis: commands that are never sent twice, and scripts loaded by hash."""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import redis.asyncio as driver
import structlog
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as DriverConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as DriverTimeoutError

from app.core import metrics
from app.core.clock import Clock, SystemClock
from app.core.errors import BY_CODE, Internal, LecternError, Unavailable
from app.core.ids import RoomId
from app.core.tasks import Tasks
from app.store import keys
from app.store.pipeline import Pipeline
from app.store.steady import Stamp, SteadyClock

log = structlog.get_logger(__name__)

SCRIPTS = Path(__file__).parent / "scripts"

MAX_CONNECTIONS = 32
"""Of one process, besides its one blocking reader and its one subscription. A command that finds
none free waits for one, within its own timeout."""

HOLD_SECONDS = 5.0
"""For which one read of a connection that is only held open waits."""

SCAN_COUNT = 500
"""Keys that Redis looks at for one step of a scan (well under a millisecond)."""

FILES_POLL_SECONDS = 0.1
"""Between two looks whether the server's files are written."""

WRITE_CHECK_KEY = "health:write"
"""What ``ready`` writes; it lives for ten seconds."""

# Answers that say "not now": a replica, a full memory or disk, a server that loads its file.
PASSING = ("READONLY", "OOM", "MISCONF", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "NOREPLICAS",
           "TRYAGAIN", "BUSY", "NOAUTH", "WRONGPASS", "NOPERM", "EXECABORT")  # fmt: skip

Argument = str | bytes | int | float
T = TypeVar("T")


class _Script:
    """A script's text, with the preludes that it names in its first line, and its hash.

    ``is_timed``: its arguments begin with a ``Stamp``. Every script of the ``room`` prelude is.
    """

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        self.is_timed = False
        if text.startswith("-- prelude: "):
            names = text.partition("\n")[0].removeprefix("-- prelude: ").split()
            if names[0] == "room":
                names.insert(0, "clock")
            self.is_timed = names[0] == "clock"
            preludes = [(SCRIPTS / f"_{name}.lua").read_text(encoding="utf-8") for name in names]
            text = "".join((*preludes, text))
        self.text = text.encode()
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest()


def _load_scripts() -> dict[str, _Script]:
    return {p.stem: _Script(p) for p in SCRIPTS.glob("*.lua") if not p.name.startswith("_")}


def room_keys(room: RoomId) -> list[str]:
    """Return the keys of every room script, in the order that their prelude names them."""
    return [
        keys.room(room),
        keys.events(room),
        keys.questions(room),
        keys.asked(room),
        keys.listeners(room),
        keys.elements(room),
        keys.removed(room),
        keys.draws(room),
        keys.voters(room),
        keys.votes(room),
        keys.new_votes(room),
        keys.facts(room),
        keys.claims(room),
        keys.budgets(room),
        keys.blobs(room),
        keys.roster(room),
        keys.bans(room),
        keys.relays(room),
    ]


class Redis:
    """One process' access to Redis.

    Guarantees that a command is sent once or not at all: the library's retries are off, because
    a retried write may be a second one. Every command ends within ``timeout`` seconds. A caller
    that is cancelled does not cut its write short: the write runs on and its outcome is dropped.

    Every method raises Unavailable when Redis cannot be reached, is too slow, is read-only or
    full; the next command connects again. After Unavailable a write may or may not have happened.
    """

    def __init__(self, url: str, timeout: float = 1.0, clock: Clock | None = None) -> None:
        self._url = url
        self._steady = SteadyClock(self._read_clock, clock or SystemClock())
        self._timeout = timeout
        self._scripts = _load_scripts()
        self._tasks = Tasks("redis")
        self._writes: set[asyncio.Task[None]] = set()
        self._client: Any = driver.Redis.from_pool(self._pool(MAX_CONNECTIONS, timeout))
        self._line: Any = Pipeline(url, timeout) if Pipeline.suits(url) else None
        # Blocking reads wait longer than any command may, so they have a connection of their own.
        self._reader: Any = driver.Redis.from_pool(self._pool(2, None))
        self._listener: Any = driver.Redis.from_pool(self._pool(2, timeout))

    def _pool(self, connections: int, socket_timeout: float | None) -> driver.ConnectionPool:
        # A half-open connection of a quiet process is found by the kernel; unix sockets have none.
        keepalive = {} if self._url.startswith("unix:") else {"socket_keepalive": True}
        return driver.BlockingConnectionPool.from_url(
            self._url,
            **keepalive,
            max_connections=connections,
            timeout=self._timeout,
            socket_timeout=socket_timeout,
            socket_connect_timeout=self._timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )

    async def open(self) -> None:
        """Load every script. A Redis that is away is no error: scripts also load when used."""
        try:
            for script in self._scripts.values():
                await self._command("SCRIPT LOAD", script.text)
        except Unavailable as error:
            log.warning("redis is away at start", reason=error.message)

    async def close(self) -> None:
        """Wait for writes under way, then close every connection. Safe to call twice."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=self._timeout)
        await self._tasks.close()
        if self._line is not None:
            self._line.close()
        for client in (self._client, self._reader, self._listener):
            await client.aclose()
            await client.connection_pool.disconnect()

    async def script(
        self, name: str, script_keys: Sequence[str], args: Sequence[Argument] = ()
    ) -> Any:
        """Run ``scripts/<name>.lua`` and return its reply (bytes, ints and lists of them).

        Raises the error of ``core.errors`` that the script replied with (``"code text"``).
        """
        script = self._scripts[name]
        stamp = await self._stamp() if script.is_timed else ()
        call = (len(script_keys), *script_keys, *stamp, *args)

        execute = self._client.execute_command if self._line is None else self._line.execute

        async def run() -> Any:
            try:
                return await execute("EVALSHA", script.sha, *call)
            except NoScriptError:  # a restarted server; the script did not run
                return await execute("EVAL", script.text, *call)

        if self._line is not None:  # a command once written runs, whatever becomes of its caller
            return await self._answer(run, None)
        return await self._shielded(name, run)

    async def on_room(self, name: str, room: RoomId, *args: Argument) -> Any:
        """Run a script of the ``room`` prelude on that room's keys."""
        prefix = (room, keys.wake(room), keys.TTL_SECONDS * 1000)
        return await self.script(name, room_keys(room), (*prefix, *args))

    async def ready(self) -> bool:
        """Tell whether a write works: reachable, not read-only, not full."""
        try:
            await self._command("SET", WRITE_CHECK_KEY, b"1", "EX", 10)
        except LecternError:
            return False
        return True

    async def now_ms(self) -> int:
        """Return Redis' date, which all processes share, in milliseconds. It may be set."""
        seconds, micros = await self._raw("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    async def steady_ms(self) -> int:
        """Return the time that deadlines are counted in (``steady``): Redis' date, less jumps."""
        return (await self._stamp()).now_ms

    def date_ms(self, steady_ms: int) -> int:
        """Return the date of a moment that is given in steady time."""
        return steady_ms - self._steady.correction_ms

    async def _stamp(self) -> Stamp:
        if not self._steady.is_set:
            await self._steady.begin()
        elif self._steady.is_due:
            with contextlib.suppress(RuntimeError):  # closed
                _ = self._tasks.start("steady", self._steady.look)
        return self._steady.stamp()

    async def _read_clock(self, known: int | None, wanted: int | None) -> tuple[float, int]:
        words = ["" if number is None else number for number in (known, wanted)]
        date, stands = await self.script("steady", [keys.CLOCK], [*words, keys.TTL_SECONDS * 1000])
        return float(date), int(stands)

    async def hash(self, key: str) -> dict[bytes, bytes]:
        """Return all fields of a hash; empty when there is none."""
        if self._line is None:
            return cast("dict[bytes, bytes]", await self._command("HGETALL", key))
        return _pairs(await self._raw("HGETALL", key))

    async def fields(self, key: str, *names: str) -> list[bytes | None]:
        """Return the named fields of a hash, None for each that is missing."""
        return cast("list[bytes | None]", await self._raw("HMGET", key, *names))

    async def exists(self, key: str) -> bool:
        """Tell whether the key exists."""
        return bool(await self._raw("EXISTS", key))

    async def sorted_members(self, key: str) -> list[bytes]:
        """Return the members of a sorted set, the lowest first."""
        return cast("list[bytes]", await self._raw("ZRANGE", key, 0, -1))

    async def lengthen(self, key: str, seconds: int) -> bool:
        """Let a key live for so long from now on; False when there is none."""
        return bool(await self._raw("EXPIRE", key, seconds))

    async def stream_after(
        self, key: str, after: int, count: int, last: int | None = None
    ) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Return up to ``count`` entries of a stream whose ids are above ``<after>-0``, and no
        higher than ``<last>-0`` where that is given."""
        until = "+" if last is None else f"{last}-0"
        return _entries(await self._raw("XRANGE", key, f"({after}-0", until, "COUNT", count))

    async def last_entry(self, key: str) -> tuple[bytes, dict[bytes, bytes]] | None:
        """Return the newest entry of a stream."""
        entries = _entries(await self._raw("XREVRANGE", key, "+", "-", "COUNT", 1))
        return entries[0] if entries else None

    async def scan(self, cursor: int, pattern: str) -> tuple[int, list[bytes]]:
        """Return the next cursor (0 at the end) and some keys of a pattern, maybe not for the
        first time."""
        following, found = await self._command(
            "SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT
        )
        return int(following), found

    async def pop(self, key: str, seconds: float) -> bytes | None:
        """Take the first element of a list, waiting up to ``seconds`` for one (one caller)."""
        reply = await self._answer_in(  # unmeasured: it waits on purpose
            lambda: self._reader.execute_command("BLPOP", key, seconds), seconds + self._timeout
        )
        return None if reply is None else cast("bytes", reply[1])

    async def listening(self, channels: Sequence[str]) -> list[bool]:
        """Tell of each channel whether any connection listens to it."""
        if not channels:
            return []
        reply = await self._raw("PUBSUB", "NUMSUB", *channels)
        return [bool(count) for count in reply[1::2]]

    async def text(self, key: str) -> bytes:
        """Return a string; empty when there is none."""
        return cast("bytes", await self._raw("GET", key)) or b""

    async def hold(self, channel: str) -> None:
        """Listen to a channel to which nobody publishes, until the connection breaks.

        Raises Unavailable when it breaks, or was not to be had.
        """
        link: Any = self.subscription()
        try:
            with cancellation_kept():
                async with asyncio.timeout(self._timeout):
                    await link.subscribe(channel)
            while True:
                await link.get_message(timeout=HOLD_SECONDS)
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable("the connection to Redis broke") from error
        finally:
            with contextlib.suppress(RedisError, OSError):
                await link.aclose()

    async def rewrite_files(self) -> bool:
        """Have the server write its append-only file and its dump anew, where it keeps one.

        Returns once that is done; False when the server does not let us.
        """
        before = await self._persistence()
        try:
            if before.get("aof_enabled") == "1":
                await self._command("BGREWRITEAOF")
            if await self._keeps_dump():
                await self._command("BGSAVE", "SCHEDULE")
        except Internal:
            return False
        while True:
            now = await self._persistence()
            busy = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")
            if not any(now.get(name) == "1" for name in busy):
                return now.get("aof_last_bgrewrite_status") != "err"
            await asyncio.sleep(FILES_POLL_SECONDS)

    async def _keeps_dump(self) -> bool:
        reply: Any = await self._raw("CONFIG", "GET", "save")
        return any(reply.values()) if isinstance(reply, dict) else bool(reply and reply[1])

    async def _persistence(self) -> dict[str, str]:
        found: Any = await self._raw("INFO", "persistence")
        if isinstance(found, dict):  # read by the library
            return {name: str(value) for name, value in found.items()}
        lines = (line.partition(":") for line in found.decode().splitlines() if ":" in line)
        return {name: value.strip() for name, _, value in lines}

    def subscription(self) -> PubSub:
        """Return a subscription with a connection of its own; its errors are the library's."""
        return cast("PubSub", self._listener.pubsub(ignore_subscribe_messages=False))

    async def _raw(self, *words: Argument) -> Any:
        """As ``_command``, for those whose answer the library leaves as it is."""
        if self._line is None:
            return await self._command(*words)
        return await self._answer(lambda: self._line.execute(*words), None)

    async def _command(self, *words: Argument) -> Any:
        return await self._answer(lambda: self._client.execute_command(*words), self._timeout)

    async def _shielded(self, name: str, run: Callable[[], Awaitable[Any]]) -> Any:
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            try:
                outcome.set_result(await self._answer(run, self._timeout))
            except LecternError as error:
                outcome.set_exception(error)
                outcome.exception()  # seen, even if the caller is gone
            except asyncio.CancelledError:
                outcome.cancel()
                raise

        try:
            task = self._tasks.start(name, work)
        except RuntimeError:
            raise Unavailable("the connection to Redis is closed") from None
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(outcome)

    async def _answer(self, run: Callable[[], Awaitable[T]], seconds: float | None) -> T:
        """Return what ``run`` does, within ``seconds``; None for the pipeline, which bounds each
        command by itself and loses no cancellation."""
        clock = asyncio.get_running_loop().time
        asked = clock()
        try:
            return await self._answer_in(run, seconds)
        finally:
            metrics.REDIS_SECONDS.observe(clock() - asked)

    async def _answer_in(self, run: Callable[[], Awaitable[T]], seconds: float | None) -> T:
        try:
            if seconds is None:
                return await run()
            with cancellation_kept():
                async with asyncio.timeout(seconds):
                    return await run()
        except (DriverConnectionError, DriverTimeoutError, TimeoutError, OSError) as error:
            raise Unavailable("Redis cannot be reached") from error
        except ResponseError as error:
            raise refusal(error) from error
        except RedisError as error:
            raise Unavailable("Redis cannot be reached") from error


def _entries(reply: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return a stream's entries, whether the library has read them or not, but for those that were
    deleted meanwhile."""
    return [
        (entry, fields if isinstance(fields, dict) else _pairs(fields))
        for entry, fields in reply
        if fields is not None
    ]


def _pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


@contextlib.contextmanager
def cancellation_kept() -> Iterator[None]:
    """Raise CancelledError at the end of the block if the task was cancelled inside it.

    The library writes under ``asyncio.wait_for``, which in Python 3.11 loses a cancellation that
    comes when the write is just done: a loop around a command would then never end.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        yield
    finally:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError


def refusal(error: ResponseError) -> LecternError:
    """Return our error for what Redis or a script of ours replied.

    redis-py strips the code words that it knows and has classes for some of them; the rest of
    the reply begins with the code.
    """
    words = str(error).removeprefix("ERR ").split(" ", 1)
    kind = BY_CODE.get(words[0])
    if kind is not None:
        return kind(words[1] if len(words) > 1 else words[0])
    name = type(error).__name__
    if words[0] in PASSING or name in {"ReadOnlyError", "OutOfMemoryError", "NoPermissionError"}:
        return Unavailable("Redis takes no writes now")
    if any(f"-{code}" in str(error) or f" {code} " in str(error) for code in PASSING):
        return Unavailable("Redis takes no writes now")
    log.error("redis refused a command", reply=str(error))
    return Internal("the server made a mistake")
