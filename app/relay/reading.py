"""What comes in by UDP, and when it is read: media at once, the rest along with it.

Each participant sends feedback twenty times a second, and waking this process costs more than
reading what it was woken for. A publisher therefore has a socket of its own beside the main one
(``publisher_sockets``). While media comes steadily by those, the main socket, to which everybody
else sends, does not wake the process: it is read with each wake-up for media, and by a timer.
"""

import asyncio
import socket
from typing import Final

from app.core.clock import Clock
from app.relay.core.media import Address
from app.relay.datagrams import Batch, DatagramReader, Source

GATHER_SECONDS: Final = 0.02
"""The longest time from one reading of the main socket to the next: a packet of sound, which comes
sooner than that while anybody is on air. A check or a request to repeat waits for no more."""

LAPSE_SECONDS: Final = 0.06
"""Media is steady while no pause is longer: three packets of sound."""

STEADY_WAKES: Final = 8
"""Wake-ups for steady media until the main socket is gathered."""

HASTE_SECONDS: Final = 2.0
"""So long after an offer everything is read at once: a handshake has six flights, which would each
wait for the next reading."""


class OwnSocket(Source):
    """A socket that one publisher alone sends to, ``Reading`` reads and ``Reading`` closes."""

    __slots__ = ("address", "is_retired")

    def __init__(self, sock: socket.socket, address: Address) -> None:
        super().__init__(sock)
        self.address = address
        """Where the publisher is: it is connected to that."""
        self.is_retired = False


class Reading:
    """Reads the main socket and the publishers' sockets.

    Guarantees that readers stay armed whatever a datagram does to its receiver; that one wake-up
    hands over one batch, from all sockets together; that media and what comes by the main socket
    take turns where there is more; and that the main socket is read at once but while it is
    gathered, then after ``GATHER_SECONDS`` at most. The owner calls ``start`` and ``stop``.
    """

    def __init__(self, clock: Clock, reader: DatagramReader) -> None:
        self._clock = clock
        self._reader = reader
        self._main: Source | None = None
        self._own: set[OwnSocket] = set()
        self._unproven: set[OwnSocket] = set()
        """By which nothing of their publishers' has come: that may go to the main one for ever,
        where this machine has several addresses."""
        self.is_complete = True
        """Every publisher has a socket of its own: none would wait for another's media."""
        self.is_gathering = False
        """The main socket does not wake this process."""
        self._handle: asyncio.Handle | None = None
        self._last_media = self._hasty_until = float("-inf")
        self._steady = 0
        self.wakeups = 0
        self.gathered = 0

    @property
    def main(self) -> socket.socket | None:
        """The main socket, while it is read."""
        return self._main.socket if self._main is not None else None

    def start(self, main: socket.socket) -> None:
        """Read ``main``, which must not block, and which its owner closes after ``stop``."""
        self._main = Source(main)
        asyncio.get_running_loop().add_reader(main.fileno(), self._main_readable)

    def stop(self) -> None:
        """Read nothing any more and close the publishers' sockets. Safe to call twice."""
        main, self._main = self._main, None
        if main is None:
            return
        self._disarm(main)
        for own in list(self._own):
            self._close(own)

    def counters(self) -> dict[str, int]:
        """Return what was counted, each with the prefix ``udp_``.

        ``wakeups`` of this process by datagrams or for want of them, ``reads_gathered`` of the main
        socket along with media or by the timer; ``own_sockets`` are those of publishers now.
        """
        return {
            "udp_wakeups": self.wakeups,
            "udp_reads_gathered": self.gathered,
            "udp_own_sockets": len(self._own),
        }

    # Publishers' sockets ---------------------------------------------------------------------

    def add(self, own: OwnSocket) -> None:
        """Read a socket that was bound beside the main one. It is proven by the first datagram."""
        self._own.add(own)
        self._unproven.add(own)
        self.scatter()
        asyncio.get_running_loop().add_reader(own.socket.fileno(), self._media_readable, own)

    def retire(self, own: OwnSocket) -> None:
        """Let what the publisher sends come by the main socket again; nothing is lost by that.

        What the socket holds is read in the following turns of the loop; then it is closed.
        """
        if own not in self._own or own.is_retired:
            return
        own.is_retired = True
        self._unproven.discard(own)
        loop = asyncio.get_running_loop()
        loop.remove_reader(own.socket.fileno())
        try:
            # Connected to itself it gets nothing any more, and keeps what it has.
            own.socket.connect(own.socket.getsockname())
        except OSError as error:
            self._reader.failed(error)
        loop.call_soon(self._empty, own)

    def _empty(self, own: OwnSocket) -> None:
        """Read what a retired socket holds, a batch per turn of the loop, and close it."""
        if own not in self._own:
            return
        now = self._clock.now()
        batch: Batch = []
        is_empty = self._fill(batch, own, self._reader.bound())
        if is_empty:
            self._close(own)
        else:
            asyncio.get_running_loop().call_soon(self._empty, own)
        self._reader.hand_over(batch, now)

    def _close(self, own: OwnSocket) -> None:
        self._own.discard(own)
        self._unproven.discard(own)
        asyncio.get_running_loop().remove_reader(own.socket.fileno())
        own.socket.close()

    # When the main socket is read --------------------------------------------------------------

    def hasten(self) -> None:
        """Read everything at once for ``HASTE_SECONDS``: somebody is about to connect."""
        self._hasty_until = self._clock.now() + HASTE_SECONDS
        self.scatter()

    def scatter(self) -> None:
        """Let the main socket wake this process, until media is steady again."""
        main = self._main
        if not self.is_gathering or main is None:
            return
        self._disarm(main)
        self.is_gathering = False
        asyncio.get_running_loop().add_reader(main.socket.fileno(), self._main_readable)

    def _may_gather(self, now: float) -> bool:
        return (
            self._steady >= STEADY_WAKES
            and self.is_complete
            and not self._unproven
            and now >= self._hasty_until
        )

    def _gather(self, main: Source) -> None:
        self._disarm(main)
        self.is_gathering = True
        self._handle = asyncio.get_running_loop().call_soon(self._overdue)

    def _disarm(self, main: Source) -> None:
        asyncio.get_running_loop().remove_reader(main.socket.fileno())
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    # Wake-ups --------------------------------------------------------------------------------

    def _main_readable(self) -> None:
        """Read one batch and hand it over. The loop calls again while there is more."""
        if self._main is None:
            return
        self.wakeups += 1
        now = self._clock.now()
        batch: Batch = []
        self._fill(batch, self._main, self._reader.bound(), is_ready=True)
        self._reader.hand_over(batch, now)

    def _media_readable(self, own: OwnSocket) -> None:
        """Read one batch of media, with it what has come by the main socket, if that is due."""
        main = self._main
        if main is None:
            return
        self.wakeups += 1
        now = self._clock.now()
        self._steady = self._steady + 1 if now - self._last_media <= LAPSE_SECONDS else 0
        self._last_media = now
        bound = self._reader.bound()
        batch: Batch = []
        # The main socket first: what is in it was sent before this media, or before ``own`` was
        # connected. A request to repeat what is just coming again must not be met by both.
        if self.is_gathering:
            self._read_along(main, batch, bound // 2)
        elif own in self._unproven:
            self._fill(batch, main, bound // 2)
        before = len(batch)
        self._fill(batch, own, bound, is_ready=True)
        if own in self._unproven and any(found == own.address for _, found in batch[before:]):
            self._unproven.discard(own)
        if not self.is_gathering and self._may_gather(now):
            self._gather(main)
        self._reader.hand_over(batch, now)

    def _overdue(self) -> None:
        """Read the main socket: no media has come for a while, or there was more."""
        self._handle = None
        main = self._main
        if main is None or not self.is_gathering:
            return
        self.wakeups += 1
        now = self._clock.now()
        if now - self._last_media > LAPSE_SECONDS:
            self._steady = 0
            self.scatter()
            return
        batch: Batch = []
        self._read_along(main, batch, self._reader.bound())
        self._reader.hand_over(batch, now)

    def _read_along(self, main: Source, batch: Batch, bound: int) -> None:
        """Fill ``batch`` up from the main socket, and arm the timer for the next time."""
        self.gathered += 1
        is_empty = self._fill(batch, main, bound)
        if self._handle is not None:
            self._handle.cancel()
        loop = asyncio.get_running_loop()
        if is_empty:
            self._handle = loop.call_later(GATHER_SECONDS, self._overdue)
        else:
            self._handle = loop.call_soon(self._overdue)  # behind the media that has come meanwhile

    def _fill(self, batch: Batch, source: Source, bound: int, *, is_ready: bool = False) -> bool:
        """Read a socket; tell whether there is no more."""
        try:
            return self._reader.fill(batch, source, bound, is_ready=is_ready)
        except OSError as error:  # an ICMP error of an earlier send
            self._reader.failed(error)
            if isinstance(source, OwnSocket) and not source.is_retired:
                self._rearm(source)
            return False

    def _rearm(self, own: OwnSocket) -> None:
        """Watch a socket anew: libuv gives those up on which the kernel reported an error."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(own.socket.fileno())
        loop.add_reader(own.socket.fileno(), self._media_readable, own)
