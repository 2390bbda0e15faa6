"""Packets in order, and what is lost given up in time."""

from app.recording.reorder import HOLD_SECONDS, MOST_HELD, Ordered, Reorder
from app.recording.wire import Arrival


def packet(index: int) -> Arrival:
    return Arrival(index, index * 960, False, False, b"x")


def indices(found: list[Ordered]) -> list[int]:
    return [one.packet.index for one in found]


def test_packets_come_out_in_order() -> None:
    reorder = Reorder()
    assert indices(reorder.push(packet(5), 0)) == [5]
    assert reorder.push(packet(7), 0.01) == []
    assert indices(reorder.push(packet(6), 0.3)) == [6, 7]
    assert reorder.late == 0


def test_a_lost_packet_is_waited_for_a_second_and_marks_a_gap() -> None:
    reorder = Reorder()
    _ = reorder.push(packet(5), 0)
    _ = reorder.push(packet(7), 0.1)
    assert reorder.ready(0.1 + HOLD_SECONDS - 0.01) == []
    found = reorder.ready(0.1 + HOLD_SECONDS)
    assert indices(found) == [7]
    assert found[0].after_gap
    assert reorder.push(packet(6), 2) == []
    assert reorder.late == 1
    assert not reorder.push(packet(8), 2)[0].after_gap


def test_a_repeat_is_dropped() -> None:
    reorder = Reorder()
    _ = reorder.push(packet(5), 0)
    assert reorder.push(packet(5), 0) == []
    _ = reorder.push(packet(7), 0)
    _ = reorder.push(packet(7), 0)
    assert indices(reorder.flush()) == [7]


def test_what_waits_is_bounded() -> None:
    reorder = Reorder()
    _ = reorder.push(packet(0), 0)
    found = [one for index in range(2, MOST_HELD + 10) for one in reorder.push(packet(index), 0)]
    assert len(found) >= MOST_HELD
    assert found[0].after_gap


def test_a_jump_far_ahead_begins_anew() -> None:
    reorder = Reorder()
    _ = reorder.push(packet(5), 0)
    _ = reorder.push(packet(9), 0)
    found = reorder.push(packet(1_000_000), 0)
    assert indices(found) == [9, 1_000_000]
    assert [one.after_gap for one in found] == [True, True]
