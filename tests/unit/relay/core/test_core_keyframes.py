"""A newcomer's first picture: within a second, in a crowd, at one request a second."""

import random

import pytest

from tests.unit.relay.core.world import (
    CM,
    GCM,
    OUT_VIDEO,
    VIDEO_SSRC,
    Client,
    VideoSource,
    World,
)

LATENCY = 0.08
"""From a PLI to the keyframe: a round trip and an encoder's turn."""


class Encoder:
    """25 frames a second, a keyframe only where it is asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = world.presenter()
        self.video = VideoSource(self.client, VIDEO_SSRC)
        self.asked: list[float] = []
        self._due: list[float] = []
        self._tick = 0

    def step(self) -> None:
        """Let 20 ms pass."""
        while len(self.asked) < self.client.plis():
            self.asked.append(self.world.now)
            self._due.append(self.world.now + LATENCY)
        if self._tick % 2 == 0:
            key = bool(self._due) and self._due[0] <= self.world.now
            self._due = [] if key else self._due
            self.video.send(packets=4, key=key)
        self._tick += 1
        self.world.advance(0.02, step=0.02)


def test_a_newcomer_sees_video_within_a_second_in_a_room_of_a_hundred() -> None:  # M9
    world = World()
    encoder = Encoder(world)
    rng = random.Random(11)
    joins = sorted(rng.uniform(1.0, 21.0) for _ in range(100))
    waiting: dict[Client, float] = {}
    waits: list[float] = []
    start = world.now
    while joins or waiting:
        while joins and world.now - start >= joins[0]:
            del joins[0]
            waiting[world.participant(f"student-{len(joins)}")] = world.now
        encoder.step()
        served = [client for client in waiting if client.heard_of(OUT_VIDEO)]
        waits += [world.now - waiting.pop(client) for client in served]
    assert len(waits) == 100
    waits.sort()
    assert waits[98] <= 1.0
    assert waits[50] <= 0.5
    gaps = [b - a for a, b in zip(encoder.asked, encoder.asked[1:], strict=False)]
    assert min(gaps) >= 0.95
    assert world.relay.counters.errors == 0


@pytest.mark.parametrize("profile", [GCM, CM])
def test_a_newcomer_gets_what_followed_a_recent_keyframe_at_once(profile: str) -> None:
    world = World()
    presenter = world.presenter()
    early = world.participant("early")
    video = VideoSource(presenter, VIDEO_SSRC)
    video.send(packets=4, key=True)
    for _ in range(10):
        world.advance(0.04, step=0.04)
        video.send(packets=3)
    plis = presenter.plis()
    late = world.participant("late", profile=profile)
    assert [p.payload for p in late.heard_of(OUT_VIDEO)] == [
        p.payload for p in early.heard_of(OUT_VIDEO)
    ]
    video.send(packets=3)
    heard = late.heard_of(OUT_VIDEO)
    assert [(p.sequence - heard[0].sequence) & 0xFFFF for p in heard] == list(range(37))
    world.advance(2.0)
    assert presenter.plis() == plis, "nobody needed a keyframe"
    assert late.failed == 0
    stats = world.relay.peer_stats(late.id, world.now)
    assert stats is not None
    assert sum(one.packets for one in stats.sent) == 37
