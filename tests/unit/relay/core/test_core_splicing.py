"""One continuous line per section, whatever feeds it: reloads, changed SSRCs, screen and camera."""

import itertools

import pytest

from app.relay.core.events import PeerGone
from tests.unit.relay.core.world import (
    CM,
    GCM,
    OUT_AUDIO,
    OUT_VIDEO,
    SCREEN_SSRC,
    VIDEO_SSRC,
    AudioSource,
    Client,
    VideoSource,
    World,
)


def assert_continuous(student: Client, ssrc: int) -> None:
    heard = student.heard_of(ssrc)
    first = heard[0].sequence
    assert [(p.sequence - first) & 0xFFFF for p in heard] == list(range(len(heard)))
    steps = [
        (after.timestamp - before.timestamp) & 0xFFFFFFFF
        for before, after in itertools.pairwise(heard)
    ]
    assert all(step < 0x80000000 for step in steps), "a timestamp went back"
    assert student.failed == 0


@pytest.mark.parametrize("profile", [GCM, CM])
def test_a_reloaded_presenter_continues_the_lines(profile: str) -> None:
    world = World()
    old = world.presenter("old")
    student = world.participant(profile=profile)
    AudioSource(old, sequence=65_530).send(20)
    VideoSource(old, VIDEO_SSRC, sequence=30_000).send(packets=4, key=True)
    world.advance(4.0)
    new = world.presenter("new", profile=profile)
    assert [(gone.peer, gone.reason) for gone in world.events_of(PeerGone)] == [
        (old.id, "replaced")
    ]
    AudioSource(new, ssrc=0x7777, sequence=9).send(5)
    video = VideoSource(new, VIDEO_SSRC, sequence=11, timestamp=5)
    video.send(packets=2)
    assert len(student.heard_of(OUT_VIDEO)) == 4, "a line begins at a keyframe only"
    video.send(packets=3, key=True)
    assert len(student.heard_of(OUT_AUDIO)) == 25
    assert len(student.heard_of(OUT_VIDEO)) == 7
    assert_continuous(student, OUT_AUDIO)
    assert_continuous(student, OUT_VIDEO)
    gap = student.heard_of(OUT_AUDIO)[20].timestamp - student.heard_of(OUT_AUDIO)[19].timestamp
    assert abs((gap & 0xFFFFFFFF) - 4 * 48_000) < 48_000 * 0.3


def test_the_old_presenter_is_heard_until_the_new_one_has_keys() -> None:
    world = World()
    old = world.presenter("old")
    student = world.participant()
    audio = AudioSource(old)
    audio.send()
    new = Client(world, "new", "presenter", old.plan, GCM)
    world.add(new)
    new.check()
    audio.send()
    assert len(student.heard) == 2
    world.relay.set_keys(new.id, new.keys, world.now)
    world.settle()
    audio.send()
    assert len(student.heard) == 2
    assert world.events_of(PeerGone)


def test_a_changed_ssrc_in_one_section_is_spliced_in() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    first, second = AudioSource(presenter, 0x51), AudioSource(presenter, 0x52, sequence=40_000)
    first.send(3)
    world.advance(0.02, step=0.02)
    second.send(3)
    first.send(2)
    assert len(student.heard_of(OUT_AUDIO)) == 6
    assert_continuous(student, OUT_AUDIO)
    assert world.relay.counters.dropped_late == 2
    assert world.relay.counters.lines_spliced == 1


def test_reordered_packets_keep_their_own_numbers() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    audio = AudioSource(presenter, sequence=65_534)
    sealed = [presenter.seal(audio.packet()) for _ in range(6)]
    for position in (0, 2, 1, 5, 3, 4):
        world.deliver([(sealed[position], presenter.address)])
    heard = student.heard_of(OUT_AUDIO)
    first = heard[0].sequence
    assert [p.sequence - first for p in heard] == [0, 2, 1, 5, 3, 4]
    assert student.failed == 0


def test_packets_from_before_a_splice_are_dropped() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    video = VideoSource(presenter, VIDEO_SSRC)
    late = [presenter.seal(packet) for packet in video.frame(packets=2)]
    video.send(packets=2, key=True)
    world.deliver([(packet, presenter.address) for packet in late])
    assert len(student.heard_of(OUT_VIDEO)) == 2
    assert world.relay.counters.dropped_late == 2


def test_the_screen_is_shown_while_it_is_received_and_then_the_camera() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    camera = VideoSource(presenter, VIDEO_SSRC)
    screen = VideoSource(presenter, SCREEN_SSRC, sequence=50_000)
    camera.send(packets=2, key=True)
    screen.send(packets=1)
    camera.send(packets=2)
    assert len(student.heard_of(OUT_VIDEO)) == 4, "the camera goes on until the screen's keyframe"
    screen.send(packets=3, key=True)
    camera.send(packets=2, key=True)
    assert len(student.heard_of(OUT_VIDEO)) == 7
    world.advance(1.0)
    screen.send(packets=1)
    world.advance(1.9)
    camera.send(packets=2, key=True)
    assert len(student.heard_of(OUT_VIDEO)) == 8, "a screen that stands still for a moment stays"
    before = presenter.plis()
    world.advance(0.7)
    camera.send(packets=1)
    world.advance(0.6)
    assert presenter.plis() > before, "the camera is asked for a keyframe"
    camera.send(packets=2, key=True)
    assert len(student.heard_of(OUT_VIDEO)) == 10
    assert_continuous(student, OUT_VIDEO)


def test_a_goodbye_ends_the_screen_at_once() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    camera = VideoSource(presenter, VIDEO_SSRC)
    screen = VideoSource(presenter, SCREEN_SSRC)
    screen.send(packets=2, key=True)
    goodbye = bytes((0x81, 203, 0, 1)) + SCREEN_SSRC.to_bytes(4, "big")
    presenter.send_rtcp(bytes.fromhex("80c9000100000001") + goodbye)
    camera.send(packets=3, key=True)
    assert len(student.heard_of(OUT_VIDEO)) == 5
    assert_continuous(student, OUT_VIDEO)


def test_no_nonce_is_used_twice_for_one_subscriber() -> None:
    # AES-GCM: two packets under one (SSRC, rollover, sequence) would give both away.
    world = World()
    students = [world.participant(f"s{n}") for n in range(2)]
    for reload in range(4):
        presenter = world.presenter(f"p{reload}")
        audio = AudioSource(presenter, 0x50 + reload % 2, sequence=65_500)
        sealed = [presenter.seal(audio.packet(b"%d/%d" % (reload, n))) for n in range(80)]
        order = [*range(10, 80), *range(10)]
        world.deliver([(sealed[position], presenter.address) for position in order])
        world.deliver([(packet, presenter.address) for packet in sealed])
    for student in students:
        heard = student.heard_of(OUT_AUDIO)
        assert len(heard) == len({p.sequence for p in heard}) == len({p.payload for p in heard})
        assert student.failed == 0
