"""One client peer connection, without I/O: ICE, then DTLS, then keys."""

from app.relay.core.media import SrtpKeys
from bench.client.dtls import Certificate, DtlsClient
from bench.client.ice import IceClient
from bench.client.sdp import Answer

STUN_BELOW = 4
DTLS_FIRST, DTLS_LAST = 20, 63
"""First bytes of datagrams by protocol (RFC 7983 §7); 128 to 191 are SRTP and SRTCP."""


class ClientPeer:
    """Feed it the answer, datagrams and time; send what ``take`` returns after each call.

    ``keys`` is None until media may flow. ``receive`` and ``handle_timer`` raise HandshakeError.
    """

    def __init__(self, certificate: Certificate, offer_gcm: bool = True) -> None:
        self.ice = IceClient()
        self.dtls = DtlsClient(certificate, offer_gcm)
        self._answer: Answer | None = None
        self._dtls_started = False

    @property
    def keys(self) -> SrtpKeys | None:
        """What DTLS exported, once it did."""
        return self.dtls.keys

    def accept(self, answer: Answer, now: float) -> None:
        """Start with the answer to the offer that carried ``ice.ufrag`` and the certificate."""
        self._answer = answer
        self.ice.start(answer.ufrag, answer.password, now)

    def receive(self, data: bytes, now: float) -> bool:
        """Take a datagram; return False for media, which is the caller's."""
        if not data:
            return True
        first = data[0]
        if first < STUN_BELOW:
            self.ice.receive(data)
            self._start_dtls(now)
        elif DTLS_FIRST <= first <= DTLS_LAST:
            self.dtls.receive(data, now)
        else:
            return False
        return True

    def _start_dtls(self, now: float) -> None:
        if self.ice.connected and not self._dtls_started and self._answer is not None:
            self._dtls_started = True
            self.dtls.start(self._answer.fingerprint, now)

    def next_timer(self) -> float | None:
        """Return when ``handle_timer`` is due."""
        due = [at for at in (self.ice.next_timer(), self.dtls.next_timer()) if at is not None]
        return min(due, default=None)

    def handle_timer(self, now: float) -> None:
        """Repeat what was lost; keep consent."""
        self.ice.handle_timer(now)
        self.dtls.handle_timer(now)

    def take(self) -> list[bytes]:
        """Return the datagrams to send, once."""
        return self.ice.take() + self.dtls.take()
