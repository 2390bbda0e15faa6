"""One subscriber of one line, as ``burst`` sees it: where it is, how its numbers differ."""

from typing import TYPE_CHECKING, NamedTuple

from app.relay.core import vp8
from app.relay.core.media import Address
from app.relay.core.srtp import CmSender, GcmSender

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Variant(NamedTuple):
    """What is added to a line's numbers for some of its subscribers.

    Those who came to a line by the same way share a variant, and with it headers and payload.
    """

    shift: int = 0
    """Line index → SRTP index, whose low 16 bits are the sequence number."""
    timestamp: int = 0
    picture: int = 0
    """VP8 picture id."""
    tl0: int = 0
    """VP8 TL0PICIDX."""

    @property
    def is_visible(self) -> bool:
        """True if packets differ; else only the rollover counter does."""
        return bool(self.shift & 0xFFFF or self.timestamp or self.picture or self.tl0)

    def apply(
        self, packet: memoryview | bytearray, index: int, picture_at: int, tl0_at: int
    ) -> None:
        """Change a packet with the line index ``index`` in place."""
        packet[2:4] = (index + self.shift & 0xFFFF).to_bytes(2, "big")
        if self.timestamp:
            stamp = int.from_bytes(packet[4:8], "big") + self.timestamp & 0xFFFFFFFF
            packet[4:8] = stamp.to_bytes(4, "big")
        if self.picture and picture_at:
            vp8.move_picture(packet, picture_at, self.picture)
        if self.tl0 and tl0_at:
            packet[tl0_at] = packet[tl0_at] + self.tl0 & 0xFF


class Tally:
    """What was sent to several sinks together, counted once for all of them."""

    __slots__ = ("bytes", "is_stale", "packets")

    def __init__(self) -> None:
        self.packets = 0
        self.bytes = 0
        self.is_stale = True
        """One of them has moved since what they share was prepared."""


class Sink:
    """One subscriber's one stream. It is on one line at a time; its numbers never go back."""

    __slots__ = ("_address", "_bytes", "_packets", "cipher", "counter_mode", "first_index",
                 "floor", "octets", "row", "salt", "sender", "skip_timestamp", "variant",
                 "video")  # fmt: skip

    def __init__(self, address: Address, sender: GcmSender | CmSender, video: bool) -> None:
        self._address = address
        self.sender = sender
        self.cipher: AESGCM | None = sender.cipher if isinstance(sender, GcmSender) else None
        self.salt = sender.salt if isinstance(sender, GcmSender) else 0
        self.counter_mode = sender if isinstance(sender, CmSender) else None
        """Where ``cipher`` is None."""
        self.video = video
        self.first_index = -1
        """The first index of its line that it gets."""
        self.floor = 0
        """The lowest SRTP index that was never used."""
        self.variant = Variant()
        self.skip_timestamp = -1
        """Of the frame whose rest is dropped after a partial send, or -1."""
        self.octets = 0
        """Added to its line's payload bytes for its sender reports."""
        self.row: Tally | None = None
        """The row of an audience in which it sits, if it is AES-GCM."""
        self._packets = 0
        self._bytes = 0

    @property
    def address(self) -> Address:
        return self._address

    @address.setter
    def address(self, address: Address) -> None:
        if address != self._address:
            self._address = address
            if self.row is not None:
                self.row.is_stale = True

    @property
    def packets(self) -> int:
        """Sent to it so far."""
        return self._packets + (self.row.packets if self.row is not None else 0)

    @property
    def bytes(self) -> int:
        """Sent to it so far, sealed."""
        return self._bytes + (self.row.bytes if self.row is not None else 0)

    def count(self, packets: int, length: int) -> None:
        """Note what was sent to it alone; less than nothing where its row's count is too high."""
        self._packets += packets
        self._bytes += length

    def sit(self, row: Tally) -> None:
        """From now on what ``row`` counts was sent to it, too."""
        self.rise()
        self.row = row
        self.count(-row.packets, -row.bytes)

    def rise(self) -> None:
        """Leave its row, with what it got there."""
        row, self.row = self.row, None
        if row is not None:
            self.count(row.packets, row.bytes)

    def begin(self, index: int, variant: Variant | None = None) -> None:
        """Make ``index`` the first packet of a line that this subscriber gets.

        Without a variant its rollover counter is 0 at this packet. Raises RuntimeError where an
        SRTP index would be used a second time: GCM must never seal two packets under one.
        """
        chosen = Variant(-(index & ~0xFFFF)) if variant is None else variant
        if index + chosen.shift < self.floor or (self.first_index >= 0 and variant is None):
            raise RuntimeError("a sink's numbers never go back")
        self.first_index = index
        self.variant = chosen
        self.skip_timestamp = -1
