"""One UDP socket for every peer: read in bounded batches, send in bursts, one timer."""

import asyncio
import errno
import socket
import struct
from collections.abc import Callable
from typing import Final

import structlog

from app.core.clock import Clock
from app.relay.core.media import Address

log = structlog.get_logger(__name__)

DATAGRAM_BYTES: Final = 2_048
"""Size of a receive buffer, over every MTU that media uses; what fills it is dropped."""

MIN_BATCH: Final = 8
"""Datagrams read per wake-up however much they cost: about a frame, which goes out as one burst."""

UDP_SEGMENT: Final = 103
"""Linux' socket option and control message (since 4.18) for one send of many datagrams."""

MAX_SEGMENTS: Final = 64
"""Datagrams per burst that every such kernel takes."""

MAX_BURST_BYTES: Final = 65_507
"""The largest UDP payload over IPv4; a segmented send is bound by it as a whole."""

REFUSALS_UNTIL_PLAIN: Final = 16
"""Segmented sends refused, before any was taken, until they are given up."""

LOG_SECONDS: Final = 60.0
"""At most one line per so many seconds about what goes wrong with datagrams."""

_REFUSED: Final = frozenset(
    {errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EMSGSIZE}
)
_MAPPED: Final = "::ffff:"

LAST_PORT: Final = 65_535

Receive = Callable[[list[tuple[memoryview, Address]]], None]
Transmit = Callable[[memoryview, int, Address], int]
Target = Address | tuple[str, int, int, int]


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
        self._streams = streams or _nowhere
        self._receive = receive
        self._batch = batch
        self._wake_seconds = wake_seconds
        self._buffer_bytes = buffer_bytes
        self._buffers = [memoryview(bytearray(DATAGRAM_BYTES)) for _ in range(batch)]
        self._cost = 0.0
        self._segment_messages: dict[int, list[tuple[int, int, bytes]]] = {}
        self._is_segmenting = True
        self._refusals = 0
        self._socket: socket.socket | None = None
        self._is_ipv6 = False
        self._last_log = float("-inf")
        self.port = 0
        self.bursts_sent = 0
        self.singles_sent = 0
        self._burst_datagrams = 0
        self.datagrams_read = 0
        self.would_block = 0
        self.send_errors = 0
        self.receive_errors = 0
        self.oversize = 0

    @property
    def datagrams_sent(self) -> int:
        """What the kernel took, alone or in bursts."""
        return self.singles_sent + self._burst_datagrams

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
        self._is_ipv6 = family == socket.AF_INET6
        self._socket = sock
        self.port = sock.getsockname()[1]
        asyncio.get_running_loop().add_reader(sock.fileno(), self._readable)

    def close(self) -> None:
        """Stop reading and free the socket. Safe to call twice."""
        sock, self._socket = self._socket, None
        if sock is not None:
            asyncio.get_running_loop().remove_reader(sock.fileno())
            sock.close()

    def transmit(self, data: memoryview, segment_size: int, address: Address) -> int:
        """Send ``data`` as datagrams of ``segment_size`` bytes; return how many were taken.

        At most ``MAX_SEGMENTS`` of them and ``MAX_BURST_BYTES``. Fewer are taken only where the
        kernel's buffer is full. What it refuses for good (no route, too large for the path) counts
        as taken, so that nobody tries it again, and as an error.
        """
        if address[1] > LAST_PORT:
            return self._streams(data, segment_size, address)
        target = _kernel_address(address) if self._is_ipv6 else address
        if len(data) <= segment_size:
            return self._transmit_one(data, target)
        sock = self._socket
        if sock is None or not self._is_segmenting:
            return self._transmit_plain(data, segment_size, target)
        control = self._segment_messages.get(segment_size)
        if control is None:
            control = [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("=H", segment_size))]
            self._segment_messages[segment_size] = control
        count = -(-len(data) // segment_size)
        try:
            sock.sendmsg((data,), control, 0, target)
        except BlockingIOError:
            self.would_block += 1
            return 0
        except OSError as error:
            if error.errno not in _REFUSED:
                self._send_failed(error)
                return count
            self._segment_refused(error)
            return self._transmit_plain(data, segment_size, target)
        self.bursts_sent += 1
        self._burst_datagrams += count
        return count

    def _transmit_plain(self, data: memoryview, segment_size: int, target: Target) -> int:
        taken = 0
        for start in range(0, len(data), segment_size):
            if not self._transmit_one(data[start : start + segment_size], target):
                break
            taken += 1
        return taken

    def _transmit_one(self, data: memoryview, target: Target) -> int:
        """Send one datagram; return 0 only where the kernel's buffer is full."""
        sock = self._socket
        if sock is None:
            return 1
        try:
            sock.sendto(data, target)
        except BlockingIOError:
            self.would_block += 1
            return 0
        except OSError as error:
            self._send_failed(error)
            return 1
        self.singles_sent += 1
        return 1

    def _segment_refused(self, error: OSError) -> None:
        """Give segmented sends up only where none ever worked: one path's MTU is no reason."""
        self._refusals += 1
        if self._refusals == REFUSALS_UNTIL_PLAIN and not self.bursts_sent:
            self._is_segmenting = False
            log.warning("the kernel refuses UDP_SEGMENT; sending plainly", error=str(error))

    def _send_failed(self, error: OSError) -> None:
        self.send_errors += 1
        self._say("a datagram was not sent", error)

    def counters(self) -> dict[str, int]:
        """Return what was counted since ``open``, each with the prefix ``udp_``."""
        return {
            "udp_datagrams_read": self.datagrams_read,
            "udp_datagrams_sent": self.datagrams_sent,
            "udp_bursts_sent": self.bursts_sent,
            "udp_singles_sent": self.singles_sent,
            "udp_would_block": self.would_block,
            "udp_send_errors": self.send_errors,
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
            self._say("the media socket reported an error", error)
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
            self._say("a batch was dropped", error)

    def _say(self, event: str, error: Exception) -> None:
        now = self._clock.now()
        if now - self._last_log >= LOG_SECONDS:
            self._last_log = now
            log.error(event, error=repr(error), exc_info=not isinstance(error, OSError))

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


def _kernel_address(address: Address) -> Target:
    """Return the address that an IPv6 socket sends to; the opposite of ``plain_address``."""
    host, port = address
    if ":" not in host:
        return (_MAPPED + host, port)
    if "%" in host:
        host, _, scope = host.partition("%")
        return (host, port, 0, int(scope))
    return address


def _nowhere(data: memoryview, segment_size: int, _: Address) -> int:
    """Take everything, as a connection that is gone does."""
    return -(-len(data) // segment_size)
