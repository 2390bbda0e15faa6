"""Bursts: what is one UDP_SEGMENT send, what is evened, what a full kernel costs."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from app.relay.core.batch import CAPACITY, Batch
from app.relay.core.runs import MAX_BYTES, even_sizes, split_runs
from app.relay.core.srtp import GCM_TAG, derive
from tests.unit.relay.core.world import (
    CM,
    GCM,
    OUT_AUDIO,
    OUT_VIDEO,
    VIDEO_SSRC,
    AudioSource,
    VideoSource,
    World,
    rtp_packet,
)


def batch_of(sizes: list[int]) -> Batch:
    batch = Batch()
    for index, size in enumerate(sizes):
        header = rtp_packet(1, index, 0, b"")
        assert batch.append(header, memoryview(bytes(size - 12)), 0, index, 0)
    return batch


@pytest.mark.parametrize(
    ("sizes", "runs"),
    [
        ([1100, 1100, 1100], [(0, 3)]),
        ([1100, 1100, 700], [(0, 3)]),
        ([1100, 1101, 1101], [(0, 3)]),
        ([1101, 1100, 1101, 1100], [(0, 4)]),
        ([700, 1100, 1100], [(0, 1), (1, 3)]),
        ([1100, 700, 1100], [(0, 2), (2, 3)]),
        ([100], [(0, 1)]),
        ([1101, 1100], [(0, 2)]),
    ],
)
def test_runs(sizes: list[int], runs: list[tuple[int, int]]) -> None:
    batch = batch_of(sizes)
    even_sizes(batch)
    assert split_runs(batch) == runs


def test_padding_is_added_only_where_it_joins() -> None:
    alone = batch_of([1101, 1100])
    even_sizes(alone)
    assert list(alone.lengths[:2]) == [1101, 1100]
    joined = batch_of([1100, 1101])
    even_sizes(joined)
    assert list(joined.lengths[:2]) == [1101, 1101]
    assert joined.is_padded(0)
    assert not joined.is_padded(1)


def test_a_packet_that_is_padded_already_splits_the_run() -> None:
    batch = Batch()
    batch.append(bytes((0xA0,)) + bytes(11), memoryview(bytes(80)), 8, 0, 0)
    batch.append(bytes((0x80,)) + bytes(11), memoryview(bytes(89)), 0, 1, 0)
    even_sizes(batch)
    assert split_runs(batch) == [(0, 1), (1, 2)]


@given(st.lists(st.integers(13, 1400), min_size=1, max_size=CAPACITY))
def test_every_run_is_one_that_the_kernel_takes(sizes: list[int]) -> None:
    batch = batch_of(sizes)
    even_sizes(batch)
    runs = split_runs(batch)
    assert [slot for first, last in runs for slot in range(first, last)] == list(range(len(sizes)))
    for first, last in runs:
        lengths = list(batch.lengths[first:last])
        assert len(lengths) <= 64
        assert sum(lengths) + GCM_TAG * len(lengths) <= MAX_BYTES
        assert set(lengths[:-1]) <= {lengths[0]}
        assert lengths[-1] <= lengths[0]
    assert all(
        0 <= after - before <= 1 for before, after in zip(sizes, batch.lengths, strict=False)
    )


@pytest.mark.parametrize("profile", [GCM, CM])
def test_a_frame_is_one_send_and_uneven_packets_survive(profile: str) -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant(profile=profile)
    VideoSource(presenter, VIDEO_SSRC).send(key=True)
    before = len(world.sends)
    payloads = [(b"\0\0" + bytes((n,))).ljust(size, b"p") for n, size in enumerate((900, 901, 901))]
    presenter.send(*[rtp_packet(VIDEO_SSRC, 3 + n, 9, p, 96) for n, p in enumerate(payloads)])
    assert len(world.sends) == before + 1
    assert [packet.payload for packet in student.heard_of(OUT_VIDEO)[3:]] == payloads
    assert student.failed == 0


@pytest.mark.parametrize("profile", [GCM, CM])
def test_a_long_burst_is_cut_to_what_one_send_carries(profile: str) -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant(profile=profile)
    video = VideoSource(presenter, VIDEO_SSRC)
    video.send(packets=300, key=True, size=1100)
    assert len(student.heard_of(OUT_VIDEO)) == 300
    assert student.failed == 0
    assert len(world.sends) < 20


@pytest.mark.parametrize("profile", [GCM, CM])
def test_a_full_kernel_drops_video_to_the_end_of_the_frame(profile: str) -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant(profile=profile)
    video = VideoSource(presenter, VIDEO_SSRC)
    video.send(packets=2, key=True)
    frame = video.frame(packets=6)
    world.room_in_kernel = lambda: 1
    presenter.send(*frame[:3])
    world.room_in_kernel = None
    presenter.send(*frame[3:])
    video.send(packets=2)
    first = student.heard_of(OUT_VIDEO)[0].sequence
    assert [p.sequence - first for p in student.heard_of(OUT_VIDEO)] == [0, 1, 2, 8, 9]
    assert student.failed == 0
    assert world.relay.counters.send_dropped == 5


def test_a_packet_too_long_for_libsrtp_is_sealed_all_the_same() -> None:
    world = World()
    presenter = world.presenter()
    student, other = world.participant("cm", profile=CM), world.participant("gcm")
    VideoSource(presenter, VIDEO_SSRC).send(key=True)
    sizes = (900, 1_400, 1_000)
    # libsrtp cannot seal it for the presenter model, either: by the core's own cipher, then
    packets = [rtp_packet(VIDEO_SSRC, 3 + n, 9, bytes(size), 96) for n, size in enumerate(sizes)]
    keys = presenter.keys
    cipher = AESGCM(derive(keys.receive_key, keys.receive_salt, 0, 16))
    salt = int.from_bytes(derive(keys.receive_key, keys.receive_salt, 2, 12), "big")
    sealed = []
    for number, packet in enumerate(packets, 3):
        nonce = (salt ^ (VIDEO_SSRC << 48 | number)).to_bytes(12, "big")
        sealed.append(packet[:12] + cipher.encrypt(nonce, packet[12:], packet[:12]))
    world.deliver([(data, presenter.address) for data in sealed])
    assert [len(p.payload) for p in student.heard_of(OUT_VIDEO)[3:]] == [900, 1_400, 1_000]
    assert [len(p.payload) for p in other.heard_of(OUT_VIDEO)[3:]] == [900, 1_400, 1_000]
    assert world.relay.counters.seal_failed == 0
    assert student.failed == 0
    assert world.relay.counters.errors == 0


def test_a_full_kernel_for_one_subscriber_costs_the_others_nothing() -> None:
    world = World()
    presenter = world.presenter()
    slow, fast = world.participant("slow"), world.participant("fast")
    video = VideoSource(presenter, VIDEO_SSRC)
    video.send(key=True)
    original = world.transmit

    def transmit(data: memoryview, segment: int, address: tuple[str, int]) -> int:
        return 0 if address == slow.address else original(data, segment, address)

    world.transmit = transmit
    video.send(packets=4)
    world.transmit = original
    video.send(packets=4)
    assert len(slow.heard_of(OUT_VIDEO)) == 3 + 4
    assert len(fast.heard_of(OUT_VIDEO)) == 3 + 8
    assert world.relay.counters.send_dropped == 4


def test_audio_is_dropped_packet_by_packet() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    audio = AudioSource(presenter)
    audio.send()
    world.room_in_kernel = lambda: 0
    audio.send()
    world.room_in_kernel = None
    audio.send()
    assert len(student.heard_of(OUT_AUDIO)) == 2
    assert world.relay.counters.send_dropped == 1
