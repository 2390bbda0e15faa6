"""How long a packet took through the server: from before its send to the kernel of a receiver.

The receiver's kernel stamps each datagram (SO_TIMESTAMPNS), so the time that a datagram waits for
the load generator to read it is not in the figure.
"""

import math
import socket
import struct

from bench.client import rtp

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; the socket module does not name it
_TIMESPEC = struct.Struct("@qq")
ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)


class Delays:
    """Matches packets sent with packets received by the checksum of their content."""

    def __init__(self) -> None:
        self._sent: dict[bytes, float] = {}
        self.seconds: list[float] = []

    def clear(self) -> None:
        """Begin a new measurement."""
        self._sent.clear()
        self.seconds.clear()

    def sent(self, packet: bytes, wall: float) -> None:
        """Note a plain packet that is about to leave."""
        self._sent[packet[-rtp.CHECKSUM_BYTES :]] = wall

    def arrived(self, checksum: bytes, wall: float) -> None:
        """Note the arrival of a packet by its content's checksum; its second one is ignored."""
        left = self._sent.pop(checksum, None)
        if left is not None:
            self.seconds.append(wall - left)


def stamp(sock: socket.socket) -> None:
    """Make the kernel stamp what ``sock`` receives."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def arrival(ancillary: list[tuple[int, int, bytes]]) -> float | None:
    """Return the kernel's stamp of one ``recvmsg``, in seconds since the epoch."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data[: _TIMESPEC.size])
            return float(seconds + nanoseconds / 1e9)
    return None


def percentile(values: list[float], share: float) -> float:
    """Return the nearest-rank percentile; NaN of nothing."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
