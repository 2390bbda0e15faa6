"""Links to local files that nobody can make up, and that expire."""

import hashlib
import hmac
import re
from typing import Final
from urllib.parse import quote

_KEY: Final = re.compile(r"[0-9a-f]{32}/[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
"""A lecture's id and a plain file name: nothing that could leave the folder."""
_PURPOSE: Final = b"lectern recordings 1"


class Signer:
    """Signs ``key`` and the second at which the link ends, by HMAC-SHA-256."""

    def __init__(self, secret: str) -> None:
        # A key of its own: what signs links signs nothing else, whoever shares the secret.
        self._key = hmac.digest(secret.encode(), _PURPOSE, "sha256")

    def path(self, key: str, seconds: int, now: float) -> str:
        """Return the path of a link that is good for ``seconds`` from ``now`` (wall time)."""
        expires = int(now) + seconds
        return f"/recordings/{quote(key)}?expires={expires}&signature={self._sign(key, expires)}"

    def is_good(self, key: str, expires: int, signature: str, now: float) -> bool:
        """Tell whether a link's parts belong together and it has not ended."""
        if not _KEY.fullmatch(key) or not signature.isascii():
            return False
        return hmac.compare_digest(self._sign(key, expires), signature) and now < expires

    def _sign(self, key: str, expires: int) -> str:
        return hmac.new(self._key, f"{expires}\n{key}".encode(), hashlib.sha256).hexdigest()
