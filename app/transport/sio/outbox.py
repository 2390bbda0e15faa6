"""What waits to be written to one client: bounded, in order, with a stated policy.

An outbox *is* the queue of its Engine.IO session: what the library sends by itself (pings, the
answer to a namespace's CONNECT) and what we send stand in one line, so nothing overtakes, and
nothing can pile up beside it.

Policy: a waiting board update is replaced by a newer one (``BoardPart`` says which by which);
nothing else is ever dropped; a client for whom more waits than the bounds allow is cut off, and
counted.

It is also where the fast path is chosen. While nothing waits and nothing is being written, a
message goes to the transport at once, as frames that were built once for all members (``frames``).
The ordinary path, packet by packet through the library, is for everybody else: a reader whose
buffer is full, a polling client, a compressed connection, another ASGI server. Both paths put the
same bytes on the wire, and what waits is never overtaken.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from engineio.packet import PING, Packet

from app.transport.sio.frames import frame
from app.transport.sio.parcel import BoardPart, Parcel

MAX_PINGS = 8
"""Unanswered pings that are remembered; one, but for a probe now and then."""

BATCH_BYTES = 128 * 1024
"""What the writer takes from the outbox at once: the rest stays where policy can act on it."""


_PING = frame(Packet(PING).encode())


class WebSocket(Protocol):
    """What tells whether a WebSocket may be written to: ``frames.LeanWebSocket``."""

    takes: bool
    close_sent: bool


class Direct(Protocol):
    """Writes to a WebSocket at once: ``frames.FrameWriter``."""

    @property
    def websocket(self) -> WebSocket: ...
    @property
    def put(self) -> Callable[[bytes], Any]: ...
    def write(self, frames: bytes) -> bool: ...


class Outbox(asyncio.Queue[Any]):
    """The queue of one Engine.IO session. ``on_overflow`` is called once, when it is cut."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._bytes = 0
        self._taken = 0
        self.written = 0
        """The last room event that was written."""
        self._pings: deque[int] = deque(maxlen=MAX_PINGS)
        self.proved = 0
        """The last room event that the client has certainly received: it answered a ping that was
        written after it."""
        self.replaced = 0
        """Board updates that a newer one replaced before they were written."""
        self.is_cut = False
        self.is_ended = False
        """The writer took the mark after which nothing is written."""
        self.on_overflow: Callable[[], None] | None = None
        self.direct: Direct | None = None
        """Writes whole frames at once, or returns False; None while anything waits here or is being
        written, and wherever that cannot be done."""
        self._direct: Direct | None = None
        """The same, as long as the WebSocket is there."""
        self._start_writer: Callable[[], None] | None = None
        self._is_writing = False
        super().__init__()

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait here (the writer's batch and the kernel's buffers not included)."""
        return self._bytes

    def offer(self, parcel: Parcel) -> bool:
        """Write or queue ``parcel``, or cut the session if too much waits. Never blocks."""
        direct = self.direct
        if direct is not None and direct.write(parcel.frames):
            if parcel.seq > self.written:
                self.written = parcel.seq
            return True
        if parcel.board is not BoardPart.NONE:
            self._make_way(parcel.board)
        return self._accept(parcel.packets, parcel)

    def ping(self) -> None:
        """Ping after what was queued so far: the answer sets ``proved`` within a round trip."""
        direct = self.direct
        if direct is not None and direct.write(_PING):
            self._pings.append(self.written)
        else:
            self.put_nowait(Packet(PING))

    ask_for_proof = ping

    def pong(self) -> None:
        """Note that the client answered the oldest ping."""
        if self._pings:
            self.proved = self._pings.popleft()

    # A WebSocket writes what is offered: at once where it can, else from ``take``.

    def attach(self, direct: Direct | None, start_writer: Callable[[], None]) -> None:
        """Write to a WebSocket from now on.

        ``direct`` writes whole frames at once or returns False; None where that cannot be done.
        ``start_writer`` is called when something waits; it has ``take`` called until that returns
        None, and is not called again before.
        """
        self._direct, self._start_writer = direct, start_writer
        while self._line and self._write_first():
            self._bytes -= self._line.popleft().size
        if self._line:
            self._wake()
        else:
            self.direct = direct

    def detach(self) -> None:
        """Write nothing more: the WebSocket is gone."""
        self.direct = self._direct = self._start_writer = None
        self._is_writing = True

    def take(self) -> Any:
        """Return the next packet to write; None when nothing waits, or nothing may follow."""
        if not self._line:
            self._is_writing = False
            self.direct = self._direct
            return None
        packet = self._get()
        if packet is None:
            self.is_ended = True
        return packet

    def _write_packet(self, packet: Packet) -> bool:
        """Write a packet of the library's own now, if the connection is free and takes it."""
        direct = self._direct
        if direct is None or self._is_writing or not direct.write(frame(packet.encode())):
            return False
        if packet.packet_type == PING:
            self._pings.append(self.written)
        return True

    def _write_first(self) -> bool:
        """Write what has waited for longest, if it is whole."""
        entry = self._line[0]
        if entry.next or entry.packets[0] is None or self._direct is None:
            return False
        if entry.parcel is None:
            return self._write_packet(entry.packets[0])
        if not self._direct.write(entry.parcel.frames):
            return False
        self.written = max(self.written, entry.parcel.seq)
        return True

    async def put(self, item: Any) -> None:
        """Queue a packet of the library's own (it calls this)."""
        self.put_nowait(item)

    def put_nowait(self, item: Any) -> None:
        """Queue a packet of the library's own; None, which ends the writer, is always taken."""
        if item is None:
            self._line.append(_Entry((None,), 0, None))
            self._wake()
        elif self._line or not self._write_packet(item):
            self._accept((item,), None)

    async def get(self) -> Any:
        """Return the next packet: the start of a batch."""
        self._taken = 0
        return await super().get()

    def get_nowait(self) -> Any:
        """Return the next packet of the batch. Raises QueueEmpty at its end too."""
        if self._taken >= BATCH_BYTES:
            raise asyncio.QueueEmpty
        return super().get_nowait()

    def task_done(self) -> None:
        """Nothing to account for: see ``join``."""

    async def join(self) -> None:
        """Return at once: a session that closes must not wait for a reader who is gone."""

    # What asyncio.Queue leaves to its subclasses.

    def _init(self, _: int) -> None:
        self._line: deque[_Entry] = deque()

    def qsize(self) -> int:
        return len(self._line)

    def empty(self) -> bool:
        return not self._line

    def _get(self) -> Any:
        entry = self._line[0]
        packet = entry.packets[entry.next]
        entry.next += 1
        if packet is not None:
            size = _size(packet)
            self._taken += size
            if entry.parcel is None:
                self._bytes -= size
                if packet.packet_type == PING:
                    self._pings.append(self.written)
        if entry.next == len(entry.packets):
            self._line.popleft()
            if entry.parcel is not None:
                self._bytes -= entry.size
                self.written = max(self.written, entry.parcel.seq)
        return packet

    def _accept(self, packets: Iterable[Any], parcel: Parcel | None) -> bool:
        if self.is_cut:
            return False
        if len(self._line) >= self._max_messages or self._bytes > self._max_bytes:
            self._cut()
            return False
        group = tuple(packets)
        size = parcel.size if parcel is not None else sum(map(_size, group))
        self._line.append(_Entry(group, size, parcel))
        self._bytes += size
        self._wake()
        return True

    def _make_way(self, newer: BoardPart) -> None:
        """Take out what ``newer`` replaces, unless its first packet is already on the way.

        The newer one goes to the end, not in the old one's place: events keep the order of seq.
        """
        for position in range(len(self._line) - 1, -1, -1):
            entry = self._line[position]
            if entry.next == 0 and entry.parcel is not None and newer.replaces(entry.parcel.board):
                del self._line[position]
                self._bytes -= entry.size
                self.replaced += 1

    def _cut(self) -> None:
        self.is_cut = True
        self.direct = self._direct = None
        self._line.clear()
        self._bytes = 0
        self.put_nowait(None)
        if self.on_overflow is not None:
            self.on_overflow()

    def _wake(self) -> None:
        if self._start_writer is not None:
            if not self._is_writing:
                self._is_writing = True
                self.direct = None
                self._start_writer()
            return
        while self._getters:
            waiter = self._getters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    _getters: deque[asyncio.Future[None]]


class _Entry:
    __slots__ = ("next", "packets", "parcel", "size")

    def __init__(self, packets: tuple[Any, ...], size: int, parcel: Parcel | None) -> None:
        self.packets = packets
        self.size = size
        self.parcel = parcel
        self.next = 0


def _size(packet: Packet) -> int:
    data = packet.data
    return len(data) if isinstance(data, str | bytes) else 64
