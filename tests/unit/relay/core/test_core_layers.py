"""Temporal layers read from payloads and dependency descriptors; holes; the ring."""

from hypothesis import given
from hypothesis import strategies as st

from app.relay.core import vp8
from app.relay.core.layers import DependencyReader, read_vp9
from app.relay.core.missing import GIVE_UP_SECONDS, MAX_ASKS, MAX_MISSING, Missing
from app.relay.core.rtp import Packet, parse
from tests.unit.relay.core.world import rtp_packet


def packet_of(payload: bytes) -> Packet:
    packet = parse(memoryview(bytearray(rtp_packet(1, 1, 1, payload))))
    assert packet is not None
    return packet


def bits(*fields: tuple[int, int]) -> bytes:
    """Pack (value, width) fields, filled up with zeros."""
    text = "".join(format(value, f"0{width}b") for value, width in fields)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def test_a_dependency_structure_names_the_layers_of_its_templates() -> None:
    # L1T2: two templates, the second one temporal layer up; one decode target; offset 60 wraps.
    structure = bits(
        (1, 1), (0, 4), (60, 6), (0, 5), (1, 2), (3, 2), (2, 2), (2, 2),
    )  # fmt: skip
    reader = DependencyReader()
    first, second, third = packet_of(b"a"), packet_of(b"b"), packet_of(b"c")
    reader.read(memoryview(bytes((0x80 | 60, 0, 1)) + structure), first)
    reader.read(memoryview(bytes((0xC0 | 61, 0, 2))), second)
    reader.read(memoryview(bytes((0xC0 | 60, 0, 3))), third)
    assert [packet.temporal for packet in (first, second, third)] == [0, 1, 0]
    assert second.is_sync


@given(st.binary(max_size=40))
def test_any_descriptor_is_read_or_passed_over(value: bytes) -> None:
    packet = packet_of(b"x")
    reader = DependencyReader()
    reader.read(memoryview(value), packet)
    reader.read(memoryview(value[:3]), packet)
    assert 0 <= packet.temporal <= 3


@given(st.binary(max_size=12))
def test_any_payload_is_read_or_passed_over(payload: bytes) -> None:
    found = vp8.read(memoryview(payload))
    assert found is None or found[0] & ~vp8.WIDE < len(payload) + 1
    read_vp9(packet_of(payload))


def test_vp9_layer_indices_are_read() -> None:
    packet = packet_of(bytes((0xA0, 0x81, 0x02, 0x50, 0, 0)))
    read_vp9(packet)
    assert (packet.temporal, packet.is_sync) == (2, True)


def test_picture_ids_of_both_widths_move_and_wrap() -> None:
    wide = bytearray(b"\x90\x80\xff\xfe")
    vp8.move_picture(wide, 2 | vp8.WIDE, 3)
    assert vp8.picture_of(wide, 2 | vp8.WIDE) == 1
    assert wide[2] & 0x80
    narrow = bytearray(b"\x90\x80\x7e")
    vp8.move_picture(narrow, 2, 3)
    assert narrow[2] == 1


def test_holes_are_asked_for_with_pauses_and_given_up() -> None:
    missing = Missing()
    missing.came(10, 0.0)
    missing.came(13, 0.0)
    assert missing.take_due(0.0) == [], "it may be reordering"
    assert missing.take_due(0.01) == [11, 12]
    assert missing.take_due(0.02) == []
    missing.came(12, 0.03)
    assert missing.recovered == 1
    asked, now = 1, 0.03
    while missing.next_due() is not None:
        now += 0.01
        asked += len(missing.take_due(now))
    assert 3 < asked <= MAX_ASKS
    assert now <= GIVE_UP_SECONDS + 0.3


def test_a_gap_too_large_to_repair_is_not_asked_for() -> None:
    missing = Missing()
    missing.came(1, 0.0)
    missing.came(3, 0.0)
    missing.came(5 + MAX_MISSING, 0.0)
    assert missing.next_due() is None
    for index in range(0, 4 * MAX_MISSING, 2):
        missing.came(10_000 + index, 0.0)
    assert len(missing.take_due(0.5)) <= MAX_MISSING
