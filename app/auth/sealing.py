"""Secrets that the server must be able to read again, as they lie in a database: sealed.

AES-256-GCM (NIST SP 800-38D) with a key derived from the server's secret by HKDF (RFC 5869), one
per purpose. Who has a copy of the database alone can read none of them.
"""

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12


class Sealer:
    """Seals and opens secrets of one purpose. Another server secret opens none of them."""

    def __init__(self, server_secret: str, purpose: str) -> None:
        derive = HKDF(hashes.SHA256(), 32, salt=None, info=f"lectern:{purpose}".encode())
        self._cipher = AESGCM(derive.derive(server_secret.encode()))
        self._purpose = purpose.encode()

    def seal(self, secret: str) -> str:
        """Return the secret in a form to store (base64)."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.encode(), self._purpose)
        return base64.b64encode(nonce + sealed).decode()

    def open(self, stored: str) -> str | None:
        """Return the secret; None when it was sealed with another server secret, or altered."""
        try:
            raw = base64.b64decode(stored, validate=True)
            plain = self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], self._purpose)
        except (binascii.Error, ValueError, InvalidTag):
            return None
        return plain.decode()
