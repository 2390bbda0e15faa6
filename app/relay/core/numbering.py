"""A track's numbers turned into a line's: indices, timestamps, VP8 picture ids."""

import secrets
from bisect import bisect_right
from typing import NamedTuple

from app.relay.core.rtp import Packet

_START_BELOW = 1 << 14
_MAX_OFFSETS = 64
"""Frames left out that are remembered, for packets that come late: two seconds or more."""


class Position(NamedTuple):
    """A place in a stream's numbers; -1 where a number does not exist."""

    number: int
    """A line index, or an SRTP index where it is a subscriber's."""
    timestamp: int
    picture: int
    tl0: int


class Numbering:
    """No two packets get one index: what is left out gives its number to the packet behind it."""

    __slots__ = ("_from", "_left_out_stamp", "_offsets", "floor", "picture", "timestamp", "tl0")

    def __init__(self) -> None:
        self.floor = -1
        """The track's first index that has a number, -1 before there is one."""
        self.timestamp = 0
        """Added to the track's timestamps."""
        self.picture = 0
        """Added to its picture ids, less those left out."""
        self.tl0 = 0
        """Added to its TL0PICIDX."""
        self._from: list[int] = []
        self._offsets: list[tuple[int, int]] = []
        """From each index in ``_from`` on: (track index → line index, pictures left out)."""
        self._left_out_stamp = -1

    def begin(self, packet: Packet, expected: Position | None) -> int:
        """Begin at ``packet`` with the expected numbers, else at random; return its index."""
        numbers = packet.picture, packet.tl0
        if expected is None:
            start = Position(secrets.randbelow(_START_BELOW), secrets.randbits(32), *numbers)
        else:
            start = expected
        self.floor = packet.index
        self._from = [packet.index]
        self._offsets = [(start.number - packet.index, 0)]
        self.timestamp = (start.timestamp - packet.timestamp) & 0xFFFFFFFF
        if start.picture >= 0 and numbers[0] >= 0:
            self.picture = start.picture - numbers[0]
        if start.tl0 >= 0 and numbers[1] >= 0:
            self.tl0 = start.tl0 - numbers[1] & 0xFF
        return start.number

    def offset(self, index: int) -> tuple[int, int]:
        """Return what turns a track index into a line's, and how many pictures were left out."""
        if index >= self._from[-1]:
            return self._offsets[-1]
        return self._offsets[max(0, bisect_right(self._from, index) - 1)]

    def place(self, packet: Packet) -> Position:
        """Return the packet's place in the line's numbers."""
        offset, left_out = self.offset(packet.index)
        picture, tl0 = packet.picture, packet.tl0
        return Position(
            packet.index + offset,
            packet.timestamp + self.timestamp & 0xFFFFFFFF,
            picture if picture < 0 else picture + self.picture - left_out & 0x7FFF,
            tl0 if tl0 < 0 else tl0 + self.tl0 & 0xFF,
        )

    def leave_out(self, packet: Packet) -> None:
        """Close the numbers behind a packet that the line does not carry, the highest so far."""
        offset, left_out = self._offsets[-1]
        if packet.timestamp != self._left_out_stamp:
            self._left_out_stamp = packet.timestamp
            left_out += 1
        if self._from[-1] == packet.index:
            self._from.pop()
            self._offsets.pop()
        self._from.append(packet.index + 1)
        self._offsets.append((offset - 1, left_out))
        if len(self._from) > _MAX_OFFSETS:
            del self._from[0]
            del self._offsets[0]
            self.floor = self._from[0]
