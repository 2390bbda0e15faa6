"""TURN credentials: what a client is given, and how it is signed. Pure.

The time-limited kind is the "REST API" of draft-uberti-behave-turn-rest-00 §2.2: the user name is
``<unix time of expiry>:<name>``, the password the base64 of HMAC-SHA1 over it.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAME_CHARS = 16
"""Of a pseudonym: 80 bits."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What opens an allocation until ``expires`` (seconds since the epoch)."""

    username: str
    password: str
    expires: int


def password_of(secret: str, username: str) -> str:
    """Return the password of a time-limited user."""
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def signed(secret: str, name: str, expires: int) -> Credential:
    """Return the credential of ``name`` that is good until ``expires``."""
    username = f"{expires}:{name}"
    return Credential(username, password_of(secret, username), expires)


def name_in(username: str) -> str:
    """Return the name in a time-limited user name; a long-term user is its own name."""
    expires, colon, name = username.partition(":")
    return name if colon and expires.isdigit() else username


def long_term_key(user: str, realm: str, password: str) -> str:
    """Return the key of a long-term user (RFC 8489 §9.2.2) as coturn's databases hold it."""
    return hashlib.md5(f"{user}:{realm}:{password}".encode(), usedforsecurity=False).hexdigest()


def pseudonym(key: bytes, room: str, identity: str) -> str:
    """Return the name of one person in one room: what coturn, its log and its figures see.

    It is the same on every process with the same ``key`` and tells nothing without it.
    """
    digest = hmac.new(key, f"{room}\n{identity}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:NAME_CHARS].lower()


@dataclass(frozen=True, slots=True)
class IceServer:
    """One entry of a browser's ``iceServers``."""

    server: str
    """The server's id, which clients are not told."""
    urls: tuple[str, ...]
    credential: Credential

    def entry(self) -> Mapping[str, Any]:
        """Return it as an ``RTCIceServer``."""
        return {
            "urls": list(self.urls),
            "username": self.credential.username,
            "credential": self.credential.password,
        }
