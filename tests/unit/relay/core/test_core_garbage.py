"""Whatever comes from outside: dropped, counted, contained."""

import struct
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.relay.core import rtcp, rtp
from app.relay.core.demux import DatagramKind, classify, is_sound_dtls
from app.relay.core.keyframe import (
    detector,
    is_av1_start,
    is_h264_start,
    is_vp8_start,
    is_vp9_start,
)
from app.relay.core.red import primary, renamed
from app.relay.core.stun import is_sound, read_check
from tests.unit.relay.core.world import (
    CM,
    GCM,
    OUT_AUDIO,
    VIDEO_SSRC,
    AudioSource,
    Client,
    VideoSource,
    World,
    rtp_packet,
)

ELSEWHERE = ("198.51.100.7", 7000)
raw = st.binary(max_size=300)
shaped = st.builds(
    lambda first, rest: bytes((first,)) + rest,
    st.sampled_from([0, 1, 3, 20, 22, 63, 64, 127, 128, 144, 160, 176, 191, 192, 255]),
    raw,
)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", DatagramKind.EMPTY),
        (b"\x00\x01", DatagramKind.STUN),
        (b"\x03", DatagramKind.STUN),
        (b"\x04", DatagramKind.UNKNOWN),
        (b"\x14", DatagramKind.DTLS),
        (b"\x3f", DatagramKind.DTLS),
        (b"\x40", DatagramKind.UNKNOWN),
        (b"\x80", DatagramKind.RTP),
        (b"\x80\x60", DatagramKind.RTP),
        (b"\x80\xc0", DatagramKind.RTCP),
        (b"\xbf\xdf", DatagramKind.RTCP),
        (b"\x80\xe0", DatagramKind.RTP),
        (b"\xc0", DatagramKind.UNKNOWN),
    ],
)
def test_first_bytes_of_rfc_7983(data: bytes, kind: DatagramKind) -> None:
    assert classify(bytearray(data)) is kind


class Scene:
    """A running room that must survive everything."""

    def __init__(self, profile: str) -> None:
        self.world = World()
        self.presenter = self.world.presenter(profile=profile)
        self.student = self.world.participant(profile=profile)
        self.audio = AudioSource(self.presenter)

    def assert_alive(self) -> None:
        before = len(self.student.heard_of(OUT_AUDIO))
        self.audio.send()
        assert len(self.student.heard_of(OUT_AUDIO)) == before + 1
        assert self.world.relay.counters.errors == 0


@pytest.fixture(scope="module", params=[GCM, CM])
def scene(request: pytest.FixtureRequest) -> Scene:
    return Scene(request.param)


@given(data=st.lists(raw | shaped, min_size=1, max_size=5))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_datagram_from_anywhere_escapes(scene: Scene, data: list[bytes]) -> None:
    for source in (ELSEWHERE, scene.presenter.address, scene.student.address):
        scene.world.deliver([(datagram, source) for datagram in data])
    scene.assert_alive()


@given(flips=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4),
       cut=st.integers(0, 300))  # fmt: skip
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_checks_never_escape(scene: Scene, flips: list[tuple[int, int]], cut: int) -> None:
    good = scene.student.check()
    damaged = bytearray(good)
    for position, value in flips:
        damaged[position % len(damaged)] = value
    if cut < len(damaged):
        del damaged[cut:]
    read_check(bytes(damaged))
    scene.world.deliver([(bytes(damaged), ELSEWHERE)])
    if bytes(damaged) != good:
        assert ELSEWHERE not in scene.world.relay._by_address
    scene.assert_alive()


@given(payload=st.binary(max_size=64), extension=st.binary(max_size=40),
       profile=st.sampled_from([0xBEDE, 0x1000, 0x1234]), payload_type=st.integers(0, 127),
       padding=st.integers(0, 255), ssrc=st.sampled_from([0x1111, VIDEO_SSRC, 0x3333]))  # fmt: skip
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_authentic_nonsense_from_a_presenter_never_escapes(
    scene: Scene, payload: bytes, extension: bytes, profile: int, payload_type: int,
    padding: int, ssrc: int,
) -> None:  # fmt: skip
    if 64 <= payload_type <= 95:
        payload_type = 96
    words = extension[: len(extension) // 4 * 4]
    block = struct.pack("!HH", profile, len(words) // 4) + words
    scene.audio.sequence += 1
    sequence = scene.audio.sequence
    packet = bytearray(rtp_packet(ssrc, sequence, 0, payload, payload_type, extension=block))
    packet[0] |= 0x20
    packet.append(padding)
    scene.presenter.send(bytes(packet))
    scene.audio.sequence += 1
    scene.assert_alive()


@given(body=st.binary(max_size=120), kind=st.integers(192, 223), count=st.integers(0, 31))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_authentic_rtcp_nonsense_never_escapes(
    scene: Scene, body: bytes, kind: int, count: int
) -> None:
    body = (bytes(4) + body)[: (len(body) + 4) // 4 * 4]
    packet = struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body
    rtcp.parse(packet + body)
    for client in (scene.presenter, scene.student):
        client.send_rtcp(packet)
    scene.assert_alive()


@given(data=raw | shaped)
@settings(max_examples=300)
def test_parsers_take_anything(data: bytes) -> None:
    view = memoryview(data)
    packet = rtp.parse(view)
    if packet is not None:
        assert rtp.MIN_HEADER <= packet.payload <= len(data)
        rtp.strip_padding(packet)
        assert packet.payload <= packet.end <= len(data)
        for _, value in rtp.elements(packet):
            assert len(value) <= len(data)
    rtcp.parse(data)
    is_sound(data)
    read_check(data)
    is_sound_dtls(bytearray(data))
    primary(view)
    renamed(view, {})
    for name in ("vp8", "vp9/0", "h264/42e01f/1", "av1/0"):
        found = detector(name)
        assert found is not None
        found(view)


def test_empty_and_oversize_datagrams_are_counted() -> None:
    scene = Scene(GCM)
    world = scene.world
    world.deliver([(b"", scene.presenter.address), (bytes((0x80, 96)) + bytes(1600), ELSEWHERE)])
    assert world.relay.counters.dropped_empty == 1
    assert world.relay.counters.dropped_oversize == 1
    scene.assert_alive()


def test_media_before_its_keys_is_counted() -> None:
    world = World()
    client = Client(world, "early", "presenter", world.presenter("other").plan, GCM)
    world.add(client)
    client.check()
    client.send(rtp_packet(1, 1, 1, b"x", 111))
    assert world.relay.counters.dropped_no_keys == 1


def test_an_exception_in_one_packet_costs_only_that_packet() -> None:
    scene = Scene(GCM)
    relay, receiver = scene.world.relay, scene.world.relay._peers[scene.presenter.id].receiver
    assert receiver is not None
    packets = [scene.presenter.seal(scene.audio.packet()) for _ in range(3)]
    broken = packets[1]

    def open_rtp(data: memoryview, *rest: object) -> tuple[int, int]:
        if bytes(data) == broken:
            raise ZeroDivisionError("a defect")
        return receiver.open_rtp(data, *rest)

    relay._peers[scene.presenter.id].receiver = SimpleNamespace(open_rtp=open_rtp)
    scene.world.deliver([(packet, scene.presenter.address) for packet in packets])
    assert len(scene.student.heard_of(OUT_AUDIO)) == 2
    assert relay.counters.errors == 1


def test_a_wake_up_larger_than_the_arena_is_forwarded_whole() -> None:
    scene = Scene(GCM)
    scene.audio.send(700)
    assert len(scene.student.heard_of(OUT_AUDIO)) == 700
    scene.assert_alive()


def test_ssrcs_of_one_presenter_are_bounded() -> None:
    world = World()
    presenter = world.presenter()
    for ssrc in range(100, 200):
        presenter.send(rtp_packet(ssrc, 1, 1, b"x", 111))
    counters = world.relay.counters
    assert counters.dropped_unauthentic + counters.dropped_unknown_track == 68
    publisher = world.relay._peers[presenter.id].publisher
    assert publisher is not None
    assert len(publisher._tracks) == 32


def test_retransmissions_and_unknown_types_are_counted() -> None:
    world = World()
    presenter = world.presenter()
    VideoSource(presenter, VIDEO_SSRC).send(key=True)
    presenter.send(rtp_packet(0x5555, 1, 1, b"xx", 97), rtp_packet(VIDEO_SSRC, 9, 1, b"x", 50))
    presenter.send(rtp_packet(VIDEO_SSRC, 10, 1, b"xx", 97))
    # 97 is in two sections and 0x5555 in none: nobody can say whose it is
    assert world.relay.counters.dropped_unknown_track == 2
    assert world.relay.counters.dropped_retransmission == 1


@pytest.mark.parametrize(
    ("is_start", "yes", "no"),
    [
        (
            is_vp8_start,
            ["1000", "90e0800112a010", "9080051000"],
            ["1001", "0000", "1100", "10", ""],
        ),
        (is_h264_start, ["67420c", "6588", "7c85", "7800026742000168"], ["41", "7c05", "7c41", ""]),
        (is_vp9_start, ["08", "a8010000", "2800"], ["48", "00", "a80102", "a8", ""]),
        (is_av1_start, ["08", "18"], ["88", "10", ""]),
    ],
)
def test_keyframe_starts(is_start, yes: list[str], no: list[str]) -> None:
    for text in yes:
        assert is_start(memoryview(bytes.fromhex(text))), text
    for text in no:
        assert not is_start(memoryview(bytes.fromhex(text))), text


def test_opus_has_no_keyframes() -> None:
    assert detector("opus") is None
