"""One UDP port for every peer: read by ``reading``, written to by ``sending``."""

import socket

import structlog

from app.core.clock import Clock
from app.relay.complaints import Complaints
from app.relay.core.transmit import SendOne
from app.relay.datagrams import DatagramReader, Receive
from app.relay.reading import Reading
from app.relay.sending import DatagramSender

log = structlog.get_logger(__name__)


class UdpEndpoint:
    """The media socket.

    Guarantees what ``reading`` does, and that one wake-up reads at most ``batch`` datagrams, fewer
    where forwarding them takes longer than ``wake_seconds``. ``receive`` must not keep the buffers.
    The owner calls ``open`` and ``close``.
    """

    def __init__(
        self,
        clock: Clock,
        receive: Receive,
        batch: int,
        wake_seconds: float,
        buffer_bytes: int,
        streams: SendOne | None = None,
    ) -> None:
        """Make a closed endpoint. ``streams`` sends to the addresses that are no UDP ports."""
        complaints = Complaints(clock)
        self.sender = DatagramSender(complaints, streams)
        self.reader = DatagramReader(clock, complaints, receive, batch, wake_seconds)
        self.reading = Reading(clock, self.reader)
        self._buffer_bytes = buffer_bytes
        self._socket: socket.socket | None = None
        self.port = 0

    def open(self, host: str, port: int) -> None:
        """Bind and start reading. Raises OSError, for example when the port is in use."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self._grow_buffers(sock)
            sock.bind((host, port))
        except OSError:
            sock.close()
            raise
        self._socket = sock
        self.sender.use(sock)
        self.port = sock.getsockname()[1]
        self.reading.start(sock)

    def close(self) -> None:
        """Stop reading and free the socket. Safe to call twice."""
        sock, self._socket = self._socket, None
        self.sender.use(None)
        self.reading.stop()
        if sock is not None:
            sock.close()

    def counters(self) -> dict[str, int]:
        """Return what was counted since ``open``, each with the prefix ``udp_``."""
        return {
            "udp_datagrams_read": self.reader.datagrams_read,
            **self.reading.counters(),
            **self.sender.counters(),
            "udp_receive_errors": self.reader.receive_errors,
            "udp_oversize": self.reader.oversize,
        }

    def _grow_buffers(self, sock: socket.socket) -> None:
        for option, name in ((socket.SO_RCVBUF, "rmem_max"), (socket.SO_SNDBUF, "wmem_max")):
            sock.setsockopt(socket.SOL_SOCKET, option, self._buffer_bytes)
            # Linux doubles what was asked, for its own bookkeeping, and reports that
            given = sock.getsockopt(socket.SOL_SOCKET, option) // 2
            if given < self._buffer_bytes:
                log.warning(
                    "the media socket's buffer is smaller than asked",
                    asked=self._buffer_bytes,
                    given=given,
                    raise_it_with=f"sysctl net.core.{name}={self._buffer_bytes}",
                )
