"""Newcomers: a keyframe to begin with, few requests for it, and the right rollover counter."""

import random

import pytest

from app.relay.core.line import WRAP_MARGIN
from app.relay.core.rtcp import picture_loss
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


def ask_for_keyframe(student: Client, kind: str = "pli") -> None:
    ours = OUT_VIDEO.to_bytes(4, "big")
    if kind == "pli":
        packet = picture_loss(OUT_VIDEO)
    else:
        packet = bytes((0x84, 206, 0, 4)) + bytes(3) + b"\1" + bytes(4) + ours + b"\1\0\0\0"
    student.send_rtcp(bytes.fromhex("80c9000100000001") + packet)


def test_a_newcomer_begins_at_a_keyframe_and_asks_for_one_at_once() -> None:
    world = World()
    presenter = world.presenter()
    early = world.participant("early")
    video = VideoSource(presenter, VIDEO_SSRC)
    video.send(key=True)
    world.advance(3.0)
    before = presenter.plis()
    late = world.participant("late")
    assert presenter.plis() == before + 1
    video.send(packets=2)
    assert late.heard_of(OUT_VIDEO) == []
    video.send(packets=2, key=True)
    video.send(packets=1)
    assert len(late.heard_of(OUT_VIDEO)) == 3
    assert late.heard_of(OUT_VIDEO) == early.heard_of(OUT_VIDEO)[-3:]


def test_audio_begins_with_the_next_packet() -> None:
    world = World()
    audio = AudioSource(world.presenter())
    world.participant("early")
    audio.send(5)
    late = world.participant("late")
    audio.send(1)
    assert len(late.heard_of(OUT_AUDIO)) == 1


def test_a_join_storm_of_a_hundred_costs_two_keyframes_at_most() -> None:
    world = World()
    presenter = world.presenter()
    video = VideoSource(presenter, VIDEO_SSRC)
    world.participant("first")
    video.send(key=True)
    world.advance(5.0)
    before = presenter.plis()
    for number in range(100):
        world.participant(f"student-{number}")
        world.advance(0.009, step=0.009)
    assert presenter.plis() == before + 1
    video.send(key=True)
    world.advance(1.5)
    assert presenter.plis() - before <= 2
    assert all(client.heard_of(OUT_VIDEO) for client in world.clients[1:])


def test_decoders_get_one_keyframe_a_second_however_many_ask() -> None:
    world = World()
    presenter = world.presenter()
    students = [world.participant(f"s{n}") for n in range(10)]
    video = VideoSource(presenter, VIDEO_SSRC)
    video.send(key=True)
    world.advance(5.0)
    before = presenter.plis()
    for _ in range(30):
        for student in students:
            ask_for_keyframe(student, "fir" if student is students[0] else "pli")
        world.advance(0.1)
    assert 3 <= presenter.plis() - before <= 4
    assert world.relay.counters.keyframe_requests_received == 300


def test_a_lost_keyframe_is_asked_for_again() -> None:
    world = World()
    presenter = world.presenter()
    video = VideoSource(presenter, VIDEO_SSRC)
    student = world.participant()
    video.send(packets=1)
    for _ in range(20):
        video.send(packets=1)
        world.advance(0.2)
    assert presenter.plis() >= 3
    video.send(key=True)
    assert len(student.heard_of(OUT_VIDEO)) == 3
    settled = presenter.plis()
    for _ in range(10):
        video.send(packets=1)
        world.advance(0.3)
    assert presenter.plis() <= settled + 1


@pytest.mark.parametrize("profile", [GCM, CM])
def test_a_late_joiner_after_rollovers_opens_everything(profile: str) -> None:
    world = World()
    presenter = world.presenter(profile=CM)
    first = world.participant("first", profile=profile)
    audio = AudioSource(presenter)
    audio.send(1)
    line = next(line for line in world.relay._rooms["004217"].lines.values() if not line.is_video)
    late = []
    for number in range(3):
        jump = 30_000  # libsrtp follows a jump of less than half the sequence space
        audio.sequence += jump
        audio.send(3)
        late.append(world.participant(f"late-{number}", profile=profile))
        audio.send(3)
    audio.sequence += 30_000
    audio.send(3)
    assert line.next_index > 65_536 + WRAP_MARGIN
    assert [c.failed for c in [first, *late]] == [0, 0, 0, 0]
    assert len(first.heard_of(OUT_AUDIO)) == 1 + 18 + 3
    assert [len(client.heard_of(OUT_AUDIO)) for client in late] == [3 + 12 + 3, 3 + 6 + 3, 3 + 3]


@pytest.mark.parametrize("profile", [GCM, CM])
@pytest.mark.parametrize("before_wrap", [1, 5, 60, WRAP_MARGIN - 1, WRAP_MARGIN + 5])
def test_a_newcomer_near_the_wrap_survives_the_loss_of_all_it_got_before_it(
    profile: str, before_wrap: int
) -> None:
    world = World()
    presenter = world.presenter()
    early = world.participant("early", profile=profile)
    audio = AudioSource(presenter)
    audio.send(1)
    line = next(line for line in world.relay._rooms["004217"].lines.values() if not line.is_video)
    # Two jumps, each less than half the sequence space, to just before the line's wrap.
    distance = 65_536 - before_wrap - line.next_index
    for part in (distance // 2, distance - distance // 2 - 1):
        audio.sequence += part - (1 if part == distance // 2 else 0)
        audio.send(1)
    newcomer = world.participant("newcomer", profile=profile)
    world.link.loss = 1.0
    audio.send(min(before_wrap, 100))
    world.link.loss = 0.0
    audio.send(before_wrap + 50)
    assert newcomer.failed == 0
    assert len(newcomer.heard_of(OUT_AUDIO)) == before_wrap + 50
    assert early.failed == 0


@pytest.mark.parametrize("profile", [GCM, CM])
def test_thirty_percent_loss_and_reordering_open_all_that_arrives(profile: str) -> None:
    world = World()
    presenter = world.presenter(profile=profile)
    student = world.participant(profile=profile)
    order = random.Random(5)
    audio = AudioSource(presenter, sequence=64_000)
    audio.send(1)
    world.link.loss = 0.3
    sent = 0
    for _ in range(200):
        block = [presenter.seal(audio.packet()) for _ in range(20)]
        order.shuffle(block)
        kept = [packet for packet in block if order.random() > 0.3]
        sent += len(kept)
        world.deliver([(packet, presenter.address) for packet in kept])
    assert student.failed == 0
    assert 0.6 * sent < len(student.heard_of(OUT_AUDIO)) < 0.8 * sent
    assert world.relay.counters.dropped_unauthentic == 0


def test_a_screen_that_begins_with_a_keyframe_is_not_asked_for_another() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    VideoSource(presenter, VIDEO_SSRC).send(key=True)
    VideoSource(presenter, SCREEN_SSRC).send(key=True)
    assert len(student.heard_of(OUT_VIDEO)) == 6
    assert presenter.plis() == 0


@pytest.mark.parametrize("profile", [GCM, CM])
def test_a_packet_older_than_a_newcomers_start_goes_to_the_others_only(profile: str) -> None:
    world = World()
    presenter = world.presenter()
    early = world.participant("early", profile=profile)
    audio = AudioSource(presenter, sequence=100)
    audio.send(1)
    line = next(line for line in world.relay._rooms["004217"].lines.values() if not line.is_video)
    # Number the feed so that the line's next index is the last one before its wrap.
    distance = 65_535 - line.next_index
    for part in (distance // 2, distance - distance // 2):
        audio.sequence += part - 1
        audio.send(1)
    assert line.next_index == 65_535
    late, newest = presenter.seal(audio.packet(b"late")), presenter.seal(audio.packet(b"newest"))
    line.next_index = 65_536  # as if the late one were only on its way: the line is past its wrap
    newcomer = world.participant("newcomer", profile=profile)
    world.deliver([(newest, presenter.address)])
    world.deliver([(late, presenter.address), (presenter.seal(audio.packet()), presenter.address)])
    assert [p.payload for p in newcomer.heard] == [b"newest", b"opus frame"]
    assert [p.payload for p in early.heard[-3:]] == [b"newest", b"late", b"opus frame"]
    assert early.failed == newcomer.failed == 0
    assert world.relay.counters.errors == 0


def test_a_keyframe_on_its_way_serves_all_who_asked_before_it() -> None:
    world = World()
    presenter = world.presenter()
    video = VideoSource(presenter, VIDEO_SSRC)
    student = world.participant()
    video.send(key=True)
    ask_for_keyframe(student)
    before = presenter.plis()
    world.advance(0.2)
    ask_for_keyframe(student)
    video.send(key=True)
    world.advance(2.0)
    assert presenter.plis() == before
