"""The client side of DTLS-SRTP (RFC 5764) over memory buffers, without I/O."""

import contextlib
import datetime
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from app.relay.core.media import SrtpKeys

MAX_DATAGRAM = 1200
"""Bytes of one outgoing flight's datagram; records are never split across datagrams."""

_RECORD_HEADER = 13
_BUFFER = 65536

_PROFILES: dict[bytes, tuple[str, int, int]] = {
    b"SRTP_AEAD_AES_128_GCM": ("AEAD_AES_128_GCM", 16, 12),
    b"SRTP_AES128_CM_SHA1_80": ("AES_CM_128_HMAC_SHA1_80", 16, 14),
}


class HandshakeError(Exception):
    """The peer refused, or is not whom the answer announced."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate; the clients of one process share it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def fingerprint(self) -> str:
        """The sha-256 fingerprint as SDP writes it."""
        return _fingerprint(self.certificate)


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def make_certificate() -> Certificate:
    """Return a fresh P-256 certificate, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "client")])
    today = datetime.datetime.now(tz=datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - day)
        .not_valid_after(today + day)
        .sign(key, hashes.SHA256())
    )
    return Certificate(key, certificate)


class DtlsClient:
    """One handshake in the client role; ``keys`` is set once it is done and the peer is verified.

    ``receive`` and ``handle_timer`` raise HandshakeError.
    """

    def __init__(
        self, certificate: Certificate, offer_gcm: bool = True, suite: str | None = None
    ) -> None:
        """``suite``: the only cipher suite to offer, by OpenSSL's name; None is its own choice."""
        context = SSL.Context(SSL.DTLS_METHOD)
        if suite is not None:
            context.set_cipher_list(suite.encode())
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)  # the fingerprint decides
        context.use_certificate(certificate.certificate)
        context.use_privatekey(certificate.key)
        profiles = list(_PROFILES) if offer_gcm else [b"SRTP_AES128_CM_SHA1_80"]
        context.set_tlsext_use_srtp(b":".join(profiles))
        self._ssl = SSL.Connection(context)
        self._ssl.set_connect_state()
        self._ssl.set_ciphertext_mtu(MAX_DATAGRAM)
        self._remote_fingerprint = ""
        self._due: float | None = None
        self._out: list[bytes] = []
        self.keys: SrtpKeys | None = None

    def start(self, remote_fingerprint: str, now: float) -> None:
        """Send the first flight to the peer with that sha-256 fingerprint."""
        self._remote_fingerprint = remote_fingerprint.upper()
        self._advance(now)

    def receive(self, data: bytes, now: float) -> None:
        """Take one datagram whose first byte is 20 to 63 (RFC 7983)."""
        self._ssl.bio_write(data)
        self._advance(now)

    def next_timer(self) -> float | None:
        """Return when ``handle_timer`` is due, None when the handshake is done."""
        return self._due

    def handle_timer(self, now: float) -> None:
        """Repeat a lost flight."""
        if self._due is not None and now >= self._due:
            self._ssl.DTLSv1_handle_timeout()
            self._advance(now)

    def take(self) -> list[bytes]:
        """Return the datagrams to send, once."""
        out, self._out = self._out, []
        return out

    def goodbye(self) -> list[bytes]:
        """Return the alert that closes the association, as a browser's ``close()`` sends it."""
        if self.keys is None:
            return []
        with contextlib.suppress(SSL.Error):
            self._ssl.shutdown()
        self._flush()
        return self.take()

    def _advance(self, now: float) -> None:
        if self.keys is None:
            try:
                self._ssl.do_handshake()
            except SSL.WantReadError:
                pass
            except SSL.Error as error:
                raise HandshakeError(str(error)) from error
            else:
                self.keys = self._finish()
        self._flush()
        timeout = None if self.keys is not None else self._ssl.DTLSv1_get_timeout()
        self._due = None if timeout is None else now + timeout

    def _finish(self) -> SrtpKeys:
        certificate = self._ssl.get_peer_certificate(as_cryptography=True)
        if certificate is None or _fingerprint(certificate) != self._remote_fingerprint:
            raise HandshakeError("the peer's certificate is not the one of its answer")
        selected = self._ssl.get_selected_srtp_profile()
        if selected not in _PROFILES:
            raise HandshakeError("no SRTP profile in common")
        profile, key, salt = _PROFILES[selected]
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        keys, salts = material[: 2 * key], material[2 * key :]
        return SrtpKeys(
            profile=profile,  # type: ignore[arg-type]  # one of the two literals above
            send_key=keys[:key],
            receive_key=keys[key:],
            send_salt=salts[:salt],
            receive_salt=salts[salt:],
        )

    def _flush(self) -> None:
        try:
            data = self._ssl.bio_read(_BUFFER)
        except SSL.WantReadError:
            return
        datagram = b""
        while data:
            size = _RECORD_HEADER + int.from_bytes(data[11:13], "big")
            if datagram and len(datagram) + size > MAX_DATAGRAM:
                self._out.append(datagram)
                datagram = b""
            datagram += data[:size]
            data = data[size:]
        self._out.append(datagram)
