"""Where recordings are kept: a folder, or a service that speaks S3."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One file as the storage lists it."""

    key: str
    bytes: int


class Storage(Protocol):
    """Files by key; a key is ``<lecture id>/<name>``, never a code.

    Every method raises Unavailable where the storage cannot be reached, is full or refuses.
    """

    async def put(self, key: str, path: Path, content_type: str) -> None:
        """Keep the file at ``path`` under ``key``, whole or not at all; an older one gives way.

        ``path`` may be gone afterwards. Repeating it after Unavailable is safe, if it is there.
        """

    async def fetch(self, key: str, path: Path) -> None:
        """Bring a file to ``path``. Raises NotFound."""

    async def names(self, prefix: str) -> list[StoredObject]:
        """Return everything whose key begins with ``prefix`` (which ends with ``/``), by key."""

    async def delete(self, key: str) -> None:
        """Drop a file. One that is not there is fine."""

    async def url(self, key: str, seconds: int, now: float) -> str:
        """Return where anybody may read the file for so long, with Range; ``now`` is wall time.

        It may be a path of this server.
        """
