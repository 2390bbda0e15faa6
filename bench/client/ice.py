"""The controlling ICE agent of a client whose peer is ICE-lite (RFC 8445), without I/O."""

import secrets

from aioice import stun

RTO_SECONDS = 0.1
"""First retransmission of a connectivity check; it doubles up to ``RTO_MAX_SECONDS``."""

RTO_MAX_SECONDS = 1.6

CONSENT_SECONDS = 5.0
"""Between consent checks once connected (RFC 7675 §5.1)."""

_PRIORITY = 1853824767  # a peer-reflexive candidate of this interface (RFC 8445 §5.1.2.1)


class IceClient:
    """Checks one candidate pair with USE-CANDIDATE, keeps consent, answers the peer's own checks.

    Feed STUN datagrams to ``receive``, call ``handle_timer`` at ``next_timer``, and send what
    ``take`` returns after either.
    """

    def __init__(self) -> None:
        self.ufrag = secrets.token_hex(4)
        self.password = secrets.token_hex(12)
        self.connected = False
        self._remote_ufrag = ""
        self._remote_password = b""
        self._tie_breaker = secrets.randbits(64)
        self._pending: set[bytes] = set()
        self._rto = RTO_SECONDS
        self._due: float | None = None
        self._out: list[bytes] = []

    def start(self, remote_ufrag: str, remote_password: str, now: float) -> None:
        """Begin to check with the credentials of the answer."""
        self._remote_ufrag = remote_ufrag
        self._remote_password = remote_password.encode()
        self._check(now)

    def receive(self, data: bytes) -> None:
        """Take one STUN datagram; what is malformed or not authentic is ignored."""
        try:
            message = stun.parse_message(data)
        except (ValueError, IndexError):
            return
        if message.message_class == stun.Class.REQUEST:
            self._answer(data, message.transaction_id)
        elif message.transaction_id in self._pending and message.check_message_integrity(
            self._remote_password
        ):
            self._pending.clear()
            if message.message_class == stun.Class.RESPONSE:
                self.connected = True

    def next_timer(self) -> float | None:
        """Return when ``handle_timer`` is due."""
        return self._due

    def handle_timer(self, now: float) -> None:
        """Repeat the check, or ask for consent again."""
        if self._due is not None and now >= self._due:
            self._check(now)

    def take(self) -> list[bytes]:
        """Return the datagrams to send, once."""
        out, self._out = self._out, []
        return out

    def _check(self, now: float) -> None:
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{self._remote_ufrag}:{self.ufrag}"
        message.attributes["ICE-CONTROLLING"] = self._tie_breaker
        message.attributes["PRIORITY"] = _PRIORITY
        if not self.connected:
            message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity(self._remote_password)
        self._pending.add(message.transaction_id)
        self._out.append(bytes(message))
        if self.connected:
            self._due = now + CONSENT_SECONDS
        else:
            self._due = now + self._rto
            self._rto = min(2 * self._rto, RTO_MAX_SECONDS)

    def _answer(self, data: bytes, transaction_id: bytes) -> None:
        try:
            request = stun.parse_message(data)
        except (ValueError, IndexError):
            return
        if not request.check_message_integrity(self.password.encode()):
            return
        answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id)
        answer.attributes["XOR-MAPPED-ADDRESS"] = ("127.0.0.1", 9)
        answer.add_message_integrity(self.password.encode())
        self._out.append(bytes(answer))
