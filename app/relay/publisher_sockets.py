"""Sockets of the publishers' own, on the relay's one port: what is sent to them wakes us at once.

A UDP socket that is connected gets what its peer sends, on the same address and port as one that is
not, and that one gets the rest (Linux). Why that is wanted: ``reading``.
"""

import platform
import socket
import sys
from collections.abc import Callable
from typing import Final

import structlog

from app.relay.core.media import Address
from app.relay.reading import OwnSocket, Reading
from app.relay.sending import kernel_address
from app.relay.sendmmsg import LAST_PORT

log = structlog.get_logger(__name__)

FIRST_KERNEL: Final = (5, 5)
"""Since this Linux a connected socket does not get strangers' datagrams in its group's stead."""

LOOK_SECONDS: Final = 0.5
"""How often the core is asked who publishes, without any event: other relays come and go."""


class PublisherSockets:
    """Opens and closes sockets as publishers come, move, fall silent and go.

    The owner calls ``open`` when the main socket is bound, ``follow`` when somebody may have begun
    or ended to publish, and closes ``reading``, with which they are closed.
    """

    def __init__(self, reading: Reading, sources: Callable[[], set[Address]], limit: int) -> None:
        """``sources`` tells where media comes from now; ``limit`` is the most sockets at a time."""
        self._reading = reading
        self._sources = sources
        self._limit = limit if is_able(sys.platform, platform.release()) else 0
        self._own: dict[Address, OwnSocket] = {}
        self._refused: set[Address] = set()
        """Which the kernel did not connect to; asked once."""
        self._next_look = 0.0

    def open(self) -> None:
        """Let other sockets be bound beside the main one."""
        main = self._reading.main
        if main is None or not self._limit:
            return
        try:
            # Only now: bound with it, a second relay would not be told that the port is taken.
            main.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        except OSError as error:
            self._limit = 0
            log.warning("no sockets for publishers", reason=error.strerror)

    def look(self, now: float) -> None:
        """As ``follow``, at most each ``LOOK_SECONDS``."""
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self.follow()

    def follow(self) -> None:
        """Have a socket for every address that media comes from, and for no other."""
        if not self._limit:
            return
        wanted = {address for address in self._sources() if address[1] <= LAST_PORT}
        for address in self._own.keys() - wanted:
            self._reading.retire(self._own.pop(address))
        self._refused &= wanted
        for address in wanted - self._own.keys() - self._refused:
            if len(self._own) >= self._limit:
                break
            self._connect(address)
        is_complete = wanted == self._own.keys()  # else some media comes by the main one
        self._reading.is_complete = is_complete
        if not is_complete:
            self._reading.scatter()

    def _connect(self, address: Address) -> None:
        main = self._reading.main
        if main is None:
            return
        try:
            own = connect(bind_beside(main), address)
        except OSError as error:
            self._refused.add(address)
            log.warning("no socket for a publisher", reason=error.strerror)
            return
        self._own[address] = own
        self._reading.add(own)


def bind_beside(main: socket.socket) -> socket.socket:
    """Return a new socket on the address and port of ``main``, which must have SO_REUSEPORT.

    It does not block. Until it is connected anybody's datagrams may come to it. Raises OSError.
    """
    sock = socket.socket(main.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if main.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # Linux reports twice what was set.
        room = main.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(main.getsockname())
    except OSError:
        sock.close()
        raise
    return sock


def connect(sock: socket.socket, address: Address) -> OwnSocket:
    """Let ``sock`` get what comes from ``address`` and no more. Raises OSError, and closes it."""
    try:
        sock.connect(kernel_address(address) if sock.family == socket.AF_INET6 else address)
    except OSError:
        sock.close()
        raise
    return OwnSocket(sock, address)


def is_able(system: str, release: str) -> bool:
    """Tell whether a system sends a connected socket what is its, and no more."""
    version = tuple(int(part) for part in release.split(".")[:2] if part.isdecimal())
    return system == "linux" and version >= FIRST_KERNEL
