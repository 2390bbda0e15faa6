"""STUN binding requests read, and answered: what an ICE-lite agent needs of RFC 8489.

aioice holds the codec. It raises ``struct.error`` for malformed attributes, so lengths are
checked before it sees a message.
"""

import hmac
import struct
import zlib
from ipaddress import ip_address

from aioice import stun

from app.relay.core.media import Address

_HEADER = 20
MAX_MESSAGE = 1200
"""Bytes: browsers' checks have about 110."""
MAX_ATTRIBUTES = 32
_BINDING_REQUEST = b"\x00\x01"
_COOKIE = stun.COOKIE.to_bytes(4, "big")
_ROLE_CONFLICT = (487, "Role Conflict")
_RESPONSE = 0x0101
"""A binding success response."""
_MESSAGE_INTEGRITY, _XOR_MAPPED_ADDRESS, _FINGERPRINT = 0x0008, 0x0020, 0x8028
_INTEGRITY_BYTES, _FINGERPRINT_BYTES = 24, 8
_HEAD, _ATTRIBUTE, _NUMBER = struct.Struct("!HHI12s"), struct.Struct("!HH"), struct.Struct("!HHI")


class Check:
    """An ICE connectivity check (RFC 8445 §7.2), not yet authenticated."""

    __slots__ = ("_message", "ufrag")

    def __init__(self, message: stun.Message, ufrag: str) -> None:
        self._message = message
        self.ufrag = ufrag
        """Ours: the part of the user name before the colon."""

    @property
    def transaction(self) -> bytes:
        return self._message.transaction_id

    @property
    def nominates(self) -> bool:
        return "USE-CANDIDATE" in self._message.attributes

    @property
    def claims_controlled(self) -> bool:
        """The peer takes our role (RFC 8445 §7.3.1.1)."""
        return "ICE-CONTROLLED" in self._message.attributes

    def is_authentic(self, password: str) -> bool:
        return self._message.check_message_integrity(password.encode())

    def response(self, source: Address, password: str) -> bytes:
        """Return the success response that tells the peer its address as we see it.

        Written here: aioice would write it three times over, and each peer checks every few
        seconds for as long as it is here.
        """
        mapped = _mapped(source, self.transaction)
        head = _RESPONSE, len(mapped) + _INTEGRITY_BYTES, stun.COOKIE, self.transaction
        body = _HEAD.pack(*head) + mapped
        proof = hmac.digest(password.encode(), body, "sha1")
        mapped += _ATTRIBUTE.pack(_MESSAGE_INTEGRITY, len(proof)) + proof
        head = _RESPONSE, len(mapped) + _FINGERPRINT_BYTES, stun.COOKIE, self.transaction
        body = _HEAD.pack(*head) + mapped
        return body + _NUMBER.pack(_FINGERPRINT, 4, zlib.crc32(body) ^ stun.FINGERPRINT_XOR)

    def role_conflict(self, password: str) -> bytes:
        """Return the error after which the peer takes the controlling role."""
        answer = stun.Message(
            stun.Method.BINDING, stun.Class.ERROR, self.transaction, {"ERROR-CODE": _ROLE_CONFLICT}
        )
        answer.add_message_integrity(password.encode())
        return bytes(answer)


def _mapped(source: Address, transaction: bytes) -> bytes:
    """Return XOR-MAPPED-ADDRESS (RFC 8489 §14.2)."""
    address = ip_address(source[0]).packed
    key = _COOKIE + transaction
    hidden = int.from_bytes(address) ^ int.from_bytes(key[: len(address)])
    family = 1 if len(address) == 4 else 2
    port = source[1] & 0xFFFF ^ stun.COOKIE >> 16
    value = struct.pack("!BBH", 0, family, port) + hidden.to_bytes(len(address))
    return _ATTRIBUTE.pack(_XOR_MAPPED_ADDRESS, len(value)) + value


def is_sound(data: bytes) -> bool:
    """Tell whether ``data`` is a binding request whose attributes fill it exactly."""
    length = len(data)
    if not _HEADER <= length <= MAX_MESSAGE or length % 4:
        return False
    if data[:2] != _BINDING_REQUEST or data[4:8] != _COOKIE:
        return False
    if int.from_bytes(data[2:4], "big") != length - _HEADER:
        return False
    position = _HEADER
    for _ in range(MAX_ATTRIBUTES):
        if position == length:
            return True
        size = int.from_bytes(data[position + 2 : position + 4], "big")
        position += 4 + (size + 3 & ~3)
        if position > length:
            return False
    return False


def read_check(data: bytes) -> Check | None:
    """Return the check in ``data``, or None if it is anything else or malformed."""
    if not is_sound(data):
        return None
    try:
        message = stun.parse_message(data)
    except (ValueError, KeyError, struct.error):
        return None
    user = message.attributes.get("USERNAME")
    if not isinstance(user, str) or ":" not in user:
        return None
    if "MESSAGE-INTEGRITY" not in message.attributes or "FINGERPRINT" not in message.attributes:
        return None
    return Check(message, user.partition(":")[0])
