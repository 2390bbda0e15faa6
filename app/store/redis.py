"""What is asked of Redis: plain commands, and scripts loaded by hash."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, cast

import structlog
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from app.core.clock import Clock, SystemClock
from app.core.errors import Internal, LecternError, Unavailable
from app.core.ids import RoomId
from app.core.tasks import Tasks
from app.store import keys
from app.store.connections import Argument, Connections, cancellation_kept
from app.store.replies import entries, pairs
from app.store.script import load_scripts, room_keys
from app.store.steady import Stamp, SteadyClock

log = structlog.get_logger(__name__)

HOLD_SECONDS = 5.0
"""For which one read of a connection that is only held open waits."""

SCAN_COUNT = 500
"""Keys that Redis looks at for one step of a scan (well under a millisecond)."""

FILES_POLL_SECONDS = 0.1
"""Between two looks whether the server's files are written."""

WRITE_CHECK_KEY = "health:write"
"""What ``ready`` writes; it lives for ten seconds."""


class Redis:
    """One process' access to Redis.

    Guarantees what ``Connections`` does: a command is sent once or not at all, ends within
    ``timeout`` seconds, and a cancelled caller does not cut its script short.

    Every method raises Unavailable when Redis cannot be reached, is too slow, is read-only or
    full; the next command connects again. After Unavailable a write may or may not have happened.
    """

    def __init__(self, url: str, timeout: float = 1.0, clock: Clock | None = None) -> None:
        self._connections = Connections(url, timeout)
        self._steady = SteadyClock(self._read_clock, clock or SystemClock())
        self._scripts = load_scripts()
        self._tasks = Tasks("redis")

    async def open(self) -> None:
        """Load every script. A Redis that is away is no error: scripts also load when used."""
        try:
            for script in self._scripts.values():
                await self._connections.command("SCRIPT LOAD", script.text)
        except Unavailable as error:
            log.warning("redis is away at start", reason=error.message)

    async def close(self) -> None:
        """Wait for writes under way, then close every connection. Safe to call twice."""
        await self._tasks.close()
        await self._connections.close()

    async def script(
        self, name: str, script_keys: Sequence[str], args: Sequence[Argument] = ()
    ) -> Any:
        """Run ``scripts/<name>.lua`` and return its reply (bytes, ints and lists of them).

        Raises the error of ``core.errors`` that the script replied with (``"code text"``).
        """
        script = self._scripts[name]
        stamp = await self._stamp() if script.is_timed else ()
        call = (len(script_keys), *script_keys, *stamp, *args)
        return await self._connections.evaluate(name, script, call)

    async def on_room(self, name: str, room: RoomId, *args: Argument) -> Any:
        """Run a script of the ``room`` prelude on that room's keys."""
        prefix = (room, keys.wake(room), keys.TTL_SECONDS * 1000)
        return await self.script(name, room_keys(room), (*prefix, *args))

    async def ready(self) -> bool:
        """Tell whether a write works: reachable, not read-only, not full."""
        try:
            await self._connections.command("SET", WRITE_CHECK_KEY, b"1", "EX", 10)
        except LecternError:
            return False
        return True

    async def now_ms(self) -> int:
        """Return Redis' date, which all processes share, in milliseconds. It may be set."""
        seconds, micros = await self._connections.raw("TIME")
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
        reply = await self._connections.raw("HGETALL", key)
        return reply if isinstance(reply, dict) else pairs(reply)

    async def fields(self, key: str, *names: str) -> list[bytes | None]:
        """Return the named fields of a hash, None for each that is missing."""
        return cast("list[bytes | None]", await self._connections.raw("HMGET", key, *names))

    async def exists(self, key: str) -> bool:
        """Tell whether the key exists."""
        return bool(await self._connections.raw("EXISTS", key))

    async def sorted_members(self, key: str) -> list[bytes]:
        """Return the members of a sorted set, the lowest first."""
        return cast("list[bytes]", await self._connections.raw("ZRANGE", key, 0, -1))

    async def lengthen(self, key: str, seconds: int) -> bool:
        """Let a key live for so long from now on; False when there is none."""
        return bool(await self._connections.raw("EXPIRE", key, seconds))

    async def stream_after(
        self, key: str, after: int, count: int, last: int | None = None
    ) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Return up to ``count`` entries of a stream whose ids are above ``<after>-0``, and no
        higher than ``<last>-0`` where that is given."""
        until = "+" if last is None else f"{last}-0"
        return entries(
            await self._connections.raw("XRANGE", key, f"({after}-0", until, "COUNT", count)
        )

    async def last_entry(self, key: str) -> tuple[bytes, dict[bytes, bytes]] | None:
        """Return the newest entry of a stream."""
        newest = entries(await self._connections.raw("XREVRANGE", key, "+", "-", "COUNT", 1))
        return newest[0] if newest else None

    async def scan(self, cursor: int, pattern: str) -> tuple[int, list[bytes]]:
        """Return the next cursor (0 at the end) and some keys of a pattern, maybe not for the
        first time."""
        following, found = await self._connections.command(
            "SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT
        )
        return int(following), found

    async def pop(self, key: str, seconds: float) -> bytes | None:
        """Take the first element of a list, waiting up to ``seconds`` for one (one caller)."""
        reply = await self._connections.blocking(seconds, "BLPOP", key, seconds)
        return None if reply is None else cast("bytes", reply[1])

    async def listening(self, channels: Sequence[str]) -> list[bool]:
        """Tell of each channel whether any connection listens to it."""
        if not channels:
            return []
        reply = await self._connections.raw("PUBSUB", "NUMSUB", *channels)
        return [bool(count) for count in reply[1::2]]

    async def text(self, key: str) -> bytes:
        """Return a string; empty when there is none."""
        return cast("bytes", await self._connections.raw("GET", key)) or b""

    def subscription(self) -> PubSub:
        """Return a subscription with a connection of its own; its errors are the library's."""
        return self._connections.subscription()

    async def hold(self, channel: str) -> None:
        """Listen to a channel to which nobody publishes, until the connection breaks.

        Raises Unavailable when it breaks, or was not to be had.
        """
        link: Any = self.subscription()
        try:
            with cancellation_kept():
                async with asyncio.timeout(self._connections.timeout):
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
                await self._connections.command("BGREWRITEAOF")
            if await self._keeps_dump():
                await self._connections.command("BGSAVE", "SCHEDULE")
        except Internal:
            return False
        while True:
            now = await self._persistence()
            busy = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")
            if not any(now.get(name) == "1" for name in busy):
                return now.get("aof_last_bgrewrite_status") != "err"
            await asyncio.sleep(FILES_POLL_SECONDS)

    async def _keeps_dump(self) -> bool:
        reply: Any = await self._connections.raw("CONFIG", "GET", "save")
        return any(reply.values()) if isinstance(reply, dict) else bool(reply and reply[1])

    async def _persistence(self) -> dict[str, str]:
        found: Any = await self._connections.raw("INFO", "persistence")
        if isinstance(found, dict):  # read by the library
            return {name: str(value) for name, value in found.items()}
        lines = (line.partition(":") for line in found.decode().splitlines() if ":" in line)
        return {name: value.strip() for name, _, value in lines}
