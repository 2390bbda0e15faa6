"""Whole video frames from packets in order, and none that a decoder would stumble over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.recording.payloads import av1, h264, vp8, vp9
from app.recording.reorder import Ordered

MOST_PACKETS = 4_096
"""Of one frame; about 4 MB. A longer one is dropped."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, or temporal unit."""

    data: bytes
    timestamp: int
    arrived: float
    """When its first packet did."""
    keyframe: bool


def joiner(codec: str) -> Callable[[Sequence[bytes]], bytes | None] | None:
    """Return what makes a frame of payloads, for a ``Codec.key``; None for an unknown codec."""
    name = codec.partition("/")[0]
    if name == "h264":
        return h264.Joiner().join
    return {"vp8": vp8.join, "vp9": vp9.join, "av1": av1.join}.get(name)


class Frames:
    """The frames of one track.

    Guarantees that the first frame is a keyframe, and that after a loss none comes before the next
    keyframe: a frame whose references are missing is worth less than a picture that stands.
    ``needs_keyframe`` says whether one is waited for; ``dropped`` counts frames that were left out.
    """

    def __init__(self, join: Callable[[Sequence[bytes]], bytes | None]) -> None:
        self._join = join
        self._payloads: list[bytes] = []
        self._first: Ordered | None = None
        self._keyframe = False
        self.needs_keyframe = True
        self.dropped = 0

    def push(self, ordered: Ordered) -> list[Frame]:
        """Take the next packet; return the frames that it completes."""
        packet = ordered.packet
        done: list[Frame] = []
        if ordered.after_gap:
            self._lose()
        elif self._first is not None and packet.timestamp != self._first.packet.timestamp:
            done += self._finish()
        if self._first is None:
            if self.needs_keyframe and not packet.keyframe:
                return done
            self._first = ordered
            self._keyframe = False
        # Not always its first packet: H.264's may be a delimiter.
        self._keyframe = self._keyframe or packet.keyframe
        self._payloads.append(packet.payload)
        if packet.marker:
            done += self._finish()
        elif len(self._payloads) > MOST_PACKETS:
            self._lose()
        return done

    def _lose(self) -> None:
        self.dropped += self._first is not None
        self._payloads, self._first = [], None
        self.needs_keyframe = True

    def _finish(self) -> list[Frame]:
        first, payloads = self._first, self._payloads
        self._payloads, self._first = [], None
        if first is None:
            return []
        data = self._join(payloads)
        if data is None:
            self.dropped += 1
            self.needs_keyframe = True
            return []
        self.needs_keyframe = self.needs_keyframe and not self._keyframe
        return [Frame(data, first.packet.timestamp, first.arrived, self._keyframe)]
