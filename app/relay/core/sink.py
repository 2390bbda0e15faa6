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


class Sink:
    """One subscriber's one stream. It is on one line at a time; its numbers never go back."""

    __slots__ = ("address", "bytes", "cipher", "counter_mode", "first_index", "floor", "octets",
                 "packets", "salt", "sender", "skip_timestamp", "variant", "video")  # fmt: skip

    def __init__(self, address: Address, sender: GcmSender | CmSender, video: bool) -> None:
        self.address = address
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
        self.packets = 0
        self.bytes = 0

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


class Audience:
    """The sinks of one line, grouped by what may be shared among them."""

    __slots__ = ("cm", "gcm", "newest", "skipping")

    def __init__(self) -> None:
        self.gcm: dict[Variant, list[Sink]] = {}
        self.cm: dict[Variant, list[Sink]] = {}
        self.newest = -1
        """The highest ``first_index``: a batch that begins there or later needs no look at each."""
        self.skipping: set[Sink] = set()
        """Those with a ``skip_timestamp``."""

    def add(self, sink: Sink) -> None:
        """Take in a sink that has begun."""
        groups = self.cm if sink.cipher is None else self.gcm
        groups.setdefault(sink.variant, []).append(sink)
        self.newest = max(self.newest, sink.first_index)

    def remove(self, leaving: set[Sink]) -> None:
        for groups in (self.gcm, self.cm):
            for variant in {sink.variant for sink in leaving}:
                if variant in groups:
                    stay = [sink for sink in groups[variant] if sink not in leaving]
                    if stay:
                        groups[variant] = stay
                    else:
                        del groups[variant]
        self.skipping -= leaving

    def __bool__(self) -> bool:
        return bool(self.gcm or self.cm)

    def sinks(self) -> list[Sink]:
        return [
            sink for groups in (self.gcm, self.cm) for group in groups.values() for sink in group
        ]
