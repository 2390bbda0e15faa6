"""The web client's scripts and styles, compressed once: a phone loads a quarter of them."""

import asyncio
import gzip
from pathlib import Path

from starlette.concurrency import run_in_threadpool

SUFFIXES = frozenset({".js", ".css", ".svg", ".json", ".wasm"})
"""Files that get smaller; fonts and pictures are compressed already."""

MIN_FILE_BYTES = 1024
MAX_FILE_BYTES = 8 * 1024 * 1024

MAX_KEPT_BYTES = 32 * 1024 * 1024
"""Compressed bytes kept in memory; what comes after is served as it is."""

LEVEL = 6


def takes_gzip(accept_encoding: str) -> bool:
    """Tell whether a client with that ``Accept-Encoding`` reads gzip (RFC 9110 §12.5.3)."""
    for part in accept_encoding.lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


class Compressed:
    """Compresses each file once, off the event loop, however many ask for it at once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Path, str], bytes] = {}
        self._bytes = 0
        self._lock = asyncio.Lock()

    async def get(self, path: Path, version: str, size: int) -> bytes | None:
        """Return the file compressed, or None when it is better served as it is.

        ``version`` changes whenever its content does.
        """
        if path.suffix not in SUFFIXES or not MIN_FILE_BYTES <= size <= MAX_FILE_BYTES:
            return None
        key = (path, version)
        if key in self._kept:
            return self._kept[key]
        async with self._lock:  # one at a time: the others find it done
            if key not in self._kept and self._bytes < MAX_KEPT_BYTES:
                data = await run_in_threadpool(_compress, path)
                if data is not None:
                    self._kept[key] = data
                    self._bytes += len(data)
        return self._kept.get(key)


def _compress(path: Path) -> bytes | None:
    try:
        return gzip.compress(path.read_bytes(), LEVEL, mtime=0)
    except OSError:
        return None
