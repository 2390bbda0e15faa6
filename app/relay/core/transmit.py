"""The seam to the socket: what the core hands over to be sent, and what it hears back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from app.relay.core.media import Address

SendOne = Callable[[memoryview, int, Address], int]
"""``Transmit.one`` as a function."""


class Mailing(Protocol):
    """The addresses of one row, ready for a message to each of them in as few calls as can be."""

    def send(
        self, data: memoryview, length: int, segment_size: int, first: int
    ) -> Mapping[int, int]:
        """Send one message of ``length`` bytes to each of the addresses from ``first`` on.

        ``data`` is the messages one behind the other, each like the ``data`` of ``Transmit.one``,
        and valid only during the call. Every address is tried, in order. Returns how many
        datagrams were taken of those messages (by place in the row) that were not taken whole.
        """


class Transmit(Protocol):
    """Sends datagrams."""

    def one(self, data: memoryview, segment_size: int, address: Address, /) -> int:
        """Send one message: one or more datagrams of ``segment_size`` bytes each.

        The last may be shorter. At most 64 datagrams and 65,507 bytes; ``data`` is valid only
        during the call. Returns how many datagrams the kernel took, from the first on (fewer on
        EAGAIN); it must not raise for an unreachable address (that is 'taken').
        """

    def mailing(self, addresses: Sequence[Address], /) -> Mailing:
        """Prepare to send to ``addresses`` together."""


class OneByOne:
    """Sends to many by sending to each: where the system has no call for it, and in tests."""

    def __init__(self, one: SendOne) -> None:
        self.one = one

    def mailing(self, addresses: Sequence[Address], /) -> Mailing:
        return OneByOneMailing(self.one, addresses)


class OneByOneMailing:
    """What every other mailing must be indistinguishable from."""

    def __init__(self, one: SendOne, addresses: Sequence[Address]) -> None:
        self._one = one
        self._addresses = tuple(addresses)

    def send(
        self, data: memoryview, length: int, segment_size: int, first: int
    ) -> Mapping[int, int]:
        count = -(-length // segment_size)
        short: dict[int, int] = {}
        for place in range(first, first + len(data) // length):
            at = (place - first) * length
            taken = self._one(data[at : at + length], segment_size, self._addresses[place])
            if taken < count:
                short[place] = taken
        return short
