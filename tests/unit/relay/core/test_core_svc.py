"""Temporal layers of VP9 (by payload or by dependency descriptor) and AV1: left out, and back.

VP9's picture ids pass as they are: a gap where a higher layer was left out is what decoders expect
(RFC 9628 §4.2), and a splice is always at a keyframe. Spatial layers in one stream pass together.
"""

import struct
from dataclasses import replace

import pytest

from app.relay.core.media import Codec, MediaPlan
from app.relay.core.rtp import DEPENDENCY_URI
from app.relay.core.wish import Wish
from tests.unit.relay.core.test_core_layers import bits
from tests.unit.relay.core.world import (
    AUDIO_IN,
    AUDIO_OUT,
    OUT_VIDEO,
    VIDEO_IN,
    VIDEO_OUT,
    VIDEO_SSRC,
    Client,
    Heard,
    World,
    rtp_packet,
)

VP9 = Codec(98, "vp9/0", 90_000)
AV1 = Codec(45, "av1/0", 90_000)
DESCRIPTOR_ID = 9
STRUCTURE = bits((1, 1), (0, 4), (0, 6), (0, 5), (1, 2), (3, 2), (2, 2), (2, 2))
"""L1T2: template 0 of the base layer, template 1 one layer up; both are switching points."""


class Svc:
    """A presenter of 25 frames a second in two temporal layers, packets of two to a frame."""

    def __init__(self, world: World, codec: Codec, has_descriptor: bool) -> None:
        self.world = world
        self.codec = codec
        self.has_descriptor = has_descriptor
        extensions = ((DEPENDENCY_URI, DESCRIPTOR_ID),) if has_descriptor else ()
        section = replace(VIDEO_IN, codecs=(codec,), extensions=extensions, feedback=("nack pli",))
        self.client: Client = world.presenter(plan=MediaPlan((AUDIO_IN, section)))
        self.frames = 0
        self.sequence = 60_000
        self._plis = 0

    def _payload(self, temporal: int, key: bool, first: bool, last: bool) -> bytes:
        if self.codec is AV1:
            return bytes((0x08 if key and first else 0x10,)) + b"obu"
        flags = 0xA0 | (0 if key else 0x40) | (8 if first else 0) | (4 if last else 0)
        layer = temporal << 5 | (temporal > 0) << 4
        picture = 0x8000 | self.frames & 0x7FFF
        return struct.pack("!BHBB", flags, picture, layer, self.frames // 2 & 0xFF) + b"vp9"

    def _extension(self, temporal: int, key: bool, first: bool) -> bytes:
        if not self.has_descriptor:
            return b""
        value = struct.pack("!BH", temporal, self.frames & 0xFFFF)
        value += STRUCTURE if key and first else b""
        block = bytes((DESCRIPTOR_ID << 4 | len(value) - 1,)) + value
        block += bytes(-len(block) % 4)
        return struct.pack("!HH", 0xBEDE, len(block) // 4) + block

    def play(self, frames: int) -> None:
        for _ in range(frames):
            plis, self._plis = self._plis, self.client.plis()
            key = self.frames == 0 or self._plis > plis
            temporal = 0 if key or self.frames % 2 == 0 else 1
            packets = []
            for number in (0, 1):
                packets.append(
                    rtp_packet(
                        VIDEO_SSRC,
                        self.sequence,
                        self.frames * 3600,
                        self._payload(temporal, key, number == 0, number == 1),
                        self.codec.payload_type,
                        number == 1,
                        self._extension(temporal, key, number == 0),
                    )
                )
                self.sequence += 1
            self.client.send(*packets)
            self.frames += 1
            self.world.advance(0.04, step=0.04)


def numbers_run_on(heard: list[Heard]) -> bool:
    first = heard[0].sequence
    return [(p.sequence - first) & 0xFFFF for p in heard] == list(range(len(heard)))


@pytest.mark.parametrize(("codec", "has_descriptor"), [(VP9, False), (VP9, True), (AV1, True)])
def test_the_higher_layer_is_left_out_and_comes_back(codec: Codec, has_descriptor: bool) -> None:
    world = World()
    svc = Svc(world, codec, has_descriptor)
    plan = MediaPlan((AUDIO_OUT, replace(VIDEO_OUT, codecs=(codec,))))
    one, other = world.participant("one", plan), world.participant("other", plan)
    svc.play(50)
    world.relay.control.prefer(one.id, "1", Wish(temporal=0), world.now)
    svc.play(2)
    before, others = len(one.heard_of(OUT_VIDEO)), len(other.heard_of(OUT_VIDEO))
    svc.play(50)
    assert len(one.heard_of(OUT_VIDEO)) - before == 50, "every second frame, of two packets"
    assert len(other.heard_of(OUT_VIDEO)) - others == 100
    world.relay.control.prefer(one.id, "1", Wish(), world.now)
    svc.play(4)
    before = len(one.heard_of(OUT_VIDEO))
    svc.play(50)
    assert len(one.heard_of(OUT_VIDEO)) - before == 100
    assert numbers_run_on(one.heard_of(OUT_VIDEO))
    assert numbers_run_on(other.heard_of(OUT_VIDEO))
    if codec is VP9:
        sent = {p.payload for p in other.heard_of(OUT_VIDEO)}
        assert {p.payload for p in one.heard_of(OUT_VIDEO)} < sent, "nothing in them is changed"
    late = world.participant("late", plan)
    svc.play(40)
    start = late.heard_of(OUT_VIDEO)[0].payload
    is_key = start[0] & 0x08 if codec is AV1 else not start[0] & 0x40
    assert is_key, "a newcomer begins at a keyframe"
    assert svc.client.plis() >= 1
    assert world.relay.counters.errors == 0
