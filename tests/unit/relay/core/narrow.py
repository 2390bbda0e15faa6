"""A participant behind a narrow link that sends transport-wide feedback, and a steady presenter."""

import struct
from collections.abc import Callable
from dataclasses import replace

from app.relay.core.media import MediaPlan
from app.relay.core.rtcp import transport_feedback
from app.relay.core.rtp import TRANSPORT_WIDE_URI, elements, parse
from app.relay.core.transport import Arrivals
from tests.unit.relay.core.lossy import LOSSY_AUDIO_IN, LOSSY_VIDEO_IN, VIDEO_BY_RTX
from tests.unit.relay.core.world import (
    AUDIO_OUT,
    OUT_AUDIO,
    OUT_VIDEO,
    AudioSource,
    Client,
    Pipe,
    VideoSource,
    World,
)

TRANSPORT_ID = 5
WITH_TRANSPORT = ("nack", "nack pli", "transport-cc")
FEEDBACK_SECONDS = 0.05

SENDING = MediaPlan((LOSSY_AUDIO_IN, LOSSY_VIDEO_IN))
NARROW_AUDIO = replace(
    AUDIO_OUT, extensions=((TRANSPORT_WIDE_URI, TRANSPORT_ID),), feedback=("transport-cc",)
)
NARROW_VIDEO = replace(
    VIDEO_BY_RTX, extensions=((TRANSPORT_WIDE_URI, TRANSPORT_ID),), feedback=WITH_TRANSPORT
)
NARROW = MediaPlan((NARROW_AUDIO, NARROW_VIDEO))


class NarrowParticipant:
    """Tells when its packets came, as libwebrtc does."""

    def __init__(self, world: World, name: str, bps: float, plan: MediaPlan = NARROW) -> None:
        self.world = world
        self.client: Client = world.participant(name, plan)
        self.pipe = Pipe(bps)
        world.pipes[self.client.address] = self.pipe
        self._arrivals = Arrivals()
        self._read = 0

    def tell(self) -> None:
        """Send the feedback for what came since the last call."""
        heard, arrived = self.client.heard, self.client.arrived
        for position in range(self._read, len(heard)):
            number = transport_number(heard[position].raw)
            if number is not None:
                self._arrivals.add(number, arrived[position])
        self._read = len(heard)
        body = self._arrivals.take()
        if body is not None:
            # Alone, as browsers with rtcp-rsize send it.
            self.client.send_rtcp(transport_feedback(OUT_VIDEO, body))

    def between(self, ssrc: int, start: float, end: float) -> int:
        """Return how many packets of a stream came within a time."""
        pairs = zip(self.client.heard, self.client.arrived, strict=True)
        return sum(1 for packet, time in pairs if packet.ssrc == ssrc and start <= time < end)

    def audio_lost(self) -> int:
        numbers = sorted(p.sequence for p in self.client.heard_of(OUT_AUDIO))
        return numbers[-1] - numbers[0] + 1 - len(numbers)


def transport_number(raw: bytes) -> int | None:
    packet = parse(memoryview(raw))
    if packet is None:
        return None
    for ident, value in elements(packet):
        if ident == TRANSPORT_ID:
            number: int = struct.unpack("!H", value)[0]
            return number
    return None


class Stage:
    """A presenter with one video stream (or several, for simulcast) and audio."""

    def __init__(self, world: World, plan: MediaPlan = SENDING) -> None:
        self.world = world
        self.client = world.presenter(plan=plan)
        self.audio = AudioSource(self.client)
        self.frames: list[Callable[[bool], list[bytes]]] = []
        self._plis = 0
        self._tick = 0

    def add_video(self, ssrc: int, packets: int, size: int) -> None:
        source = VideoSource(self.client, ssrc)
        self.frames.append(lambda key: source.frame(packets=packets, key=key, size=size))

    def play(self, seconds: float, listeners: list[NarrowParticipant]) -> None:
        """25 frames and 50 packets of audio a second, in steps of 5 ms; a PLI is answered."""
        for _ in range(int(seconds * 200)):
            if self._tick % 8 == 0:
                plis = self.client.plis()
                is_key = self._tick == 0 or plis > self._plis
                self._plis = plis
                for frame in self.frames:
                    self.client.send(*frame(is_key))
            if self._tick % 4 == 0:
                self.client.send(self.audio.packet(bytes(100)))
            if self._tick % 10 == 0:
                for listener in listeners:
                    listener.tell()
            self._tick += 1
            self.world.advance(0.005, step=0.005)
