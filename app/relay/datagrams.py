"""Datagrams read from sockets into buffers that stay, and handed over by the batch."""

import select
import socket
from collections.abc import Callable
from typing import Final

from app.core.clock import Clock
from app.relay.complaints import Complaints
from app.relay.core.media import Address

DATAGRAM_BYTES: Final = 2_048
"""Size of a receive buffer, over every MTU that media uses; what fills it is dropped."""

MIN_BATCH: Final = 8
"""Datagrams read per wake-up however much they cost: about a frame, which goes out as one burst."""

_MAPPED: Final = "::ffff:"

Batch = list[tuple[memoryview, Address]]
Receive = Callable[[Batch], None]


class Source:
    """A socket that is read and does not block, and a look whether it has something.

    The look is a tenth as dear as the exception of a read in vain, which every wake-up would have.
    """

    __slots__ = ("poll", "socket")

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.poll: Callable[[int], object] = _unknown
        """Given 0, it returns at once, and nothing where there is nothing to read."""
        if hasattr(select, "poll"):  # not on Windows
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            self.poll = poll.poll


def _unknown(_: int) -> object:
    return True


class DatagramReader:
    """Fills one batch per wake-up, of at most ``batch`` datagrams, fewer where forwarding them
    takes longer than ``wake_seconds``. ``receive`` must not keep the buffers.
    """

    def __init__(
        self,
        clock: Clock,
        complaints: Complaints,
        receive: Receive,
        batch: int,
        wake_seconds: float,
    ) -> None:
        self._clock = clock
        self._complaints = complaints
        self._receive = receive
        self._batch = batch
        self._wake_seconds = wake_seconds
        self._buffers = [memoryview(bytearray(DATAGRAM_BYTES)) for _ in range(batch)]
        self._cost = 0.0
        self.datagrams_read = 0
        self.receive_errors = 0
        self.oversize = 0

    def bound(self) -> int:
        """How many datagrams the next batch may have, by what they cost lately."""
        if self._cost <= 0:
            return self._batch
        return min(self._batch, max(MIN_BATCH, int(self._wake_seconds / self._cost)))

    def fill(self, batch: Batch, source: Source, bound: int, *, is_ready: bool) -> bool:
        """Read ``source`` until ``batch`` has ``bound`` datagrams; tell whether there are no more.

        ``is_ready``: the loop says that there is one. Raises OSError for what the kernel reported
        on that socket; what was read before is in ``batch``.
        """
        buffers, receive, poll = self._buffers, source.socket.recvfrom_into, source.poll
        try:
            for _ in range(bound - len(batch)):
                if not is_ready and not poll(0):
                    return True
                is_ready = False
                buffer = buffers[len(batch)]
                size, sender = receive(buffer)
                if size == DATAGRAM_BYTES:
                    self.oversize += 1
                    continue
                batch.append((buffer[:size], plain_address(sender)))
        except BlockingIOError:
            return True
        return False

    def failed(self, error: OSError) -> None:
        """Count what the kernel reported on a socket: it says nothing about the socket."""
        self.receive_errors += 1
        self._complaints.say("the media socket reported an error", error)

    def hand_over(self, batch: Batch, started: float) -> None:
        """Give a batch that was begun at ``started`` to ``receive``, whatever that does with it."""
        if not batch:
            return
        self.datagrams_read += len(batch)
        try:
            self._receive(batch)
        except Exception as error:  # noqa: BLE001 (one packet must never end the relay)
            self.receive_errors += 1
            self._complaints.say("a batch was dropped", error)
        spent = (self._clock.now() - started) / len(batch)
        self._cost += (spent - self._cost) / 8


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
