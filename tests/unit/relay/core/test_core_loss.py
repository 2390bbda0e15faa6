"""Loss in both directions: what is missing is asked for, from the presenter and from the ring."""

import pytest

from app.relay.core.rtcp import negative_acknowledgement, receiver_report
from tests.unit.relay.core.lossy import (
    OUT_VIDEO_RTX,
    RECEIVING,
    RECEIVING_WITHOUT_RTX,
    LossyParticipant,
    LossyPresenter,
    play,
    stamp_of,
)
from tests.unit.relay.core.world import CM, GCM, OUT_AUDIO, OUT_VIDEO, World


@pytest.mark.parametrize("profile", [GCM, CM])
@pytest.mark.parametrize("plan", [RECEIVING, RECEIVING_WITHOUT_RTX])
def test_five_percent_loss_each_way_costs_no_video(profile: str, plan: object) -> None:  # M11
    world = World()
    presenter = LossyPresenter(world, 0.05)
    student = LossyParticipant(world, "student", plan, profile)  # type: ignore[arg-type]
    world.link.loss = 0.05
    play(world, presenter, [student], 10.0)
    video, audio = student.got[OUT_VIDEO], student.got[OUT_AUDIO]
    assert student.missing(OUT_VIDEO) == []
    stamps = {stamp_of(heard) for heard in video.values()}
    assert len(stamps) >= 0.99 * presenter.video.sequence
    assert stamps == set(range(min(stamps), max(stamps) + 1)), "every packet of the presenter"
    assert len(student.missing(OUT_AUDIO)) <= 0.01 * len(audio)
    assert presenter.nacks > 10
    assert world.relay.counters.packets_recovered > 10
    assert world.relay.counters.packets_repeated > 20
    assert (student.by_rtx > 10) == (plan is RECEIVING)
    assert world.relay.counters.errors == student.client.failed == 0


def test_thirty_percent_loss_on_one_link_is_nobody_elses_business() -> None:
    world = World()
    presenter = LossyPresenter(world, 0.0)
    weak, strong = LossyParticipant(world, "weak"), LossyParticipant(world, "strong")
    world.link.only = weak.client.address
    world.link.loss = 0.3
    play(world, presenter, [weak, strong], 8.0)
    assert world.events_of_gone() == []
    assert strong.missing(OUT_VIDEO) == strong.missing(OUT_AUDIO) == []
    assert strong.by_rtx == 0
    assert len(weak.missing(OUT_VIDEO)) < 0.01 * len(weak.got[OUT_VIDEO])
    assert presenter.nacks == 0
    plis = presenter.client.plis()
    assert plis <= 2, "one weak link costs the presenter no keyframes"


def test_a_repeat_is_the_packet_itself_or_its_rtx() -> None:
    world = World()
    presenter = LossyPresenter(world, 0.0)
    plain = LossyParticipant(world, "plain", RECEIVING_WITHOUT_RTX)
    by_rtx = LossyParticipant(world, "rtx")
    raw = {plain.client.address: [], by_rtx.client.address: []}  # type: ignore[var-annotated]
    world.tap = lambda data, address: raw[address].append(data) if address in raw else None
    presenter.send(presenter.video.frame(packets=4, key=True))
    first = [data for data in raw[plain.client.address] if data[1] & 0x7F == 96]
    lost = plain.client.heard_of(OUT_VIDEO)[1]
    for listener in (plain, by_rtx):
        listener.client.send_rtcp(
            receiver_report(())
            + negative_acknowledgement(OUT_VIDEO, [listener.client.heard_of(OUT_VIDEO)[1].sequence])
        )
    assert raw[plain.client.address][-1] == first[1], "sealed alike, to the last bit"
    repeat = by_rtx.client.heard_of(OUT_VIDEO_RTX)[0]
    assert repeat.payload[2:] == lost.payload
    original = by_rtx.client.heard_of(OUT_VIDEO)[1]
    assert int.from_bytes(repeat.payload[:2], "big") == original.sequence
    assert repeat.marker == lost.marker
    assert repeat.payload_type == 97


def test_repeats_are_bounded_per_packet_and_per_second() -> None:
    world = World()
    presenter = LossyPresenter(world, 0.0)
    student = LossyParticipant(world, "student")
    presenter.send(presenter.video.frame(packets=4, key=True))
    sequence = student.client.heard_of(OUT_VIDEO)[2].sequence
    for _ in range(200):
        student.client.send_rtcp(
            receiver_report(()) + negative_acknowledgement(OUT_VIDEO, [sequence])
        )
        world.advance(0.01, step=0.01)
    assert len(student.client.heard_of(OUT_VIDEO_RTX)) == 8
    for _ in range(100):
        presenter.send(presenter.video.frame(packets=4))
    before = len(student.client.heard_of(OUT_VIDEO_RTX))
    wanted = [heard.sequence for heard in student.client.heard_of(OUT_VIDEO)[4:]]
    student.client.send_rtcp(receiver_report(()) + negative_acknowledgement(OUT_VIDEO, wanted))
    assert len(student.client.heard_of(OUT_VIDEO_RTX)) - before <= 250
    assert world.relay.counters.nacks_unanswered >= 192 + 150


def test_a_nack_for_what_was_never_sent_is_not_answered() -> None:
    world = World()
    presenter = LossyPresenter(world, 0.0)
    student = LossyParticipant(world, "student")
    presenter.send(presenter.video.frame(packets=2, key=True))
    late = LossyParticipant(world, "late")
    presenter.send(presenter.video.frame(packets=2, key=True))
    start = late.client.heard_of(OUT_VIDEO)[0].sequence
    late.client.send_rtcp(
        receiver_report(()) + negative_acknowledgement(OUT_VIDEO, [start - 2, start - 1, start + 9])
    )
    assert late.client.heard_of(OUT_VIDEO_RTX) == []
    assert len(student.client.heard_of(OUT_VIDEO)) == 4


def test_the_presenter_is_asked_a_bounded_number_of_times() -> None:
    world = World()
    presenter = LossyPresenter(world, 0.0)
    LossyParticipant(world, "student")
    presenter.send(presenter.video.frame(packets=2, key=True))
    presenter.video.sequence += 1  # lost for good
    presenter.send(presenter.video.frame(packets=2))
    world.advance(5.0, step=0.01)
    presenter.answer()
    assert 3 <= presenter.nacks <= 10
    presenter.video.sequence += 1000  # a gap that no repeat fills
    presenter.send(presenter.video.frame(packets=2))
    before = presenter.nacks
    world.advance(2.0, step=0.01)
    presenter.answer()
    assert presenter.nacks == before


def test_a_late_original_after_its_repeat_is_dropped() -> None:
    # The two differ in what the relay would seal: under one nonce that must not happen.
    world = World()
    presenter = LossyPresenter(world, 0.0)
    student = LossyParticipant(world, "student")
    presenter.send(presenter.video.frame(packets=1, key=True))
    presenter.loss = 1.0
    presenter.send(presenter.video.frame(packets=1))
    lost = presenter.sealed[0x2222, presenter.video.sequence - 1]
    presenter.loss = 0.0
    presenter.send(presenter.video.frame(packets=1))
    world.advance(0.1, step=0.01)
    presenter.answer()
    assert len(student.client.heard_of(OUT_VIDEO)) == 3
    world.deliver([(lost, presenter.client.address)])
    assert len(student.client.heard_of(OUT_VIDEO)) == 3
    assert world.relay.counters.dropped_replayed == 1
