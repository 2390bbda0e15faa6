"""A newcomer's start in the past: the last keyframe and what followed it, from the ring."""

from app.relay.core.numbering import Position
from app.relay.core.ring import Ring, Sent
from app.relay.core.sink import Sink
from app.relay.core.tools import Tools

CATCH_UP_SECONDS = 0.7
"""A newcomer gets what was sent since a keyframe that is no older, instead of waiting for the next:
the presenter is asked once a second at most. What is older would be too large a burst."""
CATCH_UP_PACKETS = 256


class Past:
    """Where a line's last keyframe begins."""

    __slots__ = ("_since", "keyframe")

    def __init__(self) -> None:
        self.keyframe: Position | None = None
        self._since = 0.0

    def begin(self, keyframe: Position, now: float) -> None:
        """A keyframe begins."""
        self.keyframe = keyframe
        self._since = now

    def since_keyframe(self, ring: Ring, next_index: int, now: float) -> list[Sent]:
        """Return the packets from the last keyframe on; none if that is too old or not whole."""
        keyframe = self.keyframe
        if keyframe is None or now - self._since > CATCH_UP_SECONDS:
            return []
        indices = range(keyframe.number, next_index)
        if len(indices) > CATCH_UP_PACKETS:
            return []
        kept = [sent for index in indices if (sent := ring.find(index)) is not None]
        return kept if kept and kept[0].number == keyframe.number else []


def send_past(kept: list[Sent], sink: Sink, tools: Tools) -> None:
    """Send one newcomer what the others of its line have had."""
    variant = sink.variant
    for sent in kept:
        # As they are: were they repeated later, nothing may differ.
        data = bytearray(sent.data)
        variant.apply(data, sent.number, sent.picture_at, sent.tl0_at)
        index = sent.number + variant.shift
        length = tools.sender.send_single(sink, bytes(data), sent.header, index)
        sink.count(int(length > 0), length)
        tools.counters.packets_forwarded += length > 0
        tools.counters.bytes_forwarded += length
