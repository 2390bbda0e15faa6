"""A DTLS association that is done with its handshake, kept by its keys alone.

For hours nothing comes but the alert that ends it, and OpenSSL keeps 80 KB for that. What is left
to do is little: open the peer's alert, seal ours, and say the last flight again to a peer that did
not get it (RFC 6347 §4.2.4). docs/decisions/0131.
"""

import hashlib
import hmac
from typing import Final, Literal, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from app.relay.records import records

VERSION: Final = "DTLSv1.2"
_WIRE_VERSION: Final = b"\xfe\xfd"
_ALERT, _HANDSHAKE = 21, 22
_FINISHED: Final = 20
_FATAL: Final = 2
_CLOSE_NOTIFY: Final = 0
_HEADER_BYTES, _TAG_BYTES, _NONCE_BYTES, _EXPLICIT_BYTES = 13, 16, 12, 8
_SEALED_EPOCH: Final = b"\0\1"
"""Of all records behind the one ChangeCipherSpec; without renegotiation there is no other."""


class _Suite(NamedTuple):
    cipher: type[AESGCM] | type[ChaCha20Poly1305]
    key_bytes: int
    iv_bytes: int
    """Of the nonce's part that is never sent: 4 of AES-GCM's (RFC 5288), all of ChaCha20's."""


SUITES: Final = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": _Suite(AESGCM, 16, 4),
    "ECDHE-ECDSA-CHACHA20-POLY1305": _Suite(ChaCha20Poly1305, 32, 12),
}
"""By OpenSSL's names. All of them derive by SHA-256 (RFC 5289, RFC 7905)."""


class Secrets(NamedTuple):
    """What a handshake of ``VERSION`` came to."""

    suite: str
    """One of ``SUITES``."""
    master: bytes
    client_random: bytes
    server_random: bytes


Said = Literal["nothing", "again", "closed"]


class _Direction(NamedTuple):
    """Seals or opens one side's records of the sealed epoch.

    It holds no cipher: one would be most of what is kept here, for one record in hours.
    """

    suite: _Suite
    key: bytes
    iv: bytes

    @property
    def has_explicit(self) -> bool:
        """A part of the nonce is sent with each record."""
        return self.suite.iv_bytes < _NONCE_BYTES

    def _nonce(self, number: bytes) -> bytes:
        if self.has_explicit:
            return self.iv + number
        mask = int.from_bytes(self.iv) ^ int.from_bytes(number)
        return mask.to_bytes(_NONCE_BYTES)

    def open(self, record: bytes) -> bytes | None:
        """Return what a record says, None if it is not authentic."""
        body, number = record[_HEADER_BYTES:], record[3:11]
        if self.has_explicit:
            number, body = body[:_EXPLICIT_BYTES], body[_EXPLICIT_BYTES:]
        length = len(body) - _TAG_BYTES
        if length < 0:
            return None
        head = record[3:11] + record[:3] + length.to_bytes(2)
        try:
            return self.suite.cipher(self.key).decrypt(self._nonce(number), body, head)
        except InvalidTag:
            return None

    def seal(self, kind: int, number: bytes, explicit: bytes, plain: bytes) -> bytes:
        """Return a record; ``number`` is its epoch and sequence number (RFC 5246 §6.2.3.3)."""
        start = bytes((kind,)) + _WIRE_VERSION
        head = number + start + len(plain).to_bytes(2)
        nonce = explicit if self.has_explicit else number
        body = self.suite.cipher(self.key).encrypt(self._nonce(nonce), plain, head)
        if self.has_explicit:
            body = explicit + body
        return start + number + len(body).to_bytes(2) + body


class QuietAssociation:
    """The server's side. ``receive`` tells what a datagram asks for; nothing here sends."""

    __slots__ = ("_explicit", "_flight", "_highest", "_incoming", "_numbers", "_outgoing")

    def __init__(self, secrets: Secrets, flight: bytes) -> None:
        """``flight``: our last, as OpenSSL sent it. Raises ValueError if it does not end in a
        sealed record, behind which our own are numbered."""
        sent = records(flight) or []
        if not sent or sent[-1][3:5] != _SEALED_EPOCH:
            raise ValueError("not the last flight of a handshake")
        suite = SUITES[secrets.suite]
        size = suite.key_bytes + suite.iv_bytes
        seed = b"key expansion" + secrets.server_random + secrets.client_random
        keys = expand(secrets.master, seed, 2 * size)
        ivs = keys[2 * suite.key_bytes :]
        self._incoming = _Direction(suite, keys[: suite.key_bytes], ivs[: suite.iv_bytes])
        self._outgoing = _Direction(
            suite, keys[suite.key_bytes : 2 * suite.key_bytes], ivs[suite.iv_bytes :]
        )
        self._flight = sent
        self._numbers = {record[3:5]: int.from_bytes(record[5:11]) for record in sent}
        """The last of each epoch."""
        self._explicit = int.from_bytes(sent[-1][_HEADER_BYTES : _HEADER_BYTES + _EXPLICIT_BYTES])
        """The nonce of what was sealed last; the next ones count on from it."""
        self._highest = -1
        """Of the authentic records that came: what is not above was there before."""

    def receive(self, data: bytes) -> Said:
        """Take a datagram of whole records: tell whether the peer waits for our last flight still,
        or has closed the association. What is not authentic, or a copy, says nothing."""
        for record in records(data) or ():
            said = self._read(record)
            if said != "nothing":
                return said
        return "nothing"

    def _read(self, record: bytes) -> Said:
        kind, number = record[0], int.from_bytes(record[5:11])
        if record[3:5] != _SEALED_EPOCH or kind not in (_ALERT, _HANDSHAKE):
            return "nothing"
        if record[1:3] != _WIRE_VERSION or number <= self._highest:
            return "nothing"
        plain = self._incoming.open(record)
        if plain is None:
            return "nothing"
        self._highest = number
        if kind == _HANDSHAKE:
            return "again" if plain[:1] == bytes((_FINISHED,)) else "nothing"
        is_end = len(plain) == 2 and (plain[0] == _FATAL or plain[1] == _CLOSE_NOTIFY)
        return "closed" if is_end else "nothing"

    def again(self) -> bytes:
        """Return our last flight under numbers of its own: the peer may have seen its old ones on
        something else, as on an answer to a stranger's hello."""
        return b"".join(map(self._renumbered, self._flight))

    def goodbye(self) -> bytes:
        """Return the record of our close_notify."""
        return self._seal(_ALERT, bytes((1, _CLOSE_NOTIFY)))

    def _renumbered(self, record: bytes) -> bytes:
        if record[3:5] != _SEALED_EPOCH:
            return record[:3] + self._next_number(record[3:5]) + record[11:]
        return self._seal(record[0], self._outgoing.open(record) or b"")

    def _seal(self, kind: int, plain: bytes) -> bytes:
        self._explicit = self._explicit + 1 & (1 << 8 * _EXPLICIT_BYTES) - 1
        explicit = self._explicit.to_bytes(_EXPLICIT_BYTES)
        return self._outgoing.seal(kind, self._next_number(_SEALED_EPOCH), explicit, plain)

    def _next_number(self, epoch: bytes) -> bytes:
        self._numbers[epoch] += 1
        return epoch + self._numbers[epoch].to_bytes(6)


def expand(secret: bytes, seed: bytes, size: int) -> bytes:
    """Return ``size`` bytes of P_SHA256 (RFC 5246 §5)."""
    found, step = b"", seed
    while len(found) < size:
        step = hmac.digest(secret, step, hashlib.sha256)
        found += hmac.digest(secret, step + seed, hashlib.sha256)
    return found[:size]
