"""STUN binding requests read, and answered: what an ICE-lite agent needs of RFC 8489.

aioice holds the codec. It raises ``struct.error`` for malformed attributes, so lengths are
checked before it sees a message.
"""

import struct

from aioice import stun

from app.relay.core.media import Address

_HEADER = 20
MAX_MESSAGE = 1200
"""Bytes: browsers' checks have about 110."""
MAX_ATTRIBUTES = 32
_BINDING_REQUEST = b"\x00\x01"
_COOKIE = stun.COOKIE.to_bytes(4, "big")
_ROLE_CONFLICT = (487, "Role Conflict")


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
        """Return the success response that tells the peer its address as we see it."""
        answer = stun.Message(
            stun.Method.BINDING, stun.Class.RESPONSE, self.transaction,
            {"XOR-MAPPED-ADDRESS": (source[0], source[1] & 0xFFFF)},
        )  # fmt: skip
        answer.add_message_integrity(password.encode())
        return bytes(answer)

    def role_conflict(self, password: str) -> bytes:
        """Return the error after which the peer takes the controlling role."""
        answer = stun.Message(
            stun.Method.BINDING, stun.Class.ERROR, self.transaction, {"ERROR-CODE": _ROLE_CONFLICT}
        )
        answer.add_message_integrity(password.encode())
        return bytes(answer)


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
