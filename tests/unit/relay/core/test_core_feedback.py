"""Transport-wide feedback to a publisher, its codec, and statistics that agree with the wire."""

import random
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.relay.core import transport
from app.relay.core.downlink import Downlink
from app.relay.core.media import MediaPlan
from app.relay.core.rtcp import ReportBlock, receiver_report
from app.relay.core.rtp import TRANSPORT_WIDE_URI
from app.relay.core.sent import SLOTS, SentLog
from app.relay.core.transport import Arrivals
from tests.unit.relay.core.lossy import LossyParticipant, LossyPresenter, play
from tests.unit.relay.core.world import (
    AUDIO_IN,
    OUT_VIDEO,
    ROOM,
    VIDEO_IN,
    VIDEO_SSRC,
    AudioSource,
    VideoSource,
    World,
    rtcp_parts,
    rtp_packet,
)


def statements(body: bytes) -> list[tuple[int, float | None]]:
    """Return (number, arrival or None) in order."""
    told = transport.read(body)
    assert told is not None
    found: dict[int, float | None] = dict.fromkeys(told.lost)
    for offset, tick in zip(told.offsets, told.ticks, strict=True):
        found[offset] = tick * transport.DELTA_SECONDS
    return [(told.base + offset & 0xFFFF, found[offset]) for offset in sorted(found)]


def test_a_publisher_is_told_what_came_when_and_gets_no_remb() -> None:
    world = World()
    section = replace(
        VIDEO_IN, extensions=((TRANSPORT_WIDE_URI, 3),), feedback=("transport-cc", "goog-remb")
    )
    presenter = world.presenter(plan=MediaPlan((AUDIO_IN, section)))
    sent: dict[int, float] = {}
    for number in range(65_500, 65_700):
        if number % 7:
            block = struct.pack("!HHBHx", 0xBEDE, 1, 3 << 4 | 1, number & 0xFFFF)
            presenter.send(
                rtp_packet(VIDEO_SSRC, number, number * 90, bytes(100), 96, False, block)
            )
            sent[number & 0xFFFF] = world.now
        world.advance(0.01, step=0.01)
    world.advance(0.2, step=0.01)
    told: dict[int, float | None] = {}
    for data in presenter.rtcp:
        for count, kind, body in rtcp_parts(data):
            assert (count, kind) != (15, 206), "no REMB beside it"
            if (count, kind) == (15, 205):
                told.update(statements(body))
    assert set(sent) <= set(told)
    came = {number: time for number, time in told.items() if time is not None}
    assert set(came) == set(sent)
    base = came[65_501] - sent[65_501]
    for number, time in came.items():
        assert abs(time - sent[number] - base) < 0.0006
    lost = {number for number, time in told.items() if time is None}
    assert lost == {number & 0xFFFF for number in range(65_502, 65_699) if number % 7 == 0}
    feedbacks = world.relay.counters.transport_feedback_sent
    assert 20 <= feedbacks <= 45, "about every 50 ms"


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(-30, 400)), min_size=1, max_size=80))
def test_feedback_is_read_as_it_was_written(steps: list[tuple[int, int]]) -> None:
    number, ticks = 70_000, 4_000_000
    arrivals = []
    for gap, delay in steps:
        number += gap
        ticks += delay
        arrivals.append((number, ticks * transport.DELTA_SECONDS))
    base = arrivals[0][0] - 1
    body = transport.write(base, arrivals, 7)
    assert len(body) % 4 == 0
    read = statements(bytes(8) + body)
    assert len(read) == number - base + 1
    got = {wire: time for wire, time in read if time is not None}
    assert set(got) == {n & 0xFFFF for n, _ in arrivals}
    for n, time in arrivals:
        assert abs(got[n & 0xFFFF] - time) < 0.0002


@given(st.binary(max_size=64))
def test_any_feedback_is_read_or_refused(body: bytes) -> None:
    found = transport.read(body)
    assert found is None or len(found.offsets) + len(found.lost) <= transport.MAX_STATUSES


def test_arrivals_are_told_once_and_in_bounds() -> None:
    arrivals = Arrivals()
    order = random.Random(3)
    numbers = list(range(65_000, 67_000))
    told: list[int] = []
    for at in range(0, 2_000, 40):
        block = numbers[at : at + 40]
        if at:  # what came before the first one is not told
            order.shuffle(block)
        for number in block:
            arrivals.add(number & 0xFFFF, at / 100)
            arrivals.add(number & 0xFFFF, at / 100 + 1)
        body = arrivals.take()
        assert body is not None
        told += [n for n, time in statements(bytes(8) + body) if time is not None]
    assert told == [number & 0xFFFF for number in numbers]
    assert arrivals.take() is None


def test_what_comes_late_is_told_again_with_what_followed_it() -> None:
    arrivals = Arrivals()
    for number in (10, 11, 13):
        arrivals.add(number, 1.0)
    first = arrivals.take()
    assert first is not None
    assert [time is None for _, time in statements(bytes(8) + first)] == [False, False, True, False]
    arrivals.add(12, 1.06)
    arrivals.add(11, 1.07)  # a repeat is no news
    second = arrivals.take()
    assert second is not None
    assert [number for number, _ in statements(bytes(8) + second)] == [12, 13]
    assert all(time is not None for _, time in statements(bytes(8) + second))
    arrivals.add(14, 3.0)
    assert arrivals.take() is not None
    arrivals.add(13, 3.1)
    arrivals.add(9, 3.1)
    assert arrivals.take() is None, "nobody knows any more what came beside it"


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_reordering_is_no_loss_and_loss_is_counted(share: float) -> None:
    chance = random.Random(8)
    log, link, arrivals = SentLog(), Downlink(), Arrivals()
    link.serial = log.serial()
    on_their_way: list[tuple[float, int]] = []
    start = 900_000
    for step in range(1_500):
        now = 50.0 + step * 0.005
        number = int.from_bytes(log.add(link.serial, step, 1_000, now), "big")
        if chance.random() >= share:
            on_their_way.append((now + chance.uniform(0.05, 0.15), number))
        for at, came in sorted(pair for pair in on_their_way if pair[0] <= now):
            arrivals.add(came, at)
        on_their_way = [pair for pair in on_their_way if pair[0] > now]
        if step % 6 == 0 and (body := arrivals.take()) is not None:
            link.take_transport(bytes(8) + body, log, lambda: {link.serial: 0}, lambda: start, now)
    assert link.estimate_bps is not None
    assert link.is_limited == bool(share)
    assert (link.estimate_bps < 0.7 * start) == bool(share)


def test_the_log_of_sent_numbers_wraps_and_forgets() -> None:
    log = SentLog()
    for index in range(70_000):
        assert log.add(5, index, 100, index / 1e3) == ((index + 1) & 0xFFFF).to_bytes(2, "big")
    assert log.unwrap(70_000 & 0xFFFF) == 70_000
    assert log.of(70_000) == (5, 69_999, 100, 69.999)
    assert log.unwrap(70_001 & 0xFFFF) == -1, "not given out lately"
    assert log.unwrap(70_000 - SLOTS & 0xFFFF) == -1
    assert log.unwrap(70_001 - SLOTS & 0xFFFF) == 70_001 - SLOTS


def test_statistics_agree_with_what_was_sent() -> None:  # M17
    world = World()
    sent: dict[object, list[int]] = {}
    world.tap = lambda data, address: (
        sent.setdefault(address, []).append(len(data))
        if data[0] > 127 and not 192 <= data[1] <= 223
        else None
    )
    presenter = LossyPresenter(world, 0.02)
    student = LossyParticipant(world, "student")
    world.link.loss = 0.05
    play(world, presenter, [student], 5.0)
    stats = world.relay.peer_stats(student.client.id, world.now)
    assert stats is not None
    assert sum(one.packets + one.repeated for one in stats.sent) == len(
        sent[student.client.address]
    )
    total = sum(one.bytes + one.repeated_bytes for one in stats.sent)
    assert total == sum(sent[student.client.address])
    video = next(one for one in stats.sent if one.kind == "video")
    assert video.nacked >= video.repeated > 0
    assert (video.owner, video.source) == (presenter.client.id, "camera")
    mine = world.relay.peer_stats(presenter.client.id, world.now)
    assert mine is not None
    track = next(one for one in mine.received if one.source == "camera")
    assert track.packets == presenter.video.sequence
    assert track.recovered > 0
    assert world.relay.peer_stats(student.client.id.__class__("nobody"), world.now) is None


def test_receiver_reports_give_round_trip_and_loss() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    video = VideoSource(presenter, VIDEO_SSRC)
    video.send(key=True)
    ntp = 0xE000_0000_1234_5678
    presenter.send_rtcp(
        struct.pack("!BBHIQIII", 0x80, 200, 6, VIDEO_SSRC, ntp, video.timestamp, 3, 600)
    )
    world.advance(0.25, step=0.05)
    block = ReportBlock(OUT_VIDEO, 64, 5, 10, 900, ntp >> 16 & 0xFFFFFFFF, int(0.1 * 65536))
    student.send_rtcp(receiver_report([block]))
    stats = world.relay.peer_stats(student.id, world.now)
    assert stats is not None
    assert stats.rtt_seconds is not None
    assert abs(stats.rtt_seconds - 0.15) < 0.001
    section = next(one for one in stats.sent if one.mid == "1")
    assert (section.lost, section.fraction_lost, section.jitter_seconds) == (5, 0.25, 0.01)


def test_a_freeze_is_counted_once_however_long_it_lasts() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    audio, video = AudioSource(presenter), VideoSource(presenter, VIDEO_SSRC)
    for step in range(60):
        audio.send()
        if step < 10 or step > 25:
            video.send(key=step == 0)
        world.advance(0.1)
    stats = world.relay.peer_stats(student.id, world.now)
    assert stats is not None
    assert [one.freezes for one in stats.sent if one.kind == "video"] == [1]


def test_totals_agree_with_what_was_sent_also_by_peers_that_are_gone() -> None:  # M17
    world = World()
    presenter = LossyPresenter(world, 0.0)
    students = [LossyParticipant(world, f"s{n}") for n in range(3)]
    world.link.loss = 0.05
    play(world, presenter, students, 3.0)
    world.relay.remove_peer(students[0].client.id)
    play(world, presenter, students[1:], 2.0)
    figures = world.relay.figures(world.now)
    counters = world.relay.counters

    def total(name: str) -> int:
        return sum(value for key, value in figures.items() if key.startswith(f"{name}{{"))

    assert total("section_sent_bytes") == counters.bytes_forwarded
    assert total("section_sent_packets") == counters.packets_forwarded
    assert total("section_repeated_bytes") == counters.bytes_repeated
    assert counters.bytes_repeated > 0
    assert figures['track_packets{source="camera"}'] == presenter.video.sequence
    assert figures['tracks{source="camera"}'] == 0, "it has been silent for a while"
    assert figures['participants{role="participant",connected="1"}'] == 2
    assert figures['sections{layer="0"}'] == 2
    world.relay.remove_room(ROOM)
    left = world.relay.figures(world.now)
    assert left['section_sent_bytes{kind="video"}'] == figures['section_sent_bytes{kind="video"}']
    assert not any(key.startswith("participants") for key in left)
    assert len(left) < 40, "the number of series does not grow with rooms, tracks or people"
