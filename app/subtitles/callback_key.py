"""The key in a callback's address: who has it may bring one lecture's text, for some days. Pure."""

import hashlib
import hmac

from app.core.ids import LectureId

DAYS = 7
DIGITS = 40


class CallbackKeys:
    """Signs with a key derived from ``secret``, so that it is good for nothing else."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.blake2b(secret.encode(), person=b"subtitle-text", digest_size=32)

    def issue(self, lecture: LectureId, wall: float) -> str:
        """Return a key; ``wall`` is now, in seconds since the epoch."""
        expires = round(wall) + DAYS * 86_400
        return f"{expires}.{self._sign(lecture, expires)}"

    def is_good(self, key: str, lecture: str, wall: float) -> bool:
        """Tell whether the key was issued for this lecture and has not expired."""
        expires, _, signature = key.partition(".")
        if not (expires.isascii() and expires.isdigit() and len(expires) <= DIGITS):
            return False
        is_ours = hmac.compare_digest(
            signature.encode(), self._sign(LectureId(lecture), int(expires)).encode()
        )
        return is_ours and wall < int(expires)

    def _sign(self, lecture: LectureId, expires: int) -> str:
        text = f"{lecture}.{expires}".encode()
        return hmac.new(self._key.digest(), text, hashlib.sha256).hexdigest()[:DIGITS]
