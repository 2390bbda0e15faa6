"""Recordings in a folder of this machine, or one that all machines share."""

import asyncio
import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from app.core.errors import NotFound, Unavailable
from app.recording.storage.port import StoredObject
from app.recording.storage.signing import Signer

_DRAFT: Final = ".draft-"

P = ParamSpec("P")
T = TypeVar("T")


class FolderStorage:
    """``Storage`` under ``root``. Files are whole or absent: they come by a rename."""

    def __init__(self, root: Path, signer: Signer | None) -> None:
        """Keep files under ``root``, which is made if that is possible now; without a signer
        there are no links."""
        with contextlib.suppress(OSError):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root = root
        self._signer = signer

    async def put(self, key: str, path: Path, content_type: str) -> None:  # noqa: ARG002 (a folder keeps no types: they go by the suffix)
        """As the port says; a file on the same disk is moved."""
        await _blocking(self._put, key, path)

    def _put(self, key: str, path: Path) -> None:
        target = self.root / key
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            path.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            draft = target.with_name(f"{_DRAFT}{secrets.token_hex(4)}")
            try:
                with path.open("rb") as source, draft.open("wb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
                    copy.flush()
                    os.fsync(copy.fileno())
                draft.replace(target)
            finally:
                draft.unlink(missing_ok=True)

    async def fetch(self, key: str, path: Path) -> None:
        """As the port says; it is a second name of the same file where the disk allows."""
        await _blocking(self._fetch, key, path)

    def _fetch(self, key: str, path: Path) -> None:
        path.unlink(missing_ok=True)
        try:
            os.link(self.root / key, path)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(self.root / key, path)

    async def names(self, prefix: str) -> list[StoredObject]:
        return await _blocking(self._names, prefix)

    def _names(self, prefix: str) -> list[StoredObject]:
        if not self.root.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "it is not there")  # unmounted, perhaps
        folder = self.root / prefix
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return [
            StoredObject(path.relative_to(self.root).as_posix(), path.stat().st_size)
            for path in files
            if not path.name.startswith(_DRAFT)
        ]

    async def delete(self, key: str) -> None:
        await _blocking(self._delete, key)

    def _delete(self, key: str) -> None:
        target = self.root / key
        target.unlink(missing_ok=True)
        for folder in target.relative_to(self.root).parents:
            if folder == Path():
                break
            try:
                (self.root / folder).rmdir()
            except OSError:  # it is not empty, or not there
                break

    async def url(self, key: str, seconds: int, now: float) -> str:
        if self._signer is None:
            raise Unavailable("this process gives no links")
        return self._signer.path(key, seconds, now)


async def _blocking(call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(call, *args, **named)
    except FileNotFoundError:
        raise NotFound("there is no such recording") from None
    except OSError as error:
        raise Unavailable(f"the recordings' folder fails ({error.strerror})") from error
