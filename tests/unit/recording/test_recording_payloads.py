"""Frames are taken out of RTP payloads whole, or not at all."""

import av
import pytest
from av.codec.context import CodecContext

from app.recording.frames import Frame, Frames, joiner
from app.recording.payloads import av1, h264, vp8, vp9
from app.recording.reorder import Ordered
from app.recording.wire import Arrival
from tests.unit.recording.media import KEYS, payloads, pictures

CODECS = ("vp8", "vp9", "h264", "av1")


def sent(codec: str, lost: frozenset[int] = frozenset()) -> list[Ordered]:
    """Return the packets of the moving picture, in order, without those that are lost."""
    found: list[Ordered] = []
    index, gap = 0, False
    for number, (frame, keyframe) in enumerate(pictures(codec)):
        parts = payloads(codec, frame, keyframe)
        for place, part in enumerate(parts):
            packet = Arrival(
                index, number * 9_000, place == len(parts) - 1, keyframe and place == 0, part
            )
            if index in lost:
                gap = True
            else:
                found.append(Ordered(packet, number / 10, gap))
                gap = False
            index += 1
    return found


def frames_of(codec: str, packets: list[Ordered]) -> tuple[Frames, list[Frame]]:
    join = joiner(KEYS[codec])
    assert join is not None
    frames = Frames(join)
    return frames, [frame for packet in packets for frame in frames.push(packet)]


def decoded(codec: str, frames: list[Frame]) -> int:
    name = {"av1": "libdav1d"}.get(codec, codec)
    decoder = CodecContext.create(name, "r")
    decoder.thread_count = 1
    count = 0
    for data in [*(frame.data for frame in frames), None]:
        packet = av.Packet(data) if data is not None else None
        count += len(decoder.decode(packet))
    return count


@pytest.mark.parametrize("codec", CODECS)
def test_every_frame_comes_out_whole_and_decodes(codec: str) -> None:
    frames, found = frames_of(codec, sent(codec))
    wanted = pictures(codec)
    assert [frame.keyframe for frame in found] == [keyframe for _, keyframe in wanted]
    assert [frame.timestamp for frame in found] == [n * 9_000 for n in range(len(wanted))]
    assert decoded(codec, found) == len(wanted)
    assert not frames.needs_keyframe
    if codec in {"vp8", "vp9"}:
        assert [frame.data for frame in found] == [data for data, _ in wanted]


@pytest.mark.parametrize("codec", CODECS)
def test_after_a_loss_the_next_keyframe_is_the_next_frame(codec: str) -> None:
    whole = sent(codec)
    victim = next(p.packet.index for p in whole if p.packet.timestamp == 4 * 9_000)
    _frames, found = frames_of(codec, sent(codec, frozenset({victim})))
    assert [frame.timestamp // 9_000 for frame in found] == [0, 1, 2, 3, *range(10, 30)]
    assert found[4].keyframe
    assert decoded(codec, found) == len(found)


@pytest.mark.parametrize("codec", CODECS)
def test_what_begins_in_the_middle_waits_for_a_keyframe(codec: str) -> None:
    late = [packet for packet in sent(codec) if packet.packet.timestamp >= 3 * 9_000]
    _, found = frames_of(codec, late)
    assert found[0].keyframe
    assert found[0].timestamp == 10 * 9_000


@pytest.mark.parametrize("codec", CODECS)
def test_no_payload_is_malformed_enough_to_raise(codec: str) -> None:
    join = joiner(KEYS[codec])
    assert join is not None
    good = payloads(codec, *pictures(codec)[0])
    for payload in good[:2]:
        for length in range(len(payload)):
            _ = join([payload[:length]])
            _ = join([*good, payload[:length]])
        for position in range(min(12, len(payload))):
            for value in (0x00, 0x55, 0xAA, 0xFF):
                broken = bytearray(payload)
                broken[position] = value
                _ = join([bytes(broken), *good[1:]])


def test_spatial_layers_of_a_vp9_picture_become_a_superframe() -> None:
    layers = [
        bytes((0xAC, 0x81, 0x23, 0, 0)) + b"small",
        bytes((0xAC, 0x81, 0x23, 2, 0)) + b"larger",
    ]
    assert vp9.join(layers) == b"smalllarger" + bytes((0xC1, 5, 6, 0xC1))  # annex B


def test_parameter_sets_that_came_once_stand_before_every_idr_picture() -> None:
    join = h264.Joiner().join
    first = join([b"\x67sps", b"\x68pps", b"\x65idr"])
    assert first == b"\0\0\0\1\x67sps\0\0\0\1\x68pps\0\0\0\1\x65idr"
    assert join([b"\x65again"]) == b"\0\0\0\1\x67sps\0\0\0\1\x68pps\0\0\0\1\x65again"
    assert join([b"\x41delta"]) == b"\0\0\0\1\x41delta"


def test_a_fragment_without_its_beginning_is_nothing() -> None:
    assert h264.Joiner().join([b"\x7c\x05middle", b"\x7c\x45end"]) is None
    assert av1.join([b"\x90rest"]) is None
    assert vp8.join([b"\x00rest"]) is None
    assert vp9.join([b"\x84\x81\x23rest"]) is None
