"""Signed requests of services: Licode's and OWT's ``MAuth``, and our own form, which signs all.

``MAuth`` signs a timestamp and a nonce, and the user and role if there are any: neither the method
nor the path nor the body. It is read as existing callers send it; a service can ask that nobody
calls in its name but by our own form::

    Authorization: Lectern-HMAC-SHA256 service=ID,timestamp=MS,nonce=TEXT,signature=HEX

    signature = hex(HMAC-SHA256(key, "LECTERN-HMAC-SHA256\\n" timestamp "\\n" nonce "\\n"
                                method "\\n" path and query, as sent "\\n" hex(SHA-256(body))))
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Literal, cast

Algorithm = Literal["HMAC_SHA1", "HMAC_SHA256"]

OWN_SCHEME = "Lectern-HMAC-SHA256"
MAX_HEADER_CHARS = 4096
WINDOW_SECONDS = 300.0
"""How far a caller's clock may be from ours. For twice as long its nonces are remembered."""

_SECONDS_BELOW = 100_000_000_000
"""A timestamp below this is in seconds: as milliseconds it would be of 1973."""

_NONCE = re.compile(r"[!-+\--<>-~]{1,128}")
"""Visible ASCII without comma and equals sign."""

_HASHES = {"HMAC_SHA1": hashlib.sha1, "HMAC_SHA256": hashlib.sha256}


class SignatureError(ValueError):
    """A header that is none, or not of its form."""


@dataclass(frozen=True, slots=True)
class MAuth:
    """One ``MAuth`` header, not proved yet."""

    service: str
    algorithm: Algorithm
    nonce: str
    timestamp: str
    signature: str
    sent_username: str | None = None
    """As it stands in the header, and as it is signed."""
    role: str | None = None

    @property
    def username(self) -> str | None:
        """The user's name: OWT's callers (SHA-256) send it in base64, Licode's as it is."""
        if self.sent_username is None or self.algorithm == "HMAC_SHA1":
            return self.sent_username
        try:
            return base64.b64decode(self.sent_username, validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            return self.sent_username

    def is_by(self, key: str) -> bool:
        """Tell whether it was signed with ``key``."""
        text = mauth_text(self.timestamp, self.nonce, self.sent_username, self.role)
        return _same(sign_mauth(key, self.algorithm, text), self.signature)


@dataclass(frozen=True, slots=True)
class OwnSignature:
    """One header of our own form, not proved yet."""

    service: str
    nonce: str
    timestamp: str
    signature: str

    def is_by(self, key: str, method: str, target: str, body: bytes) -> bool:
        """Tell whether it was signed with ``key`` for this very request."""
        expected = sign_own(key, own_text(self.timestamp, self.nonce, method, target, body))
        return _same(expected, self.signature.lower())


def mauth_text(timestamp: str, nonce: str, username: str | None, role: str | None) -> str:
    """Return what ``MAuth`` signs."""
    said = [timestamp, nonce]
    if username is not None and role is not None:
        said += [username, role]
    return ",".join(said)


def sign_mauth(key: str, algorithm: Algorithm, text: str) -> str:
    """Return ``MAuth``'s signature: base64 of the **hexadecimal** digest, as both systems do."""
    digest = hmac.new(key.encode(), text.encode(), _HASHES[algorithm]).hexdigest()
    return base64.b64encode(digest.encode()).decode()


def own_text(timestamp: str, nonce: str, method: str, target: str, body: bytes) -> str:
    """Return what our own form signs. ``target``: path and query, as sent."""
    parts = ("LECTERN-HMAC-SHA256", timestamp, nonce, method.upper(), target)
    return "\n".join((*parts, hashlib.sha256(body).hexdigest()))


def sign_own(key: str, text: str) -> str:
    """Return our own form's signature, in hexadecimal."""
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def read_mauth(header: str) -> MAuth:
    """Return what a ``MAuth`` header says. Raises SignatureError."""
    said = {name.removeprefix("mauth_"): value for name, value in _fields(header, "mauth").items()}
    algorithm = said.get("signature_method", "")
    if algorithm not in _HASHES:
        raise SignatureError("mauth_signature_method is HMAC_SHA1 or HMAC_SHA256")
    return MAuth(
        _needed(said, "serviceid"),
        cast("Algorithm", algorithm),
        _checked_nonce(_needed(said, "cnonce")),
        _needed(said, "timestamp"),
        _needed(said, "signature"),
        said.get("username") or None,
        said.get("role") or None,
    )


def read_own(header: str) -> OwnSignature:
    """Return what a header of our own form says. Raises SignatureError."""
    said = _fields(header, OWN_SCHEME)
    return OwnSignature(
        _needed(said, "service"),
        _checked_nonce(_needed(said, "nonce")),
        _needed(said, "timestamp"),
        _needed(said, "signature"),
    )


def is_timely(timestamp: str, wall: float) -> bool:
    """Tell whether a timestamp (milliseconds, or seconds) is within the window around ``wall``."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 16):
        return False
    sent = int(timestamp)
    seconds = sent if sent < _SECONDS_BELOW else sent / 1000
    return abs(seconds - wall) <= WINDOW_SECONDS


def _fields(header: str, scheme: str) -> dict[str, str]:
    said, _, rest = header.strip().partition(" ")
    if said.lower() != scheme.lower() or len(header) > MAX_HEADER_CHARS:
        raise SignatureError(f"not a header of {scheme}")
    found: dict[str, str] = {}
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name in found:
            raise SignatureError("each field is said once, as name=value")
        found[name] = value.strip()
    return found


def _needed(said: dict[str, str], name: str) -> str:
    value = said.get(name, "")
    if not value:
        raise SignatureError(f"{name} is missing")
    return value


def _checked_nonce(nonce: str) -> str:
    if not _NONCE.fullmatch(nonce):
        raise SignatureError("a nonce has 1 to 128 visible characters")
    return nonce


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())
