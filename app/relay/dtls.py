"""One peer's DTLS association: aiortc's transport in the server role, behind a guard.

aiortc keeps the handshake, its retransmissions and the certificate check. It never sees media:
what the handshake exports goes to the core, and only well-formed DTLS records of a validated
validated address come here (docs/decisions/0010). After the handshake OpenSSL is let go where
``quiet`` can do what is left.
"""

import asyncio
import contextlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Literal, cast

from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AES128_CM_SHA1_80,
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    SRTPProtectionProfile,
    State,
)
from OpenSSL import SSL

from app.relay.core.media import SrtpKeys
from app.relay.quiet import SUITES, VERSION, QuietAssociation, Secrets
from app.relay.records import is_admissible, is_hello, records

if TYPE_CHECKING:
    from aiortc.rtcicetransport import RTCIceTransport

PROFILES: Final = (SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80)
"""SRTP protection profiles (RFC 7714, RFC 5764), the preferred first: our order decides."""

MAX_QUEUED: Final = 32
"""Datagrams that wait for the handshake; a flight is 2 to 6. The newest is dropped when full."""

MAX_DATAGRAM: Final = 1_200
"""Bytes per DTLS datagram sent: what every path carries. Records are never split."""

COOKIE_BYTES: Final = 16

_NAMES: Final[dict[bytes, Literal["AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80"]]] = {
    SRTP_AEAD_AES_128_GCM.openssl_profile: "AEAD_AES_128_GCM",
    SRTP_AES128_CM_SHA1_80.openssl_profile: "AES_CM_128_HMAC_SHA1_80",
}


class HandshakeFailed(Exception):
    """The association came to nothing; the message says at which step."""


class _SharedContext(RTCCertificate):
    """aiortc's certificate with one OpenSSL context for all associations instead of one each."""

    _context: SSL.Context | None = None

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
            # a shared context would keep every session for a resumption that nobody asks for
            self._context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
            self._context.set_options(SSL.OP_NO_TICKET)  # and the last flight is shorter without
            # an association that is done with its handshake says nothing for hours
            self._context.set_mode(SSL.MODE_RELEASE_BUFFERS)
            self._context.set_cookie_generate_callback(SSL.Connection.get_app_data)
            self._context.set_cookie_verify_callback(_is_own_cookie)
        return self._context


def _is_own_cookie(connection: SSL.Connection, cookie: bytes) -> bool:
    return hmac.compare_digest(connection.get_app_data(), cookie)


class Certificate:
    """The process' certificate, and how an answer names it."""

    def __init__(self) -> None:
        self.rtc = _SharedContext.generateCertificate()
        self.fingerprint = next(
            fingerprint.value
            for fingerprint in self.rtc.getFingerprints()
            if fingerprint.algorithm == "sha-256"
        )


class _Records:
    """What aiortc takes for its ICE transport: a queue in, a function out.

    The queue has one reader, and is empty for hours: asyncio's own would cost 3 KB a peer.
    """

    __slots__ = ("_came", "_reader", "_send_datagram")

    role = "controlled"
    state = "completed"

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self._came: list[bytes] = []
        self._reader: asyncio.Future[None] | None = None
        self._send_datagram = send

    def put(self, data: bytes) -> bool:
        """Queue one datagram; False where it was dropped because the queue is full."""
        if len(self._came) >= MAX_QUEUED:
            return False
        self._came.append(data)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
        return True

    async def _recv(self) -> bytes:
        while not self._came:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._came.pop(0)

    def take_all(self) -> list[bytes]:
        """Return what nobody has read."""
        came, self._came = self._came, []
        return came

    async def _send(self, data: bytes) -> None:
        self.send(data)

    def send(self, data: bytes) -> None:
        """Send a flight in datagrams of whole records, as many in each as fit."""
        datagram = b""
        for record in records(data) or [data]:
            if datagram and len(datagram) + len(record) > MAX_DATAGRAM:
                self._send_datagram(datagram)
                datagram = b""
            datagram += record
        self._send_datagram(datagram)


class _Transport(RTCDtlsTransport):
    """aiortc's transport with our profiles and with the exported keys kept instead of used."""

    def __init__(self, transport: _Records, certificate: RTCCertificate) -> None:
        super().__init__(cast("RTCIceTransport", transport), [certificate])
        self._records = transport
        self._srtp_profiles: list[SRTPProtectionProfile] = list(PROFILES)
        self._set_role("server")
        self.keys: SrtpKeys | None = None
        self._flight = b""
        """What was sent last."""

    def _setup_srtp(self) -> None:
        """Export the keys (RFC 5764 §4.2): client write key, server write key, then the salts."""
        connection = self._connection()
        chosen = connection.get_selected_srtp_profile()
        profile = next((one for one in PROFILES if one.openssl_profile == chosen), None)
        if profile is None:
            self._set_state(State.FAILED)
            return
        key, salt = profile.key_length, profile.salt_length
        secret = connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        self.keys = SrtpKeys(
            profile=_NAMES[profile.openssl_profile],
            receive_key=secret[:key],
            send_key=secret[key : 2 * key],
            receive_salt=secret[2 * key : 2 * key + salt],
            send_salt=secret[2 * key + salt :],
        )

    async def _do_handshake(self) -> None:
        """Let nothing begin a handshake but a hello with our cookie (RFC 6347 §4.2.1).

        Whoever writes the peer's address on his datagrams does not see what we send there, so he
        cannot have the cookie; until it comes, no datagram leaves a trace. It is the same for
        every hello of this peer: an answer to a stranger's is good for the peer's own.
        """
        cookie = secrets.token_bytes(COOKIE_BYTES)
        first = self._connection()
        while True:
            data = await self._records._recv()  # noqa: SLF001 (aiortc's name for it)
            if not is_hello(data):
                continue
            listener = SSL.Connection(first.get_context())
            listener.set_accept_state()
            listener.set_app_data(cookie)
            listener.bio_write(data)
            self._ssl = listener
            try:
                listener.DTLSv1_listen()
            except SSL.WantReadError:
                self._flush()  # the request to come again with the cookie
            except SSL.Error:
                pass
            else:
                break
        await super()._do_handshake()
        self._flush()  # aiortc would send a last flight that came of more than one datagram later

    def _connection(self) -> SSL.Connection:
        if self._ssl is None:
            raise HandshakeFailed("DTLS was not started")
        return self._ssl

    async def _write_ssl(self) -> None:
        """Send all that OpenSSL wrote. aiortc's own stops at 1,500 bytes, inside a record."""
        self._flush()

    def _flush(self) -> None:
        connection = self._connection()
        written = b""
        with contextlib.suppress(SSL.Error):
            while chunk := connection.bio_read(16_384):
                written += chunk
        if written:
            self._flight = written
            self._records.send(written)

    def quieten(self) -> QuietAssociation | None:
        """Return what can stand in for this transport from now on, None if nothing can."""
        connection = self._connection()
        suite = connection.get_cipher_name() or ""
        secrets = connection.master_key(), connection.client_random(), connection.server_random()
        if connection.get_protocol_version_name() != VERSION or suite not in SUITES:
            return None
        client, server = secrets[1] or b"", secrets[2] or b""
        try:
            return QuietAssociation(Secrets(suite, secrets[0] or b"", client, server), self._flight)
        except ValueError:  # OpenSSL sent something behind it
            return None

    def say_goodbye(self) -> None:
        """Send close_notify if there is an association to close."""
        if self._ssl is not None and self._state in (State.CONNECTING, State.CONNECTED):
            with contextlib.suppress(SSL.Error):
                self._ssl.shutdown()
            self._flush()


class Association:
    """One DTLS association with one peer.

    The owner calls ``handshake`` once, ``receive`` for each datagram, and ``close`` at the end.
    ``on_closed`` is called once, and from the loop, if the far end closes the association after the
    handshake.
    """

    def __init__(
        self,
        certificate: Certificate,
        fingerprints: Sequence[tuple[str, str]],
        send: Callable[[bytes], object],
        on_closed: Callable[[], None],
    ) -> None:
        self._send = send
        self._records = _Records(send)
        self._remote = RTCDtlsParameters(
            fingerprints=[RTCDtlsFingerprint(name, value) for name, value in fingerprints]
        )
        self._transport: _Transport | None = _Transport(self._records, certificate.rtc)
        self._quiet: QuietAssociation | None = None
        """In place of the transport, after the handshake."""
        self._on_closed = on_closed
        self._is_closing = False
        self.dropped = 0
        """Datagrams refused by the guard or by a full queue."""

    def receive(self, data: bytes) -> None:
        """Take one datagram from the peer's validated address. What is not DTLS is dropped."""
        if not is_admissible(data):
            self.dropped += 1
        elif self._quiet is not None:
            self._hear(self._quiet, data)
        elif not self._records.put(data):
            self.dropped += 1

    def _hear(self, quiet: QuietAssociation, data: bytes) -> None:
        match quiet.receive(data):
            case "again":
                self._send(quiet.again())
            case "closed":
                self._quiet = None
                asyncio.get_running_loop().call_soon(self._end)
            case "nothing":
                pass

    async def handshake(self) -> SrtpKeys:
        """Answer the peer's handshake, check its certificate, return the keys it exported.

        The caller bounds it in time. Raises HandshakeFailed.
        """
        transport = self._transport
        if transport is None:
            raise HandshakeFailed("DTLS was closed")
        await transport.start(self._remote)
        # aiortc reports a failed handshake, an unknown certificate and a missing SRTP profile as
        # a state, and returns as if nothing was wrong.
        if transport.state != "connected" or transport.keys is None:
            step = "certificate or SRTP profile" if transport.encrypted else "handshake"
            raise HandshakeFailed(f"DTLS {step} refused")
        self._quiet = None if self._is_closing else transport.quieten()
        if self._quiet is None:
            transport.on("statechange", self._state_changed)
            return transport.keys
        self._transport = None
        _stop(transport)
        for data in self._records.take_all():
            if self._quiet is not None:
                self._hear(self._quiet, data)
        return transport.keys

    def _state_changed(self) -> None:
        if self._transport is not None and self._transport.state == "closed":
            self._end()

    def _end(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._on_closed()

    def close(self) -> asyncio.Future[None] | None:
        """Send close_notify where that is possible, and end aiortc's task. Idempotent.

        This stands in for aiortc's ``stop``, which may only be awaited and can hang. Returns the
        task that is ending, if there is one, for a caller who wants to see its end.
        """
        self._is_closing = True
        quiet, self._quiet = self._quiet, None
        if quiet is not None:
            self._send(quiet.goodbye())
        if self._transport is None:
            return None
        pump = _stop(self._transport)
        self._transport.say_goodbye()
        return pump


def _stop(transport: _Transport) -> asyncio.Future[None] | None:
    """End aiortc's task; return it."""
    pump, transport._task = transport._task, None  # noqa: SLF001
    if pump is not None:
        pump.cancel()
        pump.add_done_callback(_retrieve)
    transport.remove_all_listeners()
    return pump


def _retrieve(pump: asyncio.Future[None]) -> None:
    """Take the exception that ended aiortc's task: the association is closed, whatever it was."""
    if not pump.cancelled():
        pump.exception()
