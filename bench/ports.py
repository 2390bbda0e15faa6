"""Ports for servers that are told theirs before they listen: nobody else takes one in between.

The system gives a port that is found free and let go to the next program that asks for any. These
are below the ones that it gives by itself, and each process has a block of them to itself for as
long as it lives: by a lock on a name, which the system lets go with the process.
"""

import functools
import itertools
import random
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST: Final = 10_000
BLOCK: Final = 500
BLOCKS: Final = 20
"""Up to port 19,999; Linux gives those from 32,768 on to whoever asks for any."""

HOST: Final = "127.0.0.1"


def free_port() -> int:
    """Return a port that is free for TCP and for UDP, and that nobody else is given."""
    return free_range(1)


def free_range(count: int) -> int:
    """Return the first of ``count`` such ports in a row. Raises RuntimeError if there are none."""
    block = _block()
    for _ in range(BLOCK):
        first = next(block.ports)
        if first + count <= block.end and all(map(_is_free, range(first, first + count))):
            for _ in range(count - 1):
                next(block.ports)
            return first
    raise RuntimeError(f"no {count} ports in a row are free from {block.end - BLOCK} on")


class _Block:
    """A process' own ports, in turn: one that was used rests until all others were."""

    def __init__(self, first: int) -> None:
        self.end = first + BLOCK
        self.ports: Iterator[int] = itertools.cycle(range(first, self.end))


@functools.cache
def _block() -> _Block:
    for number in random.sample(range(BLOCKS), BLOCKS):
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0lectern-ports-{number}")
        except OSError:  # another process' block
            lock.close()
        else:
            _ = lock.detach()  # held until the process ends
            return _Block(FIRST + number * BLOCK)
    raise RuntimeError(f"{BLOCKS} other processes have a block of ports each")


def _is_free(port: int) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        try:
            tcp.bind((HOST, port))
            udp.bind((HOST, port))
        except OSError:
            return False
    return True
