"""Segments on their way from this machine's spool to the storage, tried until they are there."""

import asyncio
import os
from collections import deque
from pathlib import Path
from typing import Final

import structlog

from app.core.errors import LecternError, NotFound
from app.core.ids import LectureId
from app.core.tasks import OnCrash, Tasks
from app.recording.model import Segment
from app.recording.spool import forget, left_behind, sidecar
from app.recording.storage.port import Storage

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 5.0
SWEEP_SECONDS: Final = 15.0
"""Between two looks for what dead recorders of this machine left."""


def raw_prefix(lecture: LectureId) -> str:
    """Return what the keys of a lecture's segments begin with."""
    return f"{lecture}/raw/"


class Deliveries:
    """Carries what it is handed, in order, and what dead recorders under ``root`` left.

    A segment is in the storage when both its file and the JSON that says what it is are.
    """

    def __init__(self, storage: Storage, root: Path) -> None:
        self._storage = storage
        self._root = root
        self._tasks = Tasks("deliveries")
        self._waiting: deque[tuple[Segment, Path, bool]] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def pending(self) -> int:
        """Segments that are closed and not in the storage yet."""
        return sum(is_closed for _, _, is_closed in self._waiting)

    async def open(self) -> None:
        """Begin to carry and to sweep."""
        _ = self._tasks.start("carry", self._carry, OnCrash.RESTART)
        _ = self._tasks.start("sweep", self._sweep, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop. What waits stays in the spool for the next process. Safe to call twice."""
        await self._tasks.close()

    async def drain(self, patience: float) -> bool:
        """Wait until nothing waits, ``patience`` seconds at most; tell whether that came."""
        try:
            async with asyncio.timeout(patience):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def announce(self, segment: Segment, path: Path) -> None:
        """Say in the storage that a segment is being written, so that it is waited for."""
        self._add(segment, path, is_closed=False)

    def add(self, segment: Segment, path: Path) -> None:
        """Take a closed segment over."""
        self._add(segment, path, is_closed=True)

    def _add(self, segment: Segment, path: Path, *, is_closed: bool) -> None:
        self._waiting.append((segment, path, is_closed))
        self._idle.clear()
        self._wake.set()

    async def _carry(self) -> None:
        while True:
            if not self._waiting:
                self._idle.set()
                self._wake.clear()
                await self._wake.wait()
                continue
            entry = self._waiting.popleft()
            segment, path, is_closed = entry
            if not await deliver(self._storage, segment, path, is_closed=is_closed):
                self._waiting.append(entry)  # the others may have more luck
                await asyncio.sleep(RETRY_SECONDS)

    async def _sweep(self) -> None:
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> int:
        """Deliver what dead recorders left, once; return how many segments that were."""
        delivered = 0
        with left_behind(self._root) as found:
            for segment, path in found:
                delivered += await deliver(self._storage, segment, path)
        if delivered:
            log.info("delivered what a recorder left", segments=delivered)
        return delivered


async def deliver(
    storage: Storage, segment: Segment, path: Path, *, is_closed: bool = True
) -> bool:
    """Put one segment into the storage and take it out of the spool; False to try again later.

    What says what it is goes first, and stays in the spool, too, until the file is there: wherever
    this is cut short, either the spool still has both or the storage has. One that is not closed
    is only announced.
    """
    key = raw_prefix(segment.lecture) + segment.name
    second = path.with_name(f"{path.name}.announced")
    try:
        if is_closed and not await asyncio.to_thread(path.exists):  # it failed before its header
            await storage.delete(f"{key}.json")
            await asyncio.to_thread(forget, path)
            return True
        # A second name, not a copy: the disk may be full.
        await asyncio.to_thread(_link, sidecar(path), second)
        await storage.put(f"{key}.json", second, "application/json")
        if is_closed:
            await storage.put(key, path, segment.content_type)
    except (NotFound, FileNotFoundError):
        return True  # another one delivered it
    except (LecternError, OSError) as error:
        log.warning("a segment waits for the storage", reason=str(error))
        return False
    finally:
        await asyncio.to_thread(second.unlink, missing_ok=True)
    if is_closed:
        await asyncio.to_thread(forget, path)
    return True


def _link(path: Path, second: Path) -> None:
    second.unlink(missing_ok=True)
    os.link(path, second)
