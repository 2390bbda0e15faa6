"""The sinks of an audience in rows: whom one packet is sealed for, and sent to, in one go."""

import functools
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from app.relay.core.sink import Sink, Tally
from app.relay.core.transmit import Mailing, OneByOne, Transmit

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ROW_SINKS = 32
"""Twice as many gain a twentieth of a send, and a row is made anew when somebody comes to it."""

_NONCE_BYTES = 12
_NOBODY = OneByOne(lambda *_: 0).mailing(())


class Row(Tally):
    """Up to ``ROW_SINKS`` sinks of one variant, all AES-GCM, with what they share laid out."""

    __slots__ = ("_cut", "_mailing", "_ones", "_salts", "ciphers", "sinks")

    def __init__(self) -> None:
        super().__init__()
        self.sinks: list[Sink] = []
        self.ciphers: list[AESGCM] = []
        self._mailing = _NOBODY
        self._salts = 0
        self._ones = 0
        self._cut = _layout(0)[1]

    def add(self, sink: Sink) -> None:
        sink.sit(self)
        self.sinks.append(sink)
        self.is_stale = True

    def pop(self) -> Sink:
        """Take out the last one."""
        sink = self.sinks.pop()
        sink.rise()
        self.is_stale = True
        return sink

    def replace(self, sink: Sink, by: Sink) -> None:
        place = self.sinks.index(sink)
        sink.rise()
        by.sit(self)
        self.sinks[place] = by
        self.is_stale = True

    def prepare(self, transmit: Transmit) -> Mailing:
        """Bring what is laid out up to date; return what sends to the whole row."""
        if not self.is_stale:
            return self._mailing
        self.ciphers = [sink.cipher for sink in self.sinks if sink.cipher is not None]
        salts = b"".join(sink.salt.to_bytes(_NONCE_BYTES, "big") for sink in self.sinks)
        self._salts = int.from_bytes(salts, "big")
        self._ones, self._cut = _layout(len(self.sinks))
        self._mailing = transmit.mailing([sink.address for sink in self.sinks])
        self.is_stale = False
        return self._mailing

    def nonces(self, number: int) -> tuple[bytes, ...]:
        """Return each sink's nonce of the packet ``SSRC << 48 | SRTP index`` (RFC 7714 §8.1).

        One long number holds all salts, so that the interpreter works once for all of them.
        """
        size = _NONCE_BYTES * len(self.sinks)
        return self._cut((self._salts ^ number * self._ones).to_bytes(size, "big"))


class Rows:
    """Rows that are full but for the last."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __bool__(self) -> bool:
        return bool(self._rows)

    def add(self, sink: Sink) -> None:
        if not self._rows or len(self._rows[-1].sinks) == ROW_SINKS:
            self._rows.append(Row())
        self._rows[-1].add(sink)

    def remove(self, sink: Sink) -> None:
        """Let ``sink`` go, if it is here; the last one of all takes its place."""
        row = next((row for row in self._rows if row is sink.row), None)
        if row is None:
            return
        last = self._rows[-1].pop()
        if last is not sink:
            row.replace(sink, last)
        if not self._rows[-1].sinks:
            self._rows.pop()

    def sinks(self) -> list[Sink]:
        return [sink for row in self._rows for sink in row.sinks]


@functools.cache
def _layout(count: int) -> tuple[int, Callable[[bytes], tuple[bytes, ...]]]:
    """Return a number with a one in the place of each nonce, and what cuts nonces apart."""
    ones = sum(1 << 8 * _NONCE_BYTES * place for place in range(count))
    return ones, struct.Struct(f"{_NONCE_BYTES}s" * count).unpack
