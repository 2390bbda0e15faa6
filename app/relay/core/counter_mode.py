"""AES_CM_128_HMAC_SHA1_80 for the packets that pylibsrtp has no room for (RFC 3711 §4).

libsrtp seals what it can: it is faster, and far better tried. What it is not given here is the
state: whoever calls knows the packet's index.
"""

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

TAG = 10


class CounterMode:
    """Seals packets with one direction's session keys. It keeps no state."""

    __slots__ = ("_authentication", "_cipher", "_salt")

    def __init__(self, cipher_key: bytes, authentication_key: bytes, salt: bytes) -> None:
        """Take session keys of 16 and 20 bytes and a session salt of 14."""
        self._cipher = algorithms.AES(cipher_key)
        self._authentication = authentication_key
        self._salt = int.from_bytes(salt, "big") << 16

    def seal(self, packet: bytes, header: int, index: int) -> bytes:
        """Return the sealed packet. ``header`` is the length of its header with extension,
        ``index`` its 48-bit SRTP index, under which only this very packet may ever be sealed."""
        ssrc = int.from_bytes(packet[8:12], "big")
        counter = self._salt ^ ssrc << 64 ^ index << 16  # RFC 3711 §4.1.1
        keystream = Cipher(self._cipher, modes.CTR(counter.to_bytes(16, "big"))).encryptor()
        sealed = packet[:header] + keystream.update(packet[header:])
        rollover = (index >> 16).to_bytes(4, "big")  # §4.2: authenticated, not sent
        return sealed + hmac.digest(self._authentication, sealed + rollover, "sha1")[:TAG]
