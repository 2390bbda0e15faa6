"""A network between one client and a UDP port: it loses, delays, narrows and rebinds, by a seed.

Real datagrams through real sockets, so that a server is tested as it is; only chance is seeded.
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable
from typing import Self

HEADERS_BYTES = 28
"""Of IPv4 and UDP, which a narrow link carries, too."""
MAX_DATAGRAM = 2048
BUFFER_BYTES = 4 * 1024 * 1024


class Path:
    """One direction of a network. All of it may change while datagrams flow."""

    def __init__(self, seed: int) -> None:
        self.loss = 0.0
        self.delay = (0.0, 0.0)
        """Least and most seconds of each datagram; different ones reorder."""
        self.bps: float | None = None
        """None: as fast as it comes."""
        self.queue_bytes = 40_000
        """What waits for a narrow link; more is dropped."""
        self.is_cut = False
        self.carried = 0
        self.lost = 0
        """By chance, by a full queue or by a cut."""
        self._random = random.Random(seed)
        self._free_at = 0.0

    def carry(self, data: bytes, put: Callable[[bytes], None]) -> None:
        """Hand ``data`` to ``put`` when it would arrive, if it does."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self.is_cut or self._random.random() < self.loss:
            self.lost += 1
            return
        at = now + self._random.uniform(*self.delay)
        if self.bps is not None:
            waiting = max(0.0, self._free_at - now) * self.bps / 8
            if waiting + len(data) > self.queue_bytes:
                self.lost += 1
                return
            self._free_at = max(now, self._free_at) + 8 * (len(data) + HEADERS_BYTES) / self.bps
            at = max(at, self._free_at + self.delay[0])
        self.carried += 1
        if at <= now:
            put(data)
        else:
            loop.call_at(at, put, data)


class Network:
    """Carries one client's datagrams to ``target`` and back. An async context manager."""

    def __init__(self, target: tuple[str, int] | None = None, seed: int = 1) -> None:
        self.target = target
        """Where it leads; ``aim`` says so later."""
        self.up = Path(seed)
        """From the client."""
        self.down = Path(seed + 1)
        self._inside = self._socket()
        self._inside.bind(("127.0.0.1", 0))
        self.port: int = self._inside.getsockname()[1]
        self._outside: socket.socket | None = None
        self._client: tuple[str, int] | None = None

    @staticmethod
    def _socket() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            made.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        return made

    async def __aenter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._inside, self._from_client)
        if self.target is not None:
            self.rebind()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._let_go()
        asyncio.get_running_loop().remove_reader(self._inside)
        self._inside.close()

    def aim(self, target: tuple[str, int]) -> None:
        """Lead to ``target`` from now on."""
        self.target = target
        self.rebind()

    def rebind(self, source: str = "127.0.0.1") -> None:
        """Come to the target from another port from now on, as a NAT that forgot does."""
        self._let_go()
        self._outside = self._socket()
        self._outside.bind((source, 0))
        assert self.target is not None
        self._outside.connect(self.target)
        asyncio.get_running_loop().add_reader(self._outside, self._from_target, self._outside)

    def _let_go(self) -> None:
        if self._outside is not None:
            asyncio.get_running_loop().remove_reader(self._outside)
            self._outside.close()
            self._outside = None

    def _from_client(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, self._client = self._inside.recvfrom(MAX_DATAGRAM)
                self.up.carry(data, self._out)

    def _from_target(self, outside: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                self.down.carry(outside.recv(MAX_DATAGRAM), self._in)

    def _out(self, data: bytes) -> None:
        if self._outside is not None:
            with contextlib.suppress(OSError):
                self._outside.send(data)

    def _in(self, data: bytes) -> None:
        if self._client is not None and self._inside.fileno() >= 0:
            with contextlib.suppress(OSError):
                self._inside.sendto(data, self._client)
