"""DTLS records as they come, and which of them may reach OpenSSL."""

from typing import Final

_CHANGE_CIPHER_SPEC: Final = 20
_ALERT: Final = 21
_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_CLIENTS_MESSAGES: Final = frozenset({_CLIENT_HELLO, 11, 15, 16})
"""In the clear: ClientHello, Certificate, CertificateVerify, ClientKeyExchange."""
_MAX_MESSAGE: Final = 16_384
_MAX_NUMBER: Final = 16
_VERSIONS: Final = (0xFEFF, 0xFEFD)


def records(data: bytes) -> list[bytes] | None:
    """Split a datagram into its DTLS records, or return None if it is not made of such alone.

    RFC 6347 §4.1 and, for the encrypted records of DTLS 1.3, RFC 9147 §4.
    """
    found: list[bytes] = []
    start = 0
    while start < len(data):
        end = _record_end(data, start)
        if end is None or end > len(data):
            return None
        found.append(data[start:end])
        start = end
    return found or None


def is_admissible(data: bytes) -> bool:
    """Tell whether a datagram may reach OpenSSL.

    A plaintext alert may not: anybody could have written it, and it would end the association. No
    more may handshake messages that no client sends, which would fail the handshake.
    """
    found = records(data)
    return found is not None and all(map(_is_admissible, found))


def _is_admissible(record: bytes) -> bool:
    if record[0] >> 5 == 0b001 or record[3:5] != b"\0\0":
        return True  # sealed: OpenSSL drops what does not open
    if record[0] == _CHANGE_CIPHER_SPEC:
        return record[13:] == b"\x01"
    return record[0] == _HANDSHAKE and _is_sound_handshake(record[13:])


def _is_sound_handshake(body: bytes) -> bool:
    """Tell whether ``body`` is whole fragments of a client's messages (RFC 6347 §4.2.2)."""
    while body:
        if len(body) < 12 or body[0] not in _CLIENTS_MESSAGES:
            return False
        whole, number, offset, size = (
            int.from_bytes(body[first:last]) for first, last in ((1, 4), (4, 6), (6, 9), (9, 12))
        )
        if whole > _MAX_MESSAGE or number > _MAX_NUMBER or offset + size > whole:
            return False
        if len(body) < 12 + size:
            return False
        body = body[12 + size :]
    return True


def is_hello(data: bytes) -> bool:
    """Tell whether a datagram begins with a ClientHello, whole or its first part."""
    return len(data) > 13 and data[0] == _HANDSHAKE and data[13] == _CLIENT_HELLO


def _record_end(data: bytes, start: int) -> int | None:
    first = data[start]
    if first >> 5 == 0b001:
        has_connection_id, has_length = first & 0x10, first & 0x04
        header = 1 + (2 if first & 0x08 else 1) + (2 if has_length else 0)
        if has_connection_id or start + header > len(data):
            return None
        if not has_length:
            return len(data)
        body = start + header
        return body + int.from_bytes(data[body - 2 : body])
    if not 20 <= first <= 26 or start + 13 > len(data):
        return None
    if int.from_bytes(data[start + 1 : start + 3]) not in _VERSIONS:
        return None
    size = int.from_bytes(data[start + 11 : start + 13])
    return start + 13 + size if size else None
