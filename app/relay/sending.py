"""What goes out by the media socket: datagrams, bursts by UDP_SEGMENT, and many at once."""

import errno
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from app.relay.complaints import Complaints
from app.relay.core.media import Address
from app.relay.core.row import ROW_SINKS
from app.relay.core.transmit import Mailing, OneByOneMailing, SendOne
from app.relay.sendmmsg import (
    LAST_PORT,
    UDP_SEGMENT,
    MessageArray,
    SystemCall,
    Vectors,
    find_call,
    socket_address,
)

log = structlog.get_logger(__name__)

REFUSALS_UNTIL_PLAIN: Final = 16
"""Segmented sends refused, before any was taken, until they are given up."""

_REFUSED: Final = frozenset(
    {errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EMSGSIZE}
)
_MAPPED: Final = "::ffff:"

Target = Address | tuple[str, int, int, int]


class DatagramSender:
    """Sends by a socket that ``udp`` owns and reads; without one everything counts as taken."""

    def __init__(self, complaints: Complaints, streams: SendOne | None = None) -> None:
        """``streams`` sends to the addresses that are no UDP ports."""
        self._call = find_call()
        self._vectors = Vectors(ROW_SINKS)
        self._complaints = complaints
        self._streams = streams or _nowhere
        self._socket: socket.socket | None = None
        self.is_ipv6 = False
        self._segment_messages: dict[int, list[tuple[int, int, bytes]]] = {}
        self._is_segmenting = True
        self._refusals = 0
        self.bursts_sent = 0
        self.singles_sent = 0
        self._burst_datagrams = 0
        self.would_block = 0
        self.send_errors = 0

    @property
    def datagrams_sent(self) -> int:
        """What the kernel took, alone or in bursts."""
        return self.singles_sent + self._burst_datagrams

    def use(self, sock: socket.socket | None) -> None:
        """Send by ``sock`` from now on, which must not block; None when it is closed."""
        self._socket = sock
        self.is_ipv6 = sock is not None and sock.family == socket.AF_INET6

    def one(self, data: memoryview, segment_size: int, address: Address, /) -> int:
        """As ``Transmit.one``. What the kernel refuses for good (no route, too large for the path)
        counts as taken, so that nobody tries it again, and as an error."""
        if address[1] > LAST_PORT:
            return self._streams(data, segment_size, address)
        target = kernel_address(address) if self.is_ipv6 else address
        if len(data) <= segment_size:
            return self._send_one(data, target)
        sock = self._socket
        if sock is None or not self._is_segmenting:
            return self._send_plain(data, segment_size, target)
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
            return self._send_plain(data, segment_size, target)
        self.bursts_sent += 1
        self._burst_datagrams += count
        return count

    def mailing(self, addresses: Sequence[Address], /) -> Mailing:
        """As ``Transmit.mailing``; to be made when the socket is there."""
        if self._call is None:
            return OneByOneMailing(self.one, addresses)
        return _SystemMailing(self, self._call, self._vectors, addresses)

    def handle(self, is_segmented: bool) -> int:
        """Return the socket's number for messages of that kind; -1 if it takes none."""
        sock = self._socket
        return -1 if sock is None or (is_segmented and not self._is_segmenting) else sock.fileno()

    def sent(self, messages: int, datagrams: int) -> None:
        """Count messages of as many datagrams each that the kernel took."""
        if datagrams == 1:
            self.singles_sent += messages
        else:
            self.bursts_sent += messages
            self._burst_datagrams += messages * datagrams

    def _send_plain(self, data: memoryview, segment_size: int, target: Target) -> int:
        taken = 0
        for start in range(0, len(data), segment_size):
            if not self._send_one(data[start : start + segment_size], target):
                break
            taken += 1
        return taken

    def _send_one(self, data: memoryview, target: Target) -> int:
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
        self._complaints.say("a datagram was not sent", error)

    def counters(self) -> dict[str, int]:
        """Return what was counted since the start, each with the prefix ``udp_``."""
        return {
            "udp_datagrams_sent": self.datagrams_sent,
            "udp_bursts_sent": self.bursts_sent,
            "udp_singles_sent": self.singles_sent,
            "udp_would_block": self.would_block,
            "udp_send_errors": self.send_errors,
        }


class _SystemMailing:
    """Sends to a row by ``sendmmsg``.

    That ends at the first message that is refused, without a word about why. So that message is
    sent anew by itself, which tells, and the call goes on behind it; once the kernel's buffer is
    full, the rest of the row is tried one by one.
    """

    def __init__(
        self,
        sender: DatagramSender,
        call: SystemCall,
        vectors: Vectors,
        addresses: Sequence[Address],
    ) -> None:
        names = [socket_address(address, sender.is_ipv6) for address in addresses]
        self._sender = sender
        self._addresses = tuple(addresses)
        self._vectors = vectors
        self._messages = MessageArray(call, names, vectors)
        self._others = [place for place, name in enumerate(names) if not name]
        """Streams, and where this socket cannot send to."""

    def send(
        self, data: memoryview, length: int, segment_size: int, first: int
    ) -> Mapping[int, int]:
        is_segmented = length > segment_size
        handle = self._sender.handle(is_segmented)
        count = self._vectors.lay(data, length, segment_size, first)
        self._messages.segment(is_segmented)
        datagrams = -(-length // segment_size)
        short: dict[int, int] = {}
        place, end = first, first + count
        while place < end:
            if handle >= 0 and not short:
                others = [other for other in self._others if place <= other < end]
                stop = others[0] if others else end
                taken = self._messages.send(handle, place, stop - place) if stop > place else 0
                if taken > 0:
                    self._sender.sent(taken, datagrams)
                    place += taken
                if place == end:
                    break
            at = (place - first) * length
            message = data[at : at + length]
            taken = self._sender.one(message, segment_size, self._addresses[place])
            if taken < datagrams:
                short[place] = taken
            place += 1
        return short


def kernel_address(address: Address) -> Target:
    """Return where an IPv6 socket sends to; the opposite of ``datagrams.plain_address``."""
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
