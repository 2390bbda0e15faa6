"""Opus packets: how long they are, and silence of any length."""

import array

import av
import pytest
from av.codec.context import CodecContext

from app.recording import opus
from tests.unit.recording.media import tone


def decoded(packets: list[bytes]) -> list[float]:
    decoder = CodecContext.create("libopus", "r")
    samples: list[float] = []
    for packet in packets:
        for frame in decoder.decode(av.Packet(packet)):
            plane = array.array("h" if "s16" in frame.format.name else "f", bytes(frame.planes[0]))
            step = 1 if frame.format.is_planar else len(frame.layout.channels)
            samples.extend(plane[: frame.samples * step : step])
    return samples


@pytest.mark.parametrize("length", [120, 240, 480, 960, 5_760, 4_800, 47_880, 48_000 * 3 + 600])
def test_silence_lasts_as_long_as_asked_for_and_is_silent(length: int) -> None:
    packets = opus.silence(length)
    assert sum(size for _, size in packets) == length
    assert all(opus.samples(data) == size for data, size in packets)
    samples = decoded([data for data, _ in packets])
    assert len(samples) == length
    assert max(map(abs, samples)) == 0


def test_what_is_shorter_than_a_frame_is_left_out() -> None:
    assert opus.silence(119) == []
    assert opus.silence(-5) == []


def test_silence_is_silent_right_after_a_tone() -> None:
    samples = decoded([*tone(0.5), *(data for data, _ in opus.silence(24_000))])
    assert max(map(abs, samples[12_000:23_000])) > 0.2
    assert max(map(abs, samples[-12_000:])) < 0.001


@pytest.mark.parametrize(
    ("packet", "length"),
    [
        (b"\xfc\x00", 960),  # CELT 20 ms, one frame
        (b"\xfd\x00", 1920),  # two frames of one size
        (b"\x08\x00", 480 * 2),  # SILK 20 ms
        (b"\x1b\x02\x00", 2 * 2880),  # SILK 60 ms, two frames by count
        (b"\x1b\x03\x00", 0),  # 180 ms: more than there may be
        (b"\xff\x00", 0),
        (b"\xff", 0),
        (b"", 0),
    ],
)
def test_a_packet_says_how_long_it_is(packet: bytes, length: int) -> None:  # RFC 6716 §3.1
    assert opus.samples(packet) == length
