"""A relay's recorder, as a process of its own: a stalled disk, or Python that takes frames apart,
shares neither an event loop nor an interpreter lock with the packets' way (docs/decisions/0105)."""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from app.core.clock import Clock
from app.recording.delivery import Deliveries
from app.recording.model import Segment
from app.recording.recorder import Recorder
from app.recording.spool import Spool
from app.recording.storage.port import Storage
from app.recording.wire import MAX_MESSAGE, PACKETS, Counted, FromRecorder

log = structlog.get_logger(__name__)

TICK_SECONDS: Final = 0.5
DRAIN_SECONDS: Final = 60.0
"""How long a recorder whose relay is gone carries its files; the rest is for the next one."""


@dataclass(frozen=True, slots=True)
class RecorderConfig:
    """What a recorder is told at its start."""

    spool: Path
    """Folder on this machine's disk for what is being written."""
    reserve_bytes: int = 256 * 1024 * 1024
    """Recording stops while the disk has less than this left: the databases need it, too."""
    queue_bytes: int = 64 * 1024 * 1024
    """What a stalled disk may let wait, in memory; about four minutes of one lecture."""


class Inbox:
    """Messages between the thread that reads and the one that writes.

    Bounded in bytes: what does not fit is dropped and counted, packets only; control messages are
    few and always fit.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._is_ended = False
        self.dropped = 0
        """Messages; a burst of packets each."""

    def put(self, message: bytes) -> None:
        with self._changed:
            if message[0] == PACKETS and self._bytes + len(message) > self._most:
                self.dropped += 1
                return
            self._messages.append(message)
            self._bytes += len(message)
            self._changed.notify()

    def end(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._is_ended = True
            self._changed.notify()

    def take(self, patience: float) -> bytes | None:
        """Return the next message; None after ``patience`` seconds without one.

        Raises EOFError when everything was taken and nothing more will come.
        """
        with self._changed:
            if not self._messages and not self._is_ended:
                self._changed.wait(patience)
            if not self._messages:
                if self._is_ended:
                    raise EOFError
                return None
            message = self._messages.popleft()
            self._bytes -= len(message)
            return message


class RecorderProcess:
    """Reads the relay's end of a socket pair until it is closed, then ends."""

    def __init__(
        self, config: RecorderConfig, link: socket.socket, storage: Storage, clock: Clock
    ) -> None:
        self._config = config
        self._link = link
        self._clock = clock
        self._inbox = Inbox(config.queue_bytes)
        self._spool = Spool(config.spool)
        self._deliveries = Deliveries(storage, config.spool)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._recorder = Recorder(self._spool, config.reserve_bytes, self._begun, self._finished)
        self._crashes = 0

    async def run(self) -> None:
        """Record until the relay is gone, then bring the files home. Raises OSError where the
        spool cannot be made."""
        self._loop = asyncio.get_running_loop()
        self._spool.open()
        await self._deliveries.open()
        reader = threading.Thread(target=self._read, name="recorder.read", daemon=True)
        reader.start()
        try:
            await asyncio.to_thread(self._write)
            if not await self._deliveries.drain(DRAIN_SECONDS):
                log.warning("segments stay in the spool", segments=self._deliveries.pending)
        finally:
            await self._deliveries.close()
            self._spool.close()
            self._link.close()

    def stop(self) -> None:
        """End as if the relay had closed its end."""
        try:
            self._link.shutdown(socket.SHUT_RDWR)
        except OSError:
            self._inbox.end()

    # Threads ---------------------------------------------------------------------------------

    def _read(self) -> None:
        self._link.setblocking(True)
        try:
            while message := self._link.recv(MAX_MESSAGE + 4096):
                self._inbox.put(message)
        except OSError as error:
            log.warning("the relay's end is lost", reason=error.strerror)
        finally:
            self._inbox.end()

    def _write(self) -> None:
        next_tick = self._clock.now()
        while True:
            try:
                message = self._inbox.take(TICK_SECONDS)
            except EOFError:
                break
            answers: list[FromRecorder] = []
            if message is not None:
                answers += self._handle(message)
            now = self._clock.now()
            if now >= next_tick:
                next_tick = now + TICK_SECONDS
                answers += self._recorder.tick(now)
            for answer in answers:
                self._answer(answer)
        self._recorder.close(self._clock.now())

    def _handle(self, message: bytes) -> list[FromRecorder]:
        try:
            return self._recorder.handle(message, self._clock.now())
        except Exception:
            # One source's content must not cost the others theirs; each is a defect of ours.
            self._crashes += 1
            if self._crashes & (self._crashes - 1) == 0:
                log.exception("a message could not be recorded", failures=self._crashes)
            return []

    def _answer(self, answer: FromRecorder) -> None:
        if isinstance(answer, Counted):
            answer = answer.model_copy(
                update={
                    "segments_pending": self._deliveries.pending,
                    "messages_dropped": self._inbox.dropped,
                    "failures": answer.failures + self._crashes,
                }
            )
        try:
            # The relay reads at once; if it is stuck, its answers are worth nothing later.
            self._link.send(answer.model_dump_json().encode(), socket.MSG_DONTWAIT)
        except OSError:
            return

    def _begun(self, segment: Segment) -> None:
        self._later(self._deliveries.announce, segment)

    def _finished(self, segment: Segment) -> None:
        self._later(self._deliveries.add, segment)

    def _later(self, call: Callable[[Segment, Path], None], segment: Segment) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(call, segment, self._spool.path(segment))
