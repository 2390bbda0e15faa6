"""What a subscriber may ask for: bounds, priority, slides, alerts; nobody else notices it."""

from dataclasses import replace

import pytest

from app.relay.core.events import BandwidthAlert, LayerChanged
from app.relay.core.media import MediaPlan
from app.relay.core.rtcp import picture_loss, receiver_report
from app.relay.core.wish import SLIDES, Alarm, Scheme, Wish, slide_seconds
from tests.unit.relay.core.narrow import (
    NARROW,
    NARROW_AUDIO,
    NARROW_VIDEO,
    NarrowParticipant,
    Stage,
)
from tests.unit.relay.core.test_core_simulcast import PLAN, Camera, height_of
from tests.unit.relay.core.world import (
    OUT_AUDIO,
    OUT_VIDEO,
    SCREEN_IN,
    SCREEN_SSRC,
    VIDEO_SSRC,
    Client,
    World,
)

WIDE, LOW = 5_000_000, 250_000


def shown(client: Client, since: int = 0) -> set[int]:
    """Return the heights of the frames that began since a packet."""
    return {
        height_of(heard) for heard in client.heard_of(OUT_VIDEO)[since:] if _begins(heard.payload)
    }


def _begins(payload: bytes) -> bool:
    return bool(payload[0] & 0x10)


def wished(wish: Wish, seconds: float = 3.0) -> tuple[World, Client, Client, int]:
    """Return a room with three layers where one of two participants wished for something."""
    world = World()
    camera = Camera(world)
    one, other = world.participant("one"), world.participant("other")
    camera.play(4.0)
    world.relay.control.prefer(one.id, "1", wish, world.now)
    camera.play(seconds)
    since = len(one.heard_of(OUT_VIDEO))
    camera.play(2.0)
    assert shown(other, len(other.heard_of(OUT_VIDEO)) // 2) == {720}, "nobody else notices"
    assert world.relay.counters.errors == 0
    return world, one, other, since


@pytest.mark.parametrize(
    ("wish", "height"),
    [
        (Wish(layer=0), 180),
        (Wish(layer=1), 360),
        (Wish(height=300), 360),
        (Wish(width=320), 180),
        (Wish(width=640, height=2_000), 360),
        (Wish(), 720),
    ],
)
def test_layer_and_window_bound_the_picture(wish: Wish, height: int) -> None:  # L28, M10
    _, one, _, since = wished(wish)
    assert shown(one, since) == {height}


def test_a_frame_rate_is_a_temporal_layer(  # L28
) -> None:
    world, one, _, since = wished(Wish(fps=13))
    frames = [heard for heard in one.heard_of(OUT_VIDEO)[since:] if heard.marker]
    assert len(frames) in range(22, 28), "25 of 50 in two seconds"
    assert world.relay.counters.temporal_dropped > 0


def test_a_bound_of_the_bit_rate_is_obeyed(  # L28 (maxVideoBW), M11
) -> None:
    world, one, _, since = wished(Wish(max_bps=400_000))
    packets = one.heard_of(OUT_VIDEO)[since:]
    assert packets
    assert 8 * sum(len(heard.raw) for heard in packets) / 2 <= 400_000
    world, one, _, since = wished(Wish(max_bps=10_000))
    assert one.heard_of(OUT_VIDEO)[since:] == [], "the least layer needs more: paused"
    assert world.events_of(LayerChanged)[-1].is_paused  # type: ignore[attr-defined]
    camera_goes_on = len(one.heard_of(OUT_VIDEO))
    world.relay.control.prefer(one.id, "1", Wish(), world.now)
    assert len(one.heard_of(OUT_VIDEO)) >= camera_goes_on


def test_an_offers_own_bound_counts_too() -> None:  # b=AS
    world = World()
    camera = Camera(world)
    video = replace(NARROW_VIDEO, max_bps=400_000)
    one = world.participant("one", MediaPlan((NARROW_AUDIO, video)))
    all_together = world.participant("two", MediaPlan(NARROW.sections, max_bps=400_000))
    free = world.participant("free", NARROW)
    camera.play(6.0)
    since = [len(client.heard_of(OUT_VIDEO)) for client in (one, all_together, free)]
    camera.play(2.0)
    for client, start in ((one, since[0]), (all_together, since[1])):
        video = client.heard_of(OUT_VIDEO)[start:]
        assert 200_000 < 8 * sum(len(heard.raw) for heard in video) / 2 <= 400_000
    assert shown(free, since[2]) == {720}
    assert 8 * sum(len(heard.raw) for heard in free.heard_of(OUT_VIDEO)[since[2] :]) / 2 > 400_000


def test_slides_are_keyframes_alone_at_their_own_pace() -> None:  # L28 (slideShowMode)
    world = World()
    camera = Camera(world)
    one, other = world.participant("one"), world.participant("other")
    camera.play(3.0)
    world.relay.control.prefer(one.id, "1", Wish(slides=2.0), world.now)
    camera.play(1.0)
    since, plis = len(one.heard_of(OUT_VIDEO)), camera.client.plis()
    camera.play(12.0)
    slides = one.heard_of(OUT_VIDEO)[since:]
    frames = [heard for heard in slides if heard.marker]
    assert len(frames) in (5, 6, 7)
    assert all(heard.payload[6] & 1 == 0 for heard in slides if _begins(heard.payload))
    numbers = [heard.sequence for heard in one.heard_of(OUT_VIDEO)]
    assert [(n - numbers[0]) & 0xFFFF for n in numbers] == list(range(len(numbers)))
    assert camera.client.plis() - plis <= 3 * 7, "one request per layer and slide"
    assert world.events_of(LayerChanged)[-1].temporal == SLIDES  # type: ignore[attr-defined]
    before = len(other.heard_of(OUT_VIDEO))
    world.relay.control.prefer(one.id, "1", Wish(), world.now)
    camera.play(3.0)
    again = len(one.heard_of(OUT_VIDEO)) - since - len(slides)
    assert again > 0.6 * (len(other.heard_of(OUT_VIDEO)) - before), "after the next keyframe"
    stats = world.relay.peer_stats(one.id, world.now)
    assert stats is not None
    assert all(section.freezes == 0 for section in stats.sent)


@pytest.mark.parametrize(("wanted", "got"), [(2.0, 2.0), (10.0, 10.0), (0.0, 3.0), (11.0, 3.0)])
def test_slides_out_of_bounds_come_every_three_seconds(wanted: float, got: float) -> None:  # L28
    assert slide_seconds(wanted) == got


def test_slides_rather_than_a_layer_below_what_is_useful() -> None:  # L28 (slideShowBelowLayer)
    world, stage, weak, _ = narrow_room(Wish(slides_below=1))
    since = len(weak.client.heard_of(OUT_VIDEO))
    stage.play(8.0, [weak])
    video = weak.client.heard_of(OUT_VIDEO)[since:]
    assert 1 <= len([heard for heard in video if heard.marker]) <= 5
    assert not world.events_of(LayerChanged)[-1].is_paused  # type: ignore[attr-defined]


def test_what_has_priority_degrades_last() -> None:  # M12
    shares = {}
    for favourite in ("1", "2"):
        world = World()
        plan = MediaPlan((*PLAN.sections[:1], replace(PLAN.sections[1], rids=()), SCREEN_IN))
        plan = MediaPlan(
            (plan.sections[0], replace(plan.sections[1], remote_ssrcs=(VIDEO_SSRC,)), SCREEN_IN)
        )
        stage = Stage(world, plan)
        stage.add_video(VIDEO_SSRC, packets=2, size=1_000)  # 420 kbit/s
        stage.add_video(SCREEN_SSRC, packets=2, size=1_000)
        camera = replace(NARROW_VIDEO, source="camera")
        screen = replace(
            NARROW_VIDEO, mid="2", source="screen", ssrc=0xA0000022, rtx_ssrc=0xA0000023
        )
        weak = NarrowParticipant(world, "weak", WIDE, MediaPlan((NARROW_AUDIO, camera, screen)))
        stage.play(3.0, [weak])
        world.relay.control.prefer(weak.client.id, favourite, Wish(priority=9), world.now)
        weak.pipe.bps = 700_000
        stage.play(10.0, [weak])
        start = world.now
        stage.play(4.0, [weak])
        shares[favourite] = [
            weak.between(ssrc, start, world.now) for ssrc in (OUT_VIDEO, 0xA0000022)
        ]
    assert shares["1"][0] > 3 * max(1, shares["1"][1])
    assert shares["2"][1] > 3 * max(1, shares["2"][0])


def narrow_room(wish: Wish) -> tuple[World, Stage, NarrowParticipant, NarrowParticipant]:
    """Return a room after one link of two has been too narrow for its picture for a while."""
    world = World()
    stage = Stage(world)
    stage.add_video(VIDEO_SSRC, packets=5, size=1_150)  # 1.15 Mbit/s
    weak, strong = (NarrowParticipant(world, name, WIDE) for name in ("weak", "strong"))
    stage.play(3.0, [weak, strong])
    world.relay.control.prefer(weak.client.id, "1", wish, world.now)
    stage.play(1.0, [weak, strong])
    assert world.events_of(BandwidthAlert) == []
    weak.pipe.bps = LOW
    stage.play(5.0, [weak, strong])
    assert strong.pipe.dropped == 0
    return world, stage, weak, strong


def alerts(world: World) -> list[bool]:
    return [event.is_short for event in world.events_of(BandwidthAlert)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "scheme",
    ["notify", "notify-break", "notify-break-recover", "notify-slideshow", "notify-stop-feedback"],
)
def test_a_constrained_link_raises_an_alert_and_its_scheme_acts(scheme: Scheme) -> None:  # L29
    world, stage, weak, strong = narrow_room(Wish(min_bps=600_000, scheme=scheme))
    assert alerts(world) == [True]
    alert = world.events_of(BandwidthAlert)[0]
    assert alert.peer == weak.client.id  # type: ignore[attr-defined]
    assert alert.available_bps < 600_000  # type: ignore[attr-defined]
    narrowed = world.now
    stage.play(7.0, [weak, strong])
    pictures = len({
        heard.timestamp
        for heard, at in zip(weak.client.heard, weak.client.arrived, strict=True)
        if heard.ssrc == OUT_VIDEO and at > narrowed
    })  # fmt: skip
    if scheme == "notify-slideshow":
        assert 1 <= pictures <= 5
    elif scheme.startswith("notify-break"):
        assert pictures == 0
    assert weak.between(OUT_AUDIO, narrowed, world.now) > 0.9 * 50 * (world.now - narrowed)
    weak.pipe.bps = WIDE
    stage.play(12.0, [weak, strong])
    assert alerts(world) == [True, False]
    came = weak.between(OUT_VIDEO, world.now - 1, world.now)
    assert came == (0 if scheme == "notify-break" else 125)
    if scheme == "notify-break":
        world.relay.control.prefer(weak.client.id, "1", Wish(), world.now)
        stage.play(2.0, [weak, strong])
        assert weak.between(OUT_VIDEO, world.now - 1, world.now) == 125
    assert strong.between(OUT_VIDEO, narrowed, world.now) >= 125 * 18
    assert world.relay.counters.errors == 0


def test_a_short_link_that_stops_its_feedback_costs_the_publisher_no_keyframe() -> None:  # L29
    for scheme, asks in (("notify-stop-feedback", 0), ("notify", 1)):
        world, stage, weak, strong = narrow_room(
            Wish(min_bps=600_000, scheme=scheme)  # type: ignore[arg-type]
        )
        weak.pipe.bps = WIDE
        stage.play(1.5, [weak, strong])
        one = world.relay._peers[weak.client.id].subscriptions["1"]
        one.alarm.is_on = True
        before = stage.client.plis()
        if one.line is None:
            continue
        weak.client.send_rtcp(receiver_report(()) + picture_loss(OUT_VIDEO))
        world.advance(1.1)
        assert (stage.client.plis() > before) == bool(asks)


def test_an_alarm_ends_only_with_a_margin() -> None:  # L29
    alarm, wish = Alarm(), Wish(min_bps=100)
    assert not alarm.look(wish, None)
    assert not alarm.look(wish, 100)
    assert alarm.look(wish, 99)
    assert not alarm.look(wish, 110)
    assert alarm.look(wish, 120)
    assert not alarm.is_on
    assert not alarm.look(Wish(), 1)
