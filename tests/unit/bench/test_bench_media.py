"""The load generator sends what it says, and notices media that was damaged."""

import itertools

import pytest

from bench.client import rtp, sdp
from bench.client.dtls import make_certificate
from bench.delay import Delays, percentile
from bench.report import Sample, json_line, medians, table
from bench.workload import BURST_BYTES, WorkloadName, schedule


@pytest.mark.parametrize(("name", "least", "most"), [("bursts", 300, 300), ("browser", 95, 105)])
def test_a_schedule_has_the_packets_per_second_of_its_workload(
    name: WorkloadName, least: int, most: int
) -> None:
    steps = schedule(name, 10.0, seed=1)
    packets = sum(step.send + step.audio for step in steps)
    assert least <= packets / 10 <= most
    assert sum(step.audio for step in steps) == 500
    assert sum(len(step.frame_sizes) for step in steps) == sum(step.send for step in steps)
    assert [step.at for step in steps] == sorted(step.at for step in steps)


def test_equal_seeds_make_equal_schedules() -> None:
    assert schedule("browser", 5.0, seed=3) == schedule("browser", 5.0, seed=3)
    assert schedule("browser", 5.0, seed=3) != schedule("browser", 5.0, seed=4)


def test_a_browsers_frames_are_even_but_for_a_byte_at_their_ends() -> None:
    frames = [step.frame_sizes for step in schedule("browser", 20.0, seed=1) if step.frame_sizes]
    assert {len(frame) for frame in frames} == {2, 3}
    assert all(800 <= size <= 1060 for frame in frames for size in frame)
    for frame in frames:
        assert all(late - early in (0, 1) for early, late in itertools.pairwise(frame))
    uneven = sum(frame[0] != frame[-1] for frame in frames)
    assert 0.4 < uneven / len(frames) < 0.7


def test_a_frame_has_the_asked_sizes_a_marker_and_begins_with_a_keyframe_when_asked() -> None:
    source = rtp.Vp8Source(7, "1")
    first = source.frame([BURST_BYTES] * 3, 3600, 0.0)
    second = source.frame([BURST_BYTES] * 2, 3600, 0.04)
    source.ask_keyframe()
    third = source.frame([BURST_BYTES], 3600, 0.08)
    assert [len(packet) for packet in first + second + third] == [BURST_BYTES] * 6
    assert [packet[1] >> 7 for packet in first] == [0, 0, 1]
    start = rtp.OVERHEAD_BYTES + 4  # the payload descriptor; P is 0 in a keyframe (RFC 7741 §4.3)
    assert [frame[0][start] & 1 for frame in (first, second, third)] == [0, 1, 0]
    sequences = [int.from_bytes(packet[2:4], "big") for packet in first + second + third]
    assert sequences == list(range(sequences[0], sequences[0] + 6))


def _video() -> bytes:
    return rtp.Vp8Source(7, "1").frame([900], 3600, 0.0)[0]


@pytest.mark.parametrize("packet", [_video(), rtp.OpusSource(8, "0").packet(0.0)])
def test_content_is_intact_until_a_byte_of_it_changes(packet: bytes) -> None:
    assert rtp.is_intact(packet)
    renumbered = packet[:2] + b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x09" + packet[12:]
    assert rtp.is_intact(renumbered)
    padded = bytes((packet[0] | 0x20,)) + packet[1:] + b"\x00\x00\x03"
    assert rtp.is_intact(padded)
    for at in (len(packet) - 20, len(packet) - 1):
        broken = bytearray(packet)
        broken[at] ^= 1
        assert not rtp.is_intact(bytes(broken))


def test_a_keyframe_request_is_found_in_a_compound_packet() -> None:
    report = rtp.receiver_report(1, [(7, 0, 1000, 0, 0)])
    pli = bytes((0x81, 206, 0, 2)) + bytes(8)
    fir = bytes((0x84, 206, 0, 4)) + bytes(16)
    assert not rtp.asks_keyframe(report)
    assert rtp.asks_keyframe(report + pli)
    assert rtp.asks_keyframe(report + fir)


def test_a_receiver_report_names_the_sender_report_before_it() -> None:
    line = rtp.Line(7, sdp.VP8, "1")
    wall = 1_800_000_000.5
    said = line.sender_report(wall)
    (found,) = rtp.sender_reports(said + bytes((0x81, 202, 0, 1)) + bytes(4))
    clock = int((wall + 2_208_988_800) * 65_536) & 0xFFFFFFFF
    assert found == (7, clock)
    report = rtp.receiver_report(1, [(7, 0, 1000, clock, 32_768)])
    assert report[-8:] == clock.to_bytes(4, "big") + (32_768).to_bytes(4, "big")


def test_an_answer_without_a_candidate_is_refused() -> None:
    with pytest.raises(sdp.AnswerError):
        sdp.read_answer("v=0\r\na=ice-ufrag:x\r\n")


def _sample(cpu_seconds: float, forwarded: int = 1000) -> Sample:
    return Sample(
        server="lectern", workload="bursts", participants=10, forwarded=forwarded,
        cpu_seconds=cpu_seconds, expected=1000, join_cpu_seconds=0.002, rss_bytes=102_400,
        packets_per_send=4.0, delay_p50=0.001, delay_p99=0.01,
    )  # fmt: skip


def test_the_report_has_medians_and_the_loss() -> None:
    (row,) = medians([_sample(0.003), _sample(0.9), _sample(0.001)])
    assert (row.us_per_packet, row.us_per_packet_min, row.us_per_packet_max) == (3.0, 1.0, 900.0)
    assert (row.loss, row.join_ms, row.rss_kb) == (0.0, 2.0, 100.0)
    (lossy,) = medians([_sample(0.003, forwarded=750)])
    assert (lossy.loss, lossy.us_per_packet) == (0.25, 4.0)
    assert "| bursts | 10 | lectern | 3.00 |" in table([row])
    assert '"us_per_packet": 3.0' in json_line([row])


def test_a_delay_is_matched_by_content_and_once() -> None:
    delays = Delays()
    delays.sent(b"payload" + b"\1\2\3\4", 100.0)
    delays.arrived(b"\1\2\3\4", 100.25)
    delays.arrived(b"\1\2\3\4", 101.0)
    delays.arrived(b"none", 101.0)
    assert delays.seconds == [0.25]
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.0
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.99) == 4.0


def test_the_answer_to_a_server_mirrors_its_offer() -> None:
    certificate = make_certificate()
    offered = sdp.offer("abcd", "x" * 24, certificate.fingerprint, sdp.Sent(1), sdp.Sent(2))
    answer = sdp.with_candidate(
        sdp.answer(offered, "efgh", "y" * 24, certificate.fingerprint), "10.77.0.1", 4321
    )
    assert answer.count("a=setup:active") == answer.count("a=recvonly") == 2
    assert [line for line in answer.splitlines() if line.startswith("a=mid")] == [
        "a=mid:0", "a=mid:1",
    ]  # fmt: skip
    read = sdp.read_answer(answer)
    assert (read.ufrag, read.host, read.port, read.setup) == ("efgh", "10.77.0.1", 4321, "active")
