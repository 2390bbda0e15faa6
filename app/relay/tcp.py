"""Media over TCP for networks that block UDP: passive ICE-TCP (RFC 6544), framed by RFC 4571.

A connection is to the core what a datagram source is: an address, told from UDP's by its port.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from typing import Final, cast

import structlog

from app.core.clock import Clock
from app.relay.core.media import Address
from app.relay.datagrams import DATAGRAM_BYTES, plain_address

log = structlog.get_logger(__name__)

STREAM_PORT: Final = 1 << 16
"""Added to the port of a TCP connection's address: no datagram ever comes from such a port."""

BUFFER_BYTES: Final = 8_192
"""Read at once, per connection: three of the largest frames. It bounds the work of a wake-up."""

MAX_WAITING: Final = 128 * 1024
"""Bytes that wait in this process for one connection: half a second at 2 Mbit/s. Over it whole
packets are dropped, as by a full UDP buffer; media that comes later than that is worth nothing."""

KERNEL_BYTES: Final = 128 * 1024
"""Asked for the kernel's send buffer, for the same reason: by itself it grows to megabytes."""

PROOF_SECONDS: Final = 10.0
"""From the connection to its first authentic STUN check."""

SILENT_SECONDS: Final = 35.0
"""A connection to which nothing was sent for so long belongs to no peer (consent is 30 s)."""

MAX_UNPROVED: Final = 256
MAX_UNPROVED_PER_HOST: Final = 32
"""Connections without an authentic check, in all and from one address. Proved ones are bounded by
``max_streams`` alone: a whole campus may be behind one address."""

SWEEP_SECONDS: Final = 2.0
BACKLOG: Final = 256
USER_TIMEOUT_MS: Final = 10_000
"""After so long without an acknowledgement the kernel gives a connection up (RFC 5482)."""

Receive = Callable[[list[tuple[memoryview, Address]]], None]


class StreamEndpoint:
    """The listening TCP socket and its connections.

    Guarantees that a connection costs at most ``BUFFER_BYTES + MAX_WAITING`` and the kernel's
    buffers, and that one which never proves to belong to a peer is closed after ``PROOF_SECONDS``.
    The proof is that the core sends to it: the core answers nobody whose check is not authentic.
    ``receive`` must not keep the buffers. The owner calls ``open`` and ``close``.
    """

    def __init__(self, clock: Clock, receive: Receive, max_streams: int) -> None:
        self._clock = clock
        self._receive = receive
        self._max_streams = max_streams
        self._server: asyncio.Server | None = None
        self._streams: dict[Address, _Stream] = {}
        self._unproved: Counter[str] = Counter()
        self._sweep: asyncio.TimerHandle | None = None
        self.datagrams_read = 0
        self.datagrams_sent = 0
        self.accepted = 0
        self.refused = 0
        self.expired = 0
        self.broken = 0
        self.would_block = 0
        self.receive_errors = 0

    @property
    def is_open(self) -> bool:
        """Whether anybody can connect: candidates are offered only then."""
        return self._server is not None

    async def open(self, host: str, port: int) -> None:
        """Listen on the port number that UDP has. Raises OSError where another program has it."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # accepted connections inherit it; later the receiver's window would be fixed already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind((host, port))
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                lambda: _Stream(self), sock=sock, backlog=BACKLOG
            )
        except OSError:
            sock.close()
            raise

    def close(self) -> None:
        """Stop listening and end every connection. Safe to call twice."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for stream in list(self._streams.values()):
            stream.finish()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def transmit(self, data: memoryview, segment_size: int, address: Address) -> int:
        """Send ``data`` as packets of ``segment_size`` bytes; return how many were taken.

        None are taken while too much waits for the connection. A connection that is gone takes
        everything, so that nobody tries again.
        """
        count = -(-len(data) // segment_size)
        stream = self._streams.get(address)
        if stream is None:
            return count
        if not stream.has_room():
            self.would_block += count
            return 0
        frames: list[bytes | memoryview] = []
        for start in range(0, len(data), segment_size):
            packet = data[start : start + segment_size]
            frames += (len(packet).to_bytes(2, "big"), packet)
        self._prove(stream)
        stream.send(b"".join(frames), self._clock.now())
        self.datagrams_sent += count
        return count

    def counters(self) -> dict[str, int]:
        """Return the number of connections, and what was counted, each with the prefix ``tcp_``."""
        return {
            "tcp_connections": len(self._streams),
            "tcp_accepted": self.accepted,
            "tcp_refused": self.refused,
            "tcp_expired": self.expired,
            "tcp_broken": self.broken,
            "tcp_datagrams_read": self.datagrams_read,
            "tcp_datagrams_sent": self.datagrams_sent,
            "tcp_would_block": self.would_block,
            "tcp_receive_errors": self.receive_errors,
        }

    # For the connections ---------------------------------------------------------------------

    def admit(self, stream: "_Stream") -> bool:
        """Take a new connection in, unless a limit is reached."""
        host = stream.address[0]
        is_full = (
            self._server is None
            or len(self._streams) >= self._max_streams
            or self._unproved.total() >= MAX_UNPROVED
            or self._unproved[host] >= MAX_UNPROVED_PER_HOST
        )
        if is_full:
            self.refused += 1
            return False
        former = self._streams.get(stream.address)
        if former is not None:  # its end is known to the kernel, and not yet to us
            self.lost(former)
            former.cut()
        self.accepted += 1
        stream.last_sent = self._clock.now()
        self._streams[stream.address] = stream
        self._unproved[host] += 1
        if self._sweep is None:
            self._arm()
        return True

    def lost(self, stream: "_Stream") -> None:
        """Forget a connection that has ended."""
        if self._streams.get(stream.address) is stream:
            del self._streams[stream.address]
            self._release(stream)

    def take(self, batch: list[tuple[memoryview, Address]]) -> None:
        """Hand one read's packets over; whatever happens to them, the connection stays."""
        self.datagrams_read += len(batch)
        try:
            self._receive(batch)
        except Exception:
            self.receive_errors += 1
            # one line for the first, the second, the fourth, the eighth …
            if self.receive_errors & (self.receive_errors - 1) == 0:
                log.exception("a batch was dropped", failures=self.receive_errors)

    def _prove(self, stream: "_Stream") -> None:
        if not stream.is_proved:
            self._release(stream)
            stream.is_proved = True

    def _release(self, stream: "_Stream") -> None:
        if stream.is_proved:
            return
        host = stream.address[0]
        self._unproved[host] -= 1
        if self._unproved[host] <= 0:
            del self._unproved[host]

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweep = loop.call_later(SWEEP_SECONDS, self.sweep)

    def sweep(self) -> None:
        """Cut the connections that belong to nobody."""
        self._sweep = None
        now = self._clock.now()
        for stream in list(self._streams.values()):
            limit = SILENT_SECONDS if stream.is_proved else PROOF_SECONDS
            if now - stream.last_sent >= limit:
                self.expired += 1
                stream.cut()
        if self._streams:
            self._arm()


class _Stream(asyncio.BufferedProtocol):
    """One TCP connection: frames in, frames out (RFC 4571 §2)."""

    def __init__(self, endpoint: StreamEndpoint) -> None:
        self._endpoint = endpoint
        self._transport: asyncio.Transport | None = None
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._filled = 0
        self.address: Address = ("", 0)
        self.is_proved = False
        self.last_sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asked for: uvloop's transports do what asyncio's do, and are none of its classes.
        transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if peer is None:  # it was reset before it could be looked at
            transport.abort()
            return
        host, port = plain_address(peer)
        self.address = (host, port + STREAM_PORT)
        if not self._endpoint.admit(self):
            transport.abort()
            return
        self._transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's)
        self._transport = None
        self._endpoint.lost(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 (asyncio's)
        return self._buffer[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Hand over every whole frame; keep the beginning of the next one."""
        if self._transport is None:
            return
        end, start = self._filled + nbytes, 0
        batch: list[tuple[memoryview, Address]] = []
        while end - start >= 2:
            size = self._buffer[start] << 8 | self._buffer[start + 1]
            if size >= DATAGRAM_BYTES:
                # No media is so large, and what follows could not be told from the middle of it.
                self._endpoint.broken += 1
                self.cut()
                return
            if end - start < 2 + size:
                break
            if size:
                batch.append((self._buffer[start + 2 : start + 2 + size], self.address))
            start += 2 + size
        if batch:
            self._endpoint.take(batch)
        self._filled = end - start
        if start and self._filled:
            self._buffer[: self._filled] = bytes(self._buffer[start:end])

    def has_room(self) -> bool:
        return self._transport is None or self._transport.get_write_buffer_size() < MAX_WAITING

    def send(self, frames: bytes, now: float) -> None:
        self.last_sent = now
        if self._transport is not None:
            self._transport.write(frames)

    def finish(self) -> None:
        """End the connection when what waits for it, a goodbye perhaps, is sent."""
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """End the connection at once: what waits for it is worth nothing."""
        if self._transport is not None:
            self._transport.abort()
