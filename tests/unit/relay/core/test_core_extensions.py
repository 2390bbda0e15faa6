"""Header extensions: read once per layout, written by one packing; and what replay windows keep."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import PeerId
from app.relay.core.form import Dress, Form
from app.relay.core.media import Codec, Section
from app.relay.core.replay import WINDOW, ReplayWindow
from app.relay.core.rtp import (
    ABS_SEND_TIME_URI,
    LEVEL_URI,
    MAX_LAYOUTS,
    ONE_BYTE,
    TRANSPORT_WIDE_URI,
    TWO_BYTE,
    Layouts,
    Packet,
    elements,
    pack_elements,
    parse,
)
from app.relay.core.sent import SentLog
from app.relay.core.track import Track
from tests.unit.relay.core.world import rtp_packet

values = st.lists(st.tuples(st.integers(1, 14), st.binary(min_size=1, max_size=5)), max_size=5)
wide_values = st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=20)), max_size=5)
whole = (values | wide_values).map(lambda found: pack_elements(found) if found else b"")
anything = st.tuples(
    st.sampled_from([ONE_BYTE, TWO_BYTE, TWO_BYTE | 7, 0, 0x1234]),
    st.lists(st.sampled_from([0, 1, 0x10, 0x11, 0x22, 0xF0, 0xFF, 3]), max_size=24),
).map(lambda made: struct.pack("!HH", made[0], len(made[1]) // 4)
      + bytes(made[1][: len(made[1]) // 4 * 4]))  # fmt: skip


def packet_of(block: bytes, ssrc: int = 1, payload: bytes = b"payload") -> Packet:
    packet = parse(memoryview(rtp_packet(ssrc, 1, 1, payload, extension=block)))
    assert packet is not None
    return packet


def plainly(block: bytes) -> list[tuple[int, bytes]]:
    """Read a block element by element, as RFC 8285 §4.2 and §4.3 say."""
    found: list[tuple[int, bytes]] = []
    profile, rest = int.from_bytes(block[:2], "big"), block[4:]
    if profile != ONE_BYTE and profile & 0xFFF0 != TWO_BYTE:
        return found
    while rest:
        if rest[0] == 0:
            rest = rest[1:]
            continue
        head = 1 if profile == ONE_BYTE else 2
        if (profile == ONE_BYTE and rest[0] >> 4 == 15) or len(rest) < head:
            break
        ident, size = (rest[0] >> 4, (rest[0] & 15) + 1) if head == 1 else (rest[0], rest[1])
        if len(rest) < head + size:
            break
        found.append((ident, rest[head : head + size]))
        rest = rest[head + size :]
    return found


@given(st.lists(whole | anything, max_size=8), st.integers(0, 2))
def test_known_layouts_change_nothing_of_what_is_read(blocks: list[bytes], senders: int) -> None:
    layouts = Layouts()
    for turn, block in enumerate(blocks * 2):
        packet = packet_of(block, ssrc=turn % (senders + 1))
        layout = layouts.find(packet)
        read = [(ident, bytes(value)) for ident, value in elements(packet)]
        assert read == plainly(block)
        for size, small in ((1, layout.octets), (2, layout.words)):
            first = {ident: value for ident, value in reversed(read) if ident}
            told = {ident: packet.values[place] for ident, place in small.items()}
            for ident, value in first.items():
                if len(value) == size:
                    assert told[ident] == int.from_bytes(value, "big")
            assert 0 not in told


def test_layouts_of_one_sender_are_bounded() -> None:
    layouts = Layouts()
    for ssrc in range(3 * MAX_LAYOUTS):
        _ = layouts.find(packet_of(pack_elements([(1, b"a")]), ssrc))
    assert len(layouts._known) <= MAX_LAYOUTS


OPUS = Codec(111, "opus", 48_000)
THEIRS = ((LEVEL_URI, 1), (ABS_SEND_TIME_URI, 2), ("urn:x:other", 3), ("urn:x:unknown", 14))


def dress(ours: tuple[tuple[str, int], ...], log: SentLog) -> Dress:
    track = Track(
        PeerId("p"), Section("0", "audio", "microphone", "receive", (OPUS,), THEIRS, 0),
        "microphone", 1,
    )  # fmt: skip
    form = Form.of(Section("0", "audio", None, "send", (OPUS,), ours, 99))
    return Dress(form, track, log, log.serial())


@given(
    st.lists(values, min_size=1, max_size=6),
    st.sets(st.sampled_from([LEVEL_URI, ABS_SEND_TIME_URI, "urn:x:other", TRANSPORT_WIDE_URI])),
    st.sampled_from([4, 30]),
)
def test_a_header_is_written_as_its_elements_one_by_one(
    packets: list[list[tuple[int, bytes]]], wanted: set[str], first_id: int
) -> None:
    ours = {uri: first_id + place for place, uri in enumerate(sorted(wanted))}
    mapped = {ident: ours[uri] for uri, ident in THEIRS if uri in ours}
    log, layouts = SentLog(), Layouts()
    dressed = dress(tuple(ours.items()), log)
    now = 12.25
    for made in packets * 2:
        packet = packet_of(pack_elements(made) if made else b"")
        _ = layouts.find(packet)
        expected: list[tuple[int, bytes]] = []
        for ident, value in made:
            if mapped.get(ident) == ours.get(ABS_SEND_TIME_URI, -1):
                expected.append(
                    (mapped[ident], (int(now * (1 << 18)) & 0xFFFFFF).to_bytes(3, "big"))
                )
            elif ident in mapped:
                expected.append((mapped[ident], value))
        if TRANSPORT_WIDE_URI in ours:
            expected.append((ours[TRANSPORT_WIDE_URI], (log.next & 0xFFFF).to_bytes(2, "big")))
        block = pack_elements(expected) if expected else b""
        header = dressed.header(packet, 111, 0, 70_000, 5, now)
        fixed = struct.pack("!BBHII", 0x90 if block else 0x80, 111, 70_000 & 0xFFFF, 5, 99)
        assert header == fixed + block


@given(st.lists(st.tuples(st.integers(-5, 5) | st.sampled_from([-1023, -1024, 1024, 2000]),
                          st.sampled_from([1, 1, 2, 40, 1100])), max_size=20))  # fmt: skip
def test_a_window_remembers_as_a_set_would(runs: list[tuple[int, int]]) -> None:
    window = ReplayWindow()
    seen: set[int] = set()
    index, highest = 5_000, -1
    for step, length in runs:
        index = max(0, index + step)
        for _ in range(length):
            is_new = index not in seen and (not seen or highest - index < WINDOW)
            assert window.is_new(index) == is_new
            assert window.take(index) == is_new
            if is_new:
                seen.add(index)
                highest = max(highest, index)
            assert window.highest == highest
            index += 1
