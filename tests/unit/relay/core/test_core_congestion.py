"""A narrow link: audio untouched, video paused and back; others notice nothing."""

from dataclasses import replace

from app.relay.core.events import LayerChanged
from app.relay.core.media import MediaPlan
from tests.unit.relay.core.narrow import NARROW_AUDIO, NARROW_VIDEO, NarrowParticipant, Stage
from tests.unit.relay.core.world import OUT_AUDIO, OUT_VIDEO, VIDEO_SSRC, VP8, World

WIDE, NARROW_BPS = 5_000_000, 200_000


def test_at_200_kbit_audio_is_untouched_and_video_comes_back_within_ten_seconds() -> None:
    world = World()
    stage = Stage(world)
    stage.add_video(VIDEO_SSRC, packets=5, size=1_150)  # 1.15 Mbit/s
    weak = NarrowParticipant(world, "weak", WIDE)
    strong = NarrowParticipant(world, "strong", WIDE)
    stage.play(5.0, [weak, strong])
    assert weak.between(OUT_VIDEO, world.now - 1, world.now) == 125
    weak.pipe.bps = NARROW_BPS
    narrowed = world.now
    stage.play(12.0, [weak, strong])
    for second in range(4, 12):
        start = narrowed + second
        assert weak.between(OUT_AUDIO, start, start + 1) in range(45, 56), second
    assert weak.between(OUT_VIDEO, narrowed + 3, world.now) < 0.1 * 9 * 125
    assert weak.audio_lost() <= 15, "a third of a second, while the queue was full"
    assert world.events_of(LayerChanged)[-1].is_paused  # type: ignore[attr-defined]
    weak.pipe.bps = WIDE
    widened = world.now
    stage.play(10.0, [weak, strong])
    assert weak.between(OUT_VIDEO, widened + 9, widened + 10) == 125
    lost = weak.audio_lost()
    stage.play(5.0, [weak, strong])
    assert weak.audio_lost() == lost
    assert strong.pipe.dropped == strong.audio_lost() == 0
    assert strong.between(OUT_VIDEO, narrowed, widened) in range(1490, 1501)
    stats = world.relay.peer_stats(weak.client.id, world.now)
    assert stats is not None
    assert stats.estimate_bps is not None
    assert world.relay.counters.errors == 0


def test_a_wide_link_is_never_limited_and_never_probed() -> None:
    world = World()
    stage = Stage(world)
    stage.add_video(VIDEO_SSRC, packets=5, size=1_150)
    wide = NarrowParticipant(world, "wide", 3_000_000)
    stage.play(15.0, [wide])
    assert wide.between(OUT_VIDEO, world.now - 10, world.now) in range(1245, 1256)
    assert world.relay.counters.probes_sent == 0
    assert wide.audio_lost() == wide.pipe.dropped == 0


def test_random_loss_of_a_twentieth_is_no_congestion() -> None:
    world = World()
    stage = Stage(world)
    stage.add_video(VIDEO_SSRC, packets=5, size=1_150)
    lossy = NarrowParticipant(world, "lossy", WIDE)
    world.link.loss = 0.05
    stage.play(20.0, [lossy])
    assert not any(event.is_paused for event in world.events_of(LayerChanged))  # type: ignore[attr-defined]
    came = lossy.between(OUT_VIDEO, world.now - 10, world.now)
    assert came > 0.92 * 1250


def test_heavy_random_loss_keeps_the_participant_and_its_audio() -> None:
    world = World()
    stage = Stage(world)
    stage.add_video(VIDEO_SSRC, packets=5, size=1_150)
    lossy = NarrowParticipant(world, "lossy", WIDE)
    world.link.loss = 0.3
    stage.play(20.0, [lossy])
    assert world.events_of_gone() == []
    assert 0.6 * 500 < lossy.between(OUT_AUDIO, world.now - 10, world.now) < 0.8 * 500
    world.link.loss = 0.0
    stage.play(10.0, [lossy])
    assert lossy.between(OUT_VIDEO, world.now - 1, world.now) == 125


def test_without_rtx_media_itself_is_the_probe() -> None:
    world = World()
    stage = Stage(world)
    stage.add_video(VIDEO_SSRC, packets=5, size=1_150)
    plain = MediaPlan((NARROW_AUDIO, replace(NARROW_VIDEO, codecs=(VP8,), rtx_ssrc=0)))
    weak = NarrowParticipant(world, "weak", WIDE, plain)
    stage.play(4.0, [weak])
    weak.pipe.bps = NARROW_BPS
    narrowed = world.now
    stage.play(15.0, [weak])
    # Tried every six seconds, and each time given up within one.
    assert weak.between(OUT_VIDEO, narrowed + 3, world.now) < 0.25 * 12 * 125
    assert weak.between(OUT_AUDIO, narrowed + 3, world.now) > 0.9 * 12 * 50
    assert world.relay.counters.probes_sent == 0
    weak.pipe.bps = WIDE
    widened = world.now
    stage.play(10.0, [weak])
    assert weak.between(OUT_VIDEO, widened + 9, widened + 10) == 125
