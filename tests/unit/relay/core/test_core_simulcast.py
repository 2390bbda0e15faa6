"""Simulcast and temporal layers: who gets which, where it switches, and numbers that run on."""

import itertools
import struct
from dataclasses import replace

import pytest

from app.relay.core.events import LayersWanted
from app.relay.core.media import MediaPlan
from app.relay.core.wish import Wish
from tests.unit.relay.core.lossy import LOSSY_AUDIO_IN
from tests.unit.relay.core.narrow import NarrowParticipant, Stage
from tests.unit.relay.core.world import (
    CM,
    GCM,
    MID,
    OUT_VIDEO,
    VIDEO_IN,
    VP8,
    Client,
    Heard,
    World,
    rtp_packet,
)

RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
SIMULCAST = replace(
    VIDEO_IN, codecs=(VP8,), extensions=((MID, 4), (RID, 6)), remote_ssrcs=(), rids=("h", "q", "f")
)
PLAN = MediaPlan((LOSSY_AUDIO_IN, SIMULCAST))
HEIGHTS = {"q": 180, "h": 360, "f": 720}
SSRCS = {"q": 0x2001, "h": 0x2002, "f": 0x2003}


def descriptor(picture: int, tl0: int, temporal: int, sync: bool) -> bytes:
    """RFC 7741 §4.2 with a 15-bit picture id, TL0PICIDX and TID."""
    return bytes((0x90, 0xE0, 0x80 | picture >> 8 & 0x7F, picture & 0xFF, tl0 & 0xFF)) + bytes(
        (temporal << 6 | sync << 5,)
    )


def read_descriptor(heard: Heard) -> tuple[int, int, int]:
    payload = heard.payload
    return (payload[2] & 0x7F) << 8 | payload[3], payload[4], payload[5] >> 6


class Layer:
    """One simulcast stream of VP8 with two temporal layers."""

    def __init__(self, client: Client, rid: str, start: int) -> None:
        self.client = client
        self.rid = rid
        self.ssrc = SSRCS[rid]
        self.sequence = start
        self.timestamp = start * 7
        self.picture = start
        self.tl0 = start
        self.frames = 0

    def frame(self, key: bool, packets: int = 2, size: int = 300) -> list[bytes]:
        temporal = 0 if key or self.frames % 2 == 0 else 1
        self.frames = 1 if key else self.frames + 1
        self.timestamp += 3000
        self.picture += 1
        self.tl0 += temporal == 0
        made = []
        mid = bytes((4 << 4,)) + b"1" + bytes((6 << 4,)) + self.rid.encode()
        extension = struct.pack("!HH", 0xBEDE, 1) + mid
        head = descriptor(self.picture, self.tl0, temporal, temporal == 1)
        for position in range(packets):
            body = bytes((0 if key else 1,)) + bytes(2) + b"\x9d\x01\x2a"
            body += struct.pack("<HH", HEIGHTS[self.rid] * 16 // 9, HEIGHTS[self.rid])
            first = head if position == 0 else bytes((0x80,)) + head[1:]
            made.append(
                rtp_packet(self.ssrc, self.sequence, self.timestamp,
                           (first + body).ljust(size, b"v"), 96, position == packets - 1, extension)
            )  # fmt: skip
            self.sequence += 1
        return made


class Camera:
    """A presenter with three layers; it answers PLIs of each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = world.presenter(plan=PLAN)
        self.layers = {
            rid: Layer(self.client, rid, start)
            for rid, start in (("f", 500), ("q", 9_000), ("h", 33_000))
        }
        self.silent: set[str] = set()
        self._plis = 0

    def play(self, seconds: float) -> None:
        for step in range(round(seconds * 25)):
            plis = self.client.plis()
            key = plis > self._plis or (step == 0 and not self._plis)
            self._plis = max(plis, 1)
            for rid, layer in self.layers.items():
                if rid not in self.silent:
                    self.client.send(*layer.frame(key, packets={"q": 1, "h": 3, "f": 8}[rid]))
            self.world.advance(0.04, step=0.04)


def height_of(heard: Heard) -> int:
    height: int = struct.unpack_from("<H", heard.payload, 14)[0]
    return height


def assert_decodable(student: Client) -> None:
    """Numbers without gaps, switches at keyframes, timestamps that go on."""
    heard = student.heard_of(OUT_VIDEO)
    for before, after in itertools.pairwise(heard):
        assert (after.sequence - before.sequence) & 0xFFFF == 1
        if after.timestamp == before.timestamp:
            assert read_descriptor(after)[0] == read_descriptor(before)[0]
            continue
        assert 0 < (after.timestamp - before.timestamp) & 0xFFFFFFFF < 90_000
        assert (read_descriptor(after)[0] - read_descriptor(before)[0]) & 0x7FFF == 1
        step = (read_descriptor(after)[1] - read_descriptor(before)[1]) & 0xFF
        assert step == (read_descriptor(after)[2] == 0), "TL0PICIDX counts base frames"
        if height_of(after) != height_of(before):
            assert after.payload[6] == 0, "another layer begins at a keyframe"
    assert student.failed == 0


@pytest.mark.parametrize("profile", [GCM, CM])
def test_a_window_gets_the_layer_that_fits_it(profile: str) -> None:  # M10
    world = World()
    camera = Camera(world)
    large = world.participant("large", profile=profile)
    small = world.participant("small", profile=profile)
    camera.play(2.0)
    world.relay.control.prefer(small.id, "1", Wish(height=200), world.now)
    camera.play(2.0)
    assert height_of(large.heard_of(OUT_VIDEO)[-1]) == 720
    assert height_of(small.heard_of(OUT_VIDEO)[-1]) == 180
    world.relay.control.prefer(small.id, "1", Wish(height=480), world.now)
    camera.play(2.0)
    assert height_of(small.heard_of(OUT_VIDEO)[-1]) == 720
    world.relay.control.prefer(small.id, "1", Wish(height=360), world.now)
    camera.play(2.0)
    assert height_of(small.heard_of(OUT_VIDEO)[-1]) == 360
    world.relay.control.prefer(small.id, "1", Wish(), world.now)
    camera.play(2.0)
    assert height_of(small.heard_of(OUT_VIDEO)[-1]) == 720
    assert_decodable(small)
    assert_decodable(large)
    assert world.relay.counters.errors == 0


@pytest.mark.parametrize("profile", [GCM, CM])
def test_a_temporal_layer_is_left_out_and_comes_back_without_a_keyframe(profile: str) -> None:
    world = World()
    camera = Camera(world)
    student = world.participant(profile=profile)
    other = world.participant("other")
    camera.play(3.0)
    plis = camera.client.plis()
    world.relay.control.prefer(student.id, "1", Wish(temporal=0), world.now)
    before = len(student.heard_of(OUT_VIDEO))
    camera.play(2.0)
    halved = student.heard_of(OUT_VIDEO)[before + 16 :]
    assert {read_descriptor(heard)[2] for heard in halved} == {0}
    assert len(halved) == pytest.approx(2 * 25 * 8 / 2, abs=24)
    world.relay.control.prefer(student.id, "1", Wish(), world.now)
    camera.play(1.0)
    assert {read_descriptor(heard)[2] for heard in student.heard_of(OUT_VIDEO)[-20:]} == {0, 1}
    assert camera.client.plis() - plis <= 1, "temporal layers need no keyframe"
    assert_decodable(student)
    assert_decodable(other)
    assert len(other.heard_of(OUT_VIDEO)) == pytest.approx(6 * 25 * 8, abs=40)


def test_a_layer_that_stops_gives_way_and_layers_nobody_watches_are_told() -> None:
    world = World()
    camera = Camera(world)
    student = world.participant()
    camera.play(2.0)
    camera.silent = {"f"}
    camera.play(4.0)
    assert height_of(student.heard_of(OUT_VIDEO)[-1]) == 360
    camera.silent = set()
    camera.play(3.0)
    assert height_of(student.heard_of(OUT_VIDEO)[-1]) == 720
    wanted = [event.rids for event in world.events_of(LayersWanted)]  # type: ignore[attr-defined]
    assert wanted[-1] == ("f",)
    assert any("h" in rids for rids in wanted)
    world.relay.control.pause(student.id, "1", True, world.now)
    camera.play(1.5)
    assert world.events_of(LayersWanted)[-1].rids == ()  # type: ignore[attr-defined]


def test_a_narrow_link_gets_a_lower_layer_and_the_others_the_best() -> None:
    world = World()
    stage = Stage(world, PLAN)
    layers = {rid: Layer(stage.client, rid, 100) for rid in ("q", "h", "f")}
    for rid, packets, size in (("q", 1, 500), ("h", 2, 900), ("f", 6, 1_100)):  # .1, .4, 1.4 Mbit/s
        layer = layers[rid]
        stage.frames.append(lambda key, a=layer, b=packets, c=size: a.frame(key, b, c))  # type: ignore[misc]
    weak = NarrowParticipant(world, "weak", 700_000)
    strong = NarrowParticipant(world, "strong", 5_000_000)
    stage.play(25.0, [weak, strong])
    recent = weak.client.heard_of(OUT_VIDEO)[-100:]
    assert {height_of(heard) for heard in recent} == {360}
    assert height_of(strong.client.heard_of(OUT_VIDEO)[-1]) == 720
    assert strong.pipe.dropped == 0
    weak.pipe.bps = 5_000_000
    stage.play(10.0, [weak, strong])
    assert height_of(weak.client.heard_of(OUT_VIDEO)[-1]) == 720
    assert world.relay.counters.errors == 0


def test_a_client_that_sends_only_what_is_watched_is_asked_for_more_in_time() -> None:  # M10
    world = World()
    camera = Camera(world)
    student = world.participant()
    camera.play(2.0)
    saved = 0

    def obey(seconds: float) -> None:
        """Send the least layer, and of the others what the relay last named."""
        nonlocal saved
        for _ in range(round(seconds * 4)):
            told = world.events_of(LayersWanted)
            rids = told[-1].rids if told else ("q", "h", "f")  # type: ignore[attr-defined]
            camera.silent = {"h", "f"} - set(rids)
            saved += len(camera.silent)
            camera.play(0.25)

    world.relay.control.prefer(student.id, "1", Wish(layer=0), world.now)
    obey(4.0)
    assert camera.silent == {"h", "f"}
    assert saved > 10
    before = len(student.heard_of(OUT_VIDEO))
    assert height_of(student.heard_of(OUT_VIDEO)[-1]) == 180
    world.relay.control.prefer(student.id, "1", Wish(), world.now)
    obey(2.5)
    assert height_of(student.heard_of(OUT_VIDEO)[-1]) == 720, "the layer was asked for again"
    assert len(student.heard_of(OUT_VIDEO)) > before + 100
    world.relay.control.pause(student.id, "1", True, world.now)
    obey(5.0)  # long enough for the layers to count as stopped
    world.relay.control.pause(student.id, "1", False, world.now)
    now = len(student.heard_of(OUT_VIDEO))
    obey(1.0)
    assert len(student.heard_of(OUT_VIDEO)) > now, "a small picture within a second"
    obey(2.0)
    assert height_of(student.heard_of(OUT_VIDEO)[-1]) == 720


def test_layers_that_have_not_begun_are_not_given_up() -> None:  # M10
    world = World()
    camera = Camera(world)
    camera.silent = {"h", "f"}  # as browsers begin: the smallest alone
    student = world.participant()
    camera.play(3.0)
    assert world.events_of(LayersWanted)[-1].rids == ("q", "h", "f")  # type: ignore[attr-defined]
    world.relay.control.prefer(student.id, "1", Wish(height=200), world.now)
    camera.play(1.0)
    assert world.events_of(LayersWanted)[-1].rids == ("q",)  # type: ignore[attr-defined]
    world.relay.control.prefer(student.id, "1", Wish(height=700), world.now)
    camera.play(1.0)
    assert set(world.events_of(LayersWanted)[-1].rids) == {"q", "h", "f"}  # type: ignore[attr-defined]
    camera.silent = set()
    camera._plis = -1  # a layer that begins, begins with a keyframe
    camera.play(4.0)
    assert height_of(student.heard_of(OUT_VIDEO)[-1]) == 720
    assert world.events_of(LayersWanted)[-1].rids == ("f",)  # type: ignore[attr-defined]
