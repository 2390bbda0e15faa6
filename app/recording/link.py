"""A relay's recorder process, kept running, and the way to it, on which nobody ever waits."""

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog

from app.core.clock import Clock
from app.core.tasks import OnCrash, Tasks
from app.recording.wire import ToRecorder

log = structlog.get_logger(__name__)

SEND_BUFFER_BYTES: Final = 4 * 1024 * 1024
"""Asked of the kernel (``net.core.wmem_max`` may give less); the recorder reads at once, so it is
for the moments in which that process does not run."""
MOST_OWED: Final = 256
"""Control messages that wait for room, which is two minutes of standing still; beyond, the recorder
is given up and started again."""
MOST_ANSWERS: Final = 32
"""Read in one turn of the event loop."""
RESPAWN_SECONDS: Final = 0.2
"""Before a recorder that ended is started again; twice as long each time that it ends soon."""
MOST_RESPAWN_SECONDS: Final = 10.0
CALM_SECONDS: Final = 30.0
"""A recorder that lived so long did not end for what ended it before."""


CLOSE_SECONDS: Final = 4.0
"""Less than a supervisor waits for a relay."""


class Process(Protocol):
    """A recorder that runs."""

    async def wait(self) -> int: ...
    def kill(self) -> None: ...


Spawn = Callable[[int], Awaitable[Process]]
"""Starts a recorder that has this file descriptor. Raises OSError."""


class Owner(Protocol):
    """What hears of the recorder."""

    def recorder_up(self) -> None:
        """A new one is there: it knows nothing."""

    def recorder_down(self) -> None:
        """It ended, or could not be started; the next try follows."""

    def recorder_said(self, message: bytes) -> None: ...


class Link:
    """One recorder at a time, started with the first need for it, and again whenever it ends.

    Messages arrive in the order in which they were given, or not at all: packets that the kernel
    does not take at once are refused, control messages wait, and nothing overtakes what waits.
    """

    def __init__(self, spawn: Spawn, clock: Clock, owner: Owner) -> None:
        self._spawn = spawn
        self._clock = clock
        self._owner = owner
        self._tasks = Tasks("recorder")
        self._needed = asyncio.Event()
        self._socket: socket.socket | None = None
        self._process: Process | None = None
        self._owed: deque[bytes] = deque()

    async def open(self) -> None:
        """Begin to keep a recorder running, once it is needed."""
        _ = self._tasks.start("keep", self._keep_running, OnCrash.RESTART)

    def need(self) -> None:
        """Start the recorder if it does not run yet."""
        self._needed.set()

    async def close(self) -> None:
        """Close the way; the recorder then brings its files home and ends. That is waited for a
        little: in a container it would end with us. Safe to call twice."""
        self.pay()
        await self._tasks.close()
        is_there = self._socket is not None
        self._hang_up()
        if is_there and self._process is not None:
            try:
                await asyncio.wait_for(self._process.wait(), CLOSE_SECONDS)
            except TimeoutError:
                log.info("the recorder goes on by itself")

    # Sending ---------------------------------------------------------------------------------

    def tell(self, message: ToRecorder) -> None:
        """Send a control message, or owe it until there is room. Without a recorder it is dropped:
        the next one is told everything anew."""
        if self._socket is None:
            return
        self._owed.append(message.model_dump_json().encode())
        self.pay()
        if len(self._owed) > MOST_OWED and self._process is not None:
            log.error("the recorder takes nothing: it is started again")
            self._process.kill()
            self._hang_up()

    def offer(self, message: bytes) -> bool:
        """Send packets now or not at all; tell whether they were taken."""
        self.pay()
        return not self._owed and self._send(message)

    def pay(self) -> None:
        """Send what waits, as far as there is room."""
        while self._owed and self._send(self._owed[0]):
            self._owed.popleft()

    def _send(self, message: bytes) -> bool:
        if self._socket is None:
            return False
        try:
            self._socket.send(message, socket.MSG_DONTWAIT)
        except OSError:  # full, or the recorder is gone: ``_keep_running`` sees that
            return False
        return True

    # The process -----------------------------------------------------------------------------

    async def _keep_running(self) -> None:
        delay = RESPAWN_SECONDS
        await self._needed.wait()
        while True:
            began = self._clock.now()
            try:
                await self._run_once()
            except OSError as error:
                log.error("the recorder cannot be started", reason=error.strerror)  # noqa: TRY400 (the reason is all there is)
            self._hang_up()
            self._owner.recorder_down()
            if self._clock.now() - began > CALM_SECONDS:
                delay = RESPAWN_SECONDS
            await asyncio.sleep(delay)
            delay = min(2 * delay, MOST_RESPAWN_SECONDS)

    async def _run_once(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = await self._spawn(theirs.fileno())
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.attach(ours)
        asyncio.get_running_loop().add_reader(ours.fileno(), self._readable)
        self._owner.recorder_up()
        code = await self._process.wait()
        log.warning("the recorder ended", code=code)

    def attach(self, end: socket.socket) -> None:
        """Take this end of a socket pair; a recorder has the other."""
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        end.setblocking(False)
        self._socket = end

    def _hang_up(self) -> None:
        end, self._socket = self._socket, None
        self._owed.clear()
        if end is not None:
            asyncio.get_running_loop().remove_reader(end.fileno())
            end.close()

    def _readable(self) -> None:
        for _ in range(MOST_ANSWERS):
            if self._socket is None:
                return
            try:
                data = self._socket.recv(65_536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:  # it is gone, or going
                asyncio.get_running_loop().remove_reader(self._socket.fileno())
                return
            self._owner.recorder_said(data)
