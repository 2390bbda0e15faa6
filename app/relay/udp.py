"""One UDP socket for every peer: read here in bounded batches, written to by ``sending``."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

import structlog

from app.core.clock import Clock
from app.relay.complaints import Complaints
from app.relay.core.burst import Transmit
from app.relay.core.media import Address
from app.relay.sending import DatagramSender

log = structlog.get_logger(__name__)

DATAGRAM_BYTES: Final = 2_048
"""Size of a receive buffer, over every MTU that media uses; what fills it is dropped."""

MIN_BATCH: Final = 8
"""Datagrams read per wake-up however much they cost: about a frame, which goes out as one burst."""

_MAPPED: Final = "::ffff:"

Receive = Callable[[list[tuple[memoryview, Address]]], None]


class UdpEndpoint:
    """The media socket.

    Guarantees that the reader stays armed whatever a datagram does to ``receive``, and that one
    wake-up reads at most ``batch`` datagrams, fewer where forwarding them takes longer than
    ``wake_seconds``. ``receive`` must not keep the buffers. The owner calls ``open`` and ``close``.
    """

    def __init__(
        self,
        clock: Clock,
        receive: Receive,
        batch: int,
        wake_seconds: float,
        buffer_bytes: int,
        streams: Transmit | None = None,
    ) -> None:
        """Make a closed endpoint. ``streams`` sends to the addresses that are no UDP ports."""
        self._clock = clock
        self._complaints = Complaints(clock)
        self.sender = DatagramSender(self._complaints, streams)
        self._receive = receive
        self._batch = batch
        self._wake_seconds = wake_seconds
        self._buffer_bytes = buffer_bytes
        self._buffers = [memoryview(bytearray(DATAGRAM_BYTES)) for _ in range(batch)]
        self._cost = 0.0
        self._socket: socket.socket | None = None
        self.port = 0
        self.datagrams_read = 0
        self.receive_errors = 0
        self.oversize = 0

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
        asyncio.get_running_loop().add_reader(sock.fileno(), self._readable)

    def close(self) -> None:
        """Stop reading and free the socket. Safe to call twice."""
        sock, self._socket = self._socket, None
        self.sender.use(None)
        if sock is not None:
            asyncio.get_running_loop().remove_reader(sock.fileno())
            sock.close()

    def counters(self) -> dict[str, int]:
        """Return what was counted since ``open``, each with the prefix ``udp_``."""
        return {
            "udp_datagrams_read": self.datagrams_read,
            **self.sender.counters(),
            "udp_receive_errors": self.receive_errors,
            "udp_oversize": self.oversize,
        }

    def _readable(self) -> None:
        """Read one batch and hand it over. The loop calls again while there is more."""
        sock = self._socket
        if sock is None:
            return
        started = self._clock.now()
        batch: list[tuple[memoryview, Address]] = []
        try:
            for index in range(self._bound()):
                buffer = self._buffers[index]
                size, source = sock.recvfrom_into(buffer)
                if size == DATAGRAM_BYTES:
                    self.oversize += 1
                    continue
                batch.append((buffer[:size], plain_address(source)))
        except BlockingIOError:
            pass
        except OSError as error:
            # an ICMP error of an earlier send, reported here: it says nothing about the socket
            self.receive_errors += 1
            self._complaints.say("the media socket reported an error", error)
        if batch:
            self.datagrams_read += len(batch)
            self._hand_over(batch)
            spent = (self._clock.now() - started) / len(batch)
            self._cost += (spent - self._cost) / 8

    def _bound(self) -> int:
        """How many datagrams the next wake-up may read, by what they cost lately."""
        if self._cost <= 0:
            return self._batch
        return min(self._batch, max(MIN_BATCH, int(self._wake_seconds / self._cost)))

    def _hand_over(self, batch: list[tuple[memoryview, Address]]) -> None:
        try:
            self._receive(batch)
        except Exception as error:  # noqa: BLE001 (one packet must never end the relay)
            self.receive_errors += 1
            self._complaints.say("a batch was dropped", error)

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


def plain_address(source: tuple[str, int] | tuple[str, int, int, int]) -> Address:
    """Return a kernel's address as the core knows it.

    An IPv4-mapped IPv6 address is written as IPv4. A link-local one keeps the number of its
    interface after a ``%`` (RFC 4007 §11), without which nothing can be sent back to it.
    """
    if len(source) == 2:
        return source
    host, scope = source[0], source[3]
    if host.startswith(_MAPPED) and "." in host:
        host = host[len(_MAPPED) :]
    elif scope:
        host = f"{host.partition('%')[0]}%{scope}"
    return (host, source[1])
