"""Commands between processes, through lists in Redis: a request id, a deadline, one answer."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from app.core import metrics
from app.core.clock import Clock, SystemClock
from app.core.errors import BY_CODE, Internal, LecternError, Unavailable
from app.core.ids import NodeId
from app.core.tasks import OnCrash, Tasks
from app.store import keys
from app.store.redis import Redis

log = structlog.get_logger(__name__)

Handler = Callable[[bytes], Awaitable[bytes]]

MAX_HANDLERS = 64
"""Requests that one process works on at once; more are answered as unavailable."""

MAX_WAITING = 1000
"""Commands on one process' list; more are refused to whoever sends them."""

LIST_SECONDS = 60
"""How long a list lives after its last command: nobody reads that of a dead process."""

POP_SECONDS = 1.0
"""How long one blocking read waits."""

RETRY_SECONDS = 0.2
"""Between two reads while Redis is away."""

CLOCK_SECONDS = 10.0
"""Between two looks at Redis' clock, which deadlines are in."""


@dataclass(slots=True)
class Counters:
    """What a bus has done since it was made."""

    calls: int = 0
    expired: int = 0
    """Requests past their deadline when they were read: dropped unrun."""
    overflowed: int = 0
    """Requests refused because ``MAX_HANDLERS`` were at work."""
    late_answers: int = 0
    """Answers nobody waited for any more."""
    garbled: int = 0
    """Commands that could not be read."""


@dataclass(frozen=True, slots=True)
class _Envelope:
    kind: str
    """``call``, ``answer`` or ``failed``."""
    id: str
    sender: NodeId
    deadline_ms: int
    payload: bytes
    code: str = ""

    def write(self) -> bytes:
        header = {
            "kind": self.kind,
            "id": self.id,
            "from": self.sender,
            "deadline": self.deadline_ms,
            "code": self.code,
        }
        return json.dumps(header, separators=(",", ":")).encode() + b"\n" + self.payload


def _read(raw: bytes) -> _Envelope:
    head, _, payload = raw.partition(b"\n")
    header: dict[str, Any] = json.loads(head)
    return _Envelope(
        header["kind"], header["id"], NodeId(header["from"]), int(header["deadline"]), payload,
        header["code"],
    )  # fmt: skip


@dataclass(slots=True)
class _RedisClock:
    """Redis' time, kept from the last look at it and our own monotonic clock."""

    redis: Redis
    clock: Clock
    _offset_ms: float | None = None
    _looked_at: float = field(default=float("-inf"))

    async def look(self) -> None:
        """Look again when the last look is old. Raises Unavailable."""
        if self.clock.now() - self._looked_at < CLOCK_SECONDS:
            return
        theirs = await self.redis.steady_ms()
        self._looked_at = self.clock.now()
        self._offset_ms = theirs - self._looked_at * 1000

    async def now_ms(self) -> float:
        """Return Redis' time in milliseconds. Raises Unavailable before the first look."""
        if self._offset_ms is None:
            await self.look()
        return self.clock.now() * 1000 + (self._offset_ms or 0.0)


class CommandBus:
    """One process' end. Calls may run concurrently, in both directions.

    Guarantees that a handler runs at most once for a call, never after its deadline has passed,
    and that the caller gets one outcome: the answer, the handler's refusal, or Unavailable.
    """

    def __init__(self, redis: Redis, node: NodeId, clock: Clock | None = None) -> None:
        self._redis = redis
        self._node = node
        self._time = _RedisClock(redis, clock or SystemClock())
        self._tasks = Tasks(f"commands.{node}")
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._handler: Handler | None = None
        self._running = 0
        self.counters = Counters()

    def serve(self, handler: Handler) -> None:
        """Let ``handler`` answer the calls that come in. Its LecternErrors cross to the caller."""
        self._handler = handler

    async def open(self) -> None:
        """Begin to read, also while Redis is away."""
        _ = self._tasks.start("read", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop reading; calls under way end as unavailable. Safe to call twice."""
        await self._tasks.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Unavailable("this process is stopping"))

    async def call(self, to: NodeId, payload: bytes, timeout: float) -> bytes:  # noqa: ASYNC109
        """Have process ``to`` answer ``payload`` within ``timeout`` seconds, and return the answer.

        Raises the handler's own refusal, or Unavailable: no answer in time (the call may then have
        run or not), too many calls at once, or Redis is away.
        """
        self.counters.calls += 1
        outcome = "cancelled"
        try:
            with metrics.COMMAND_SECONDS.time():
                answer = await self._ask(to, payload, timeout)
            outcome = "ok"
        except LecternError as error:
            outcome = error.code
            raise
        finally:
            metrics.COMMANDS.labels(outcome).inc()
        return answer

    async def _ask(self, to: NodeId, payload: bytes, timeout: float) -> bytes:  # noqa: ASYNC109
        request = secrets.token_hex(8)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[request] = future
        try:
            async with asyncio.timeout(timeout):
                deadline = round(await self._time.now_ms() + timeout * 1000)
                await self._send(to, _Envelope("call", request, self._node, deadline, payload))
                return await future
        except TimeoutError:
            raise Unavailable("the other process did not answer in time") from None
        finally:
            del self._waiting[request]

    async def _send(self, to: NodeId, envelope: _Envelope) -> None:
        args = (envelope.write(), LIST_SECONDS * 1000, MAX_WAITING)
        await self._redis.script("push", [keys.commands(to)], args)

    async def _run(self) -> None:
        away = False
        while True:
            try:
                await self._time.look()
                raw = await self._redis.pop(keys.commands(self._node), POP_SECONDS)
                away = False
            except Unavailable as error:
                if not away:
                    log.warning("commands cannot be read", node=self._node, reason=error.message)
                away = True
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if raw is not None:
                await self._take(raw)

    async def _take(self, raw: bytes) -> None:
        try:
            envelope = _read(raw)
        except (ValueError, KeyError, TypeError):
            self.counters.garbled += 1
            return
        if envelope.kind == "call":
            await self._take_call(envelope)
        else:
            self._take_answer(envelope)

    def _take_answer(self, envelope: _Envelope) -> None:
        future = self._waiting.get(envelope.id)
        if future is None or future.done():
            self.counters.late_answers += 1
        elif envelope.kind == "answer":
            future.set_result(envelope.payload)
        else:
            kind = BY_CODE.get(envelope.code, Internal)
            future.set_exception(kind(envelope.payload.decode(errors="replace")))

    async def _take_call(self, envelope: _Envelope) -> None:
        if await self._time.now_ms() > envelope.deadline_ms:
            self.counters.expired += 1
            return
        if self._running >= MAX_HANDLERS or self._handler is None:
            self.counters.overflowed += 1
            await self._refuse(envelope, Unavailable("the process has too much to do"))
            return
        handler = self._handler
        self._running += 1

        async def work() -> None:
            try:
                await self._handle(handler, envelope)
            finally:
                self._running -= 1

        _ = self._tasks.start("handle", work)

    async def _handle(self, handler: Handler, envelope: _Envelope) -> None:
        try:
            payload = await handler(envelope.payload)
        except LecternError as error:
            await self._refuse(envelope, error)
        except Exception:
            log.exception("a command failed", node=self._node)
            await self._refuse(envelope, Internal("the command failed"))
        else:
            await self._reply(envelope, "answer", payload)

    async def _refuse(self, envelope: _Envelope, error: LecternError) -> None:
        await self._reply(envelope, "failed", error.message.encode(), error.code)

    async def _reply(self, envelope: _Envelope, kind: str, payload: bytes, code: str = "") -> None:
        reply = _Envelope(kind, envelope.id, self._node, envelope.deadline_ms, payload, code)
        try:
            await self._send(envelope.sender, reply)
        except Unavailable as error:
            log.warning("an answer was not sent", to=envelope.sender, reason=error.message)
