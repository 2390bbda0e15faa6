"""The folder that outlives a run: who may use it, and the secrets that are kept in it."""

import fcntl
import os
import secrets
import time
from pathlib import Path

SECRET_BYTES = 32
"""Random bytes of a secret that is made here (64 hexadecimal digits in its file)."""

LOCK_PATIENCE = 5.0
"""Seconds for which ``lock`` waits: a run that was just killed leaves a Redis that is closing."""

_POLL = 0.1


class DataFolderError(Exception):
    """The folder cannot be used; the message is a finished sentence for an operator."""


class DataFolder:
    """One run's data. ``path`` is absolute; nothing is touched before ``prepare``."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    def prepare(self) -> None:
        """Make the folder (mode 0700) where there is none. Raises DataFolderError unless it can
        be written."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self.path / f".probe-{os.getpid()}"
            probe.touch(mode=0o600)
            probe.unlink()
        except OSError as error:
            raise DataFolderError(
                f"LECTERN_DATA_DIR: {self.path} cannot be written ({error.strerror});"
                " choose a folder that this user may write"
            ) from None

    def lock(self, patience: float = LOCK_PATIENCE) -> int:
        """Claim the folder for this process and return the lock's file descriptor.

        The claim ends when every process that holds the descriptor is gone: hand it to a child
        that must not share the folder with the next run's. Raises DataFolderError when another
        process still has the folder after ``patience`` seconds.
        """
        if self._lock is not None:
            return self._lock
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(max(1, round(patience / _POLL))):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_POLL)
            else:
                self._lock = descriptor
                return descriptor
        os.close(descriptor)
        raise DataFolderError(
            f"LECTERN_DATA_DIR: {self.path} is in use by another Lectern;"
            " stop that one or choose another folder"
        )

    def unlock(self) -> None:
        """Give the folder up. Safe to call twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def secret(self, name: str) -> str:
        """Return the secret ``name``, made on first use and the same ever after.

        The file has the mode 0600 and is whole or absent whenever this process ends; of two
        processes that make it at once, both return the same. Raises DataFolderError when the
        file is there and cannot be read, or holds too little.
        """
        target = self.path / name
        draft = self.path / f".{name}-{secrets.token_hex(4)}"
        if not target.exists():
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(SECRET_BYTES) + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, target)  # unlike a rename, it never replaces the other's
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        try:
            found = target.read_text().strip()
        except OSError as error:
            raise DataFolderError(f"{target} cannot be read ({error.strerror})") from None
        if len(found) < SECRET_BYTES:
            raise DataFolderError(
                f"{target} holds less than {SECRET_BYTES} bytes; delete it, and it is made anew"
            )
        return found
