"""Where segments are written, on this machine's disk, until they are in the storage."""

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import structlog
from pydantic import ValidationError

from app.recording.model import Segment

log = structlog.get_logger(__name__)

_LOCK = "lock"
OPEN_TRIES = 5


class Spool:
    """One recorder's folder under ``root``, its own while it lives: the folder is locked, so what
    a dead recorder left is told from what a live one writes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder = root / secrets.token_hex(6)
        self._lock = -1

    def open(self) -> None:
        """Make the folder and lock it. Raises OSError."""
        for tries_left in reversed(range(OPEN_TRIES)):
            self.folder.mkdir(mode=0o700, parents=True)
            try:
                self._lock = _locked(self.folder)
            except (BlockingIOError, FileNotFoundError):
                # Somebody who looks for what the dead left was here in between, and takes it away.
                if not tries_left:
                    raise
                self.folder = self._root / secrets.token_hex(6)
            else:
                return

    def close(self) -> None:
        """Give the folder up; it goes when nothing is left in it."""
        if self._lock < 0:
            return
        _drop_empty(self.folder)
        os.close(self._lock)
        self._lock = -1

    def path(self, segment: Segment) -> Path:
        return self.folder / segment.name

    def announce(self, segment: Segment) -> Path:
        """Write down what a file is going to be; return its path. Raises OSError."""
        beside = sidecar(self.path(segment))
        with beside.open("w") as file:
            file.write(segment.model_dump_json())
            file.flush()
            os.fsync(file.fileno())
        return self.path(segment)

    def free_bytes(self) -> int:
        """Return how much this disk still takes."""
        return shutil.disk_usage(self.folder).free


def sidecar(path: Path) -> Path:
    """Return where it is written what a file is."""
    return path.with_name(path.name + ".json")


def forget(path: Path) -> None:
    """Drop a file and what is beside it."""
    path.unlink(missing_ok=True)
    sidecar(path).unlink(missing_ok=True)


@contextlib.contextmanager
def left_behind(root: Path) -> Iterator[list[tuple[Segment, Path]]]:
    """Claim what dead recorders left under ``root``, for as long as the context lasts.

    Folders that become empty go. Of two processes that look at once, each gets some or none.
    """
    locks: list[tuple[Path, int]] = []
    found: list[tuple[Segment, Path]] = []
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        try:
            locks.append((folder, _locked(folder)))
        except OSError:
            continue  # a live recorder's, or another process looks at it
        found += _segments(folder)
    try:
        yield found
    finally:
        for folder, lock in locks:
            _drop_empty(folder)
            os.close(lock)


def _segments(folder: Path) -> Iterator[tuple[Segment, Path]]:
    for beside in sorted(folder.glob("*.json")):
        path = beside.with_name(beside.name.removesuffix(".json"))
        try:
            segment = Segment.model_validate_json(beside.read_bytes())
        except (ValidationError, OSError):
            log.warning("a file of the spool says nothing", file=beside.name)
            continue
        if path.exists():
            yield segment, path
        else:
            beside.unlink(missing_ok=True)  # it was never begun


def _locked(folder: Path) -> int:
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _drop_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        if all(entry.name == _LOCK for entry in folder.iterdir()):
            (folder / _LOCK).unlink(missing_ok=True)
            folder.rmdir()
