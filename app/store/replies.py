"""What Redis answered: entries and fields as we read them, refusals as our errors."""

from collections.abc import Sequence
from typing import Any

import structlog
from redis.exceptions import ResponseError

from app.core.errors import BY_CODE, Internal, LecternError, Unavailable

log = structlog.get_logger(__name__)

# Answers that say "not now": a replica, a full memory or disk, a server that loads its file.
PASSING = ("READONLY", "OOM", "MISCONF", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "NOREPLICAS",
           "TRYAGAIN", "BUSY", "NOAUTH", "WRONGPASS", "NOPERM", "EXECABORT")  # fmt: skip


def entries(reply: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return a stream's entries, whether the library has read them or not, but for those that were
    deleted meanwhile."""
    return [
        (entry, fields if isinstance(fields, dict) else pairs(fields))
        for entry, fields in reply
        if fields is not None
    ]


def pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the fields of a flat reply (name, value, name, …)."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


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
