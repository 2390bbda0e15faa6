"""Linux' ``sendmmsg(2)`` by ctypes: many messages, each to an address of its own, by one call.

What the kernel reads is laid out once per row of addresses; a call changes where the data is, how
long a message is and what its segments are, for all messages at a time.
"""

import ctypes
import functools
import socket
import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from typing import Final

from app.relay.core.media import Address

UDP_SEGMENT: Final = 103
"""Linux' socket option and control message (since 4.18) for one send of many datagrams."""

LAST_PORT: Final = 65_535

ADDRESS_BYTES: Final = 28
"""The longest socket address here: IPv6."""

_WORD: Final = "L"
"""``array``'s code of a pointer and of size_t, on every Linux."""

_WORD_BYTES: Final = ctypes.sizeof(ctypes.c_size_t)

SystemCall = Callable[[int, int, int, int], int]


class _Vector(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]  # type: ignore[mutable-override]  # as ctypes wants it


class _Header(ctypes.Structure):
    """``struct msghdr``."""

    _fields_ = [  # type: ignore[mutable-override]  # as ctypes wants it
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class _Message(ctypes.Structure):
    """``struct mmsghdr``."""

    _fields_ = [  # type: ignore[mutable-override]  # as ctypes wants it
        ("header", _Header),
        ("sent", ctypes.c_uint),
    ]


class _Segment(ctypes.Structure):
    """``struct cmsghdr`` with the segment size behind it."""

    _fields_ = [  # type: ignore[mutable-override]  # as ctypes wants it
        ("length", ctypes.c_size_t),
        ("level", ctypes.c_int),
        ("type", ctypes.c_int),
        ("size", ctypes.c_uint16),
    ]


class Vectors:
    """Where the messages' bytes are, and their segment size: shared by all rows of a socket."""

    def __init__(self, most: int) -> None:
        self._vectors = (_Vector * most)()
        self._words = memoryview(self._vectors).cast("B").cast(_WORD)
        self._laid = (0, 0, 0)
        self._count = 0
        self._segment = _Segment(
            _Segment.size.offset + ctypes.sizeof(ctypes.c_uint16), socket.SOL_UDP, UDP_SEGMENT, 0
        )
        self.start = ctypes.addressof(self._vectors)
        self.control = ctypes.addressof(self._segment)

    def lay(self, data: memoryview, length: int, segment_size: int, first: int) -> int:
        """Let message ``first`` and those behind it be ``length`` bytes of ``data`` each.

        Returns how many there are.
        """
        count = len(data) // length
        start = ctypes.addressof(ctypes.c_char.from_buffer(data))
        laid = (start, length, first)
        if laid != self._laid or count > self._count:
            self._laid, self._count = laid, count
            begin, end = 2 * first, 2 * (first + count)
            self._words[begin:end:2] = array(_WORD, range(start, start + count * length, length))
            self._words[begin + 1 : end : 2] = array(_WORD, (length,)) * count
        self._segment.size = segment_size
        return count


class MessageArray:
    """Messages to fixed addresses, with bytes that ``Vectors`` tells of."""

    def __init__(self, call: SystemCall, names: Sequence[bytes], vectors: Vectors) -> None:
        """``names`` are socket addresses of one family; an empty one is never sent to."""
        count = len(names)
        self._call = call
        self._names = bytearray(b"".join(name.ljust(ADDRESS_BYTES, b"\0") for name in names))
        header = _Header(
            name_length=max(map(len, names), default=0), vector_count=1, control=vectors.control
        )
        self._messages = bytearray(bytes(_Message(header)) * count)
        self._words = memoryview(self._messages).cast(_WORD)
        self._set(_Header.name.offset, _addresses(_start(self._names), ADDRESS_BYTES, count))
        self._set(_Header.vectors.offset, _addresses(vectors.start, ctypes.sizeof(_Vector), count))
        self._control = array(_WORD, (ctypes.sizeof(_Segment),)) * count
        self._is_segmented = False
        self._start = _start(self._messages)

    def segment(self, on: bool) -> None:
        """Send each message as one datagram, or as many of the size that ``Vectors`` tells."""
        if on != self._is_segmented:
            self._is_segmented = on
            none = array(_WORD, bytes(self._control.itemsize * len(self._control)))
            self._set(_Header.control_length.offset, self._control if on else none)

    def send(self, handle: int, first: int, count: int) -> int:
        """Send ``count`` messages from ``first`` on by the socket ``handle``, without waiting.

        Returns how many the kernel took, not counting those behind the first that it refused; -1
        where that is the first of all.
        """
        start = self._start + first * ctypes.sizeof(_Message)
        return self._call(handle, start, count, socket.MSG_DONTWAIT)

    def _set(self, offset: int, values: "array[int]") -> None:
        """Set one field of all messages."""
        words = ctypes.sizeof(_Message) // _WORD_BYTES
        self._words[offset // _WORD_BYTES :: words] = values


def _addresses(start: int, size: int, count: int) -> "array[int]":
    return array(_WORD, range(start, start + size * count, size))


def _start(buffer: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer)) if buffer else 0


def find_call() -> SystemCall | None:
    """Return ``sendmmsg``, or None where the system has none."""
    if sys.platform != "linux":
        return None
    call = getattr(ctypes.CDLL(None), "sendmmsg", None)
    if call is None:
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
    call.restype = ctypes.c_int
    return call  # type: ignore[no-any-return]  # ctypes tells nothing of it


@functools.lru_cache(256)
def socket_address(address: Address, is_ipv6: bool) -> bytes:
    """Return ``address`` as the kernel reads it; empty if such a socket cannot send there.

    IPv4 is written as IPv4-mapped for an IPv6 socket; behind ``%`` stands an interface's number.
    """
    host, port = address
    if port > LAST_PORT:
        return b""
    host, _, scope = host.partition("%")
    try:
        if not is_ipv6:
            packed = socket.inet_pton(socket.AF_INET, host)
            return struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, packed)
        if ":" not in host:
            packed = bytes(10) + b"\xff\xff" + socket.inet_pton(socket.AF_INET, host)
        else:
            packed = socket.inet_pton(socket.AF_INET6, host)
        family = struct.pack("=H", socket.AF_INET6)
        return family + struct.pack("!HI16s", port, 0, packed) + struct.pack("=I", int(scope or 0))
    except (OSError, ValueError):
        return b""
