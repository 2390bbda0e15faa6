"""The main path: a presenter's packets reach every participant, rewritten."""

import pytest

from app.relay.core.events import PeerConnected, PeerReachable, TrackStarted
from app.relay.core.media import MediaPlan
from tests.unit.relay.core.world import (
    AUDIO_OUT,
    CM,
    GCM,
    OPUS,
    OUT_AUDIO,
    OUT_VIDEO,
    RED,
    ROOM,
    VIDEO_SSRC,
    AudioSource,
    VideoSource,
    World,
    replace,
    rtp_packet,
)


@pytest.mark.parametrize("presenter_profile", [GCM, CM])
@pytest.mark.parametrize("participant_profile", [GCM, CM])
def test_audio_and_video_arrive_under_both_profiles(
    presenter_profile: str, participant_profile: str
) -> None:
    world = World()
    presenter = world.presenter(profile=presenter_profile)
    student = world.participant(profile=participant_profile)
    audio = AudioSource(presenter)
    video = VideoSource(presenter, VIDEO_SSRC)
    audio.send(3)
    video.send(packets=3, key=True)
    video.send(packets=2)
    sound, picture = student.heard_of(OUT_AUDIO), student.heard_of(OUT_VIDEO)
    assert [packet.payload for packet in sound] == [b"opus frame"] * 3
    assert [packet.payload[2:6] for packet in picture][1:] == [
        bytes((0, 0, 0, n)) for n in range(1, 5)
    ]
    for heard in (sound, picture):
        first = heard[0].sequence
        assert [packet.sequence - first for packet in heard] == list(range(len(heard)))
    assert student.failed == 0
    assert world.relay.counters.errors == 0
    assert world.relay.counters.packets_forwarded == 8


def test_events_tell_each_step_once() -> None:
    world = World()
    presenter = world.presenter()
    AudioSource(presenter).send(3)
    assert len(world.events_of(PeerReachable)) == 1
    assert len(world.events_of(PeerConnected)) == 1
    assert world.events_of(TrackStarted) == [TrackStarted(ROOM, presenter.id, "microphone", "opus")]


def test_many_subscribers_share_one_line() -> None:
    world = World()
    presenter = world.presenter()
    students = [world.participant(f"student-{n}") for n in range(5)]
    AudioSource(presenter).send(2)
    numbers = {tuple(packet.sequence for packet in s.heard_of(OUT_AUDIO)) for s in students}
    assert len(numbers) == 1
    stats = world.relay.stats(ROOM, world.now)
    assert stats is not None
    assert (stats.participants, stats.connected, stats.packets_forwarded) == (5, 5, 10)
    assert [(track.source, track.packets, track.active) for track in stats.tracks] == [
        ("microphone", 2, True)
    ]


def test_payload_type_is_the_subscribers_own() -> None:
    world = World()
    presenter = world.presenter()
    plan = MediaPlan((replace(AUDIO_OUT, codecs=(replace(OPUS, payload_type=109),)),))
    student = world.participant(plan=plan)
    AudioSource(presenter).send()
    assert [packet.payload_type for packet in student.heard] == [109]


def test_a_codec_that_was_not_negotiated_is_counted_not_sent() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant(plan=MediaPlan((replace(AUDIO_OUT, codecs=(RED,)),)))
    AudioSource(presenter).send(4)
    assert student.heard == []
    assert world.relay.counters.codec_mismatch == 4


def test_redundant_audio_is_renamed_or_reduced_to_its_primary() -> None:
    world = World()
    presenter = world.presenter()
    renamed = (replace(OPUS, payload_type=109), replace(RED, payload_type=121))
    with_red = world.participant("red", MediaPlan((replace(AUDIO_OUT, codecs=renamed),)))
    without = world.participant("plain", MediaPlan((replace(AUDIO_OUT, codecs=(OPUS,)),)))
    block = bytes((0x80 | 111, 0x0F, 0x00, 0x03, 111)) + b"old" + b"new one"
    presenter.send(AudioSource(presenter).packet(block, 63))
    assert [(p.payload_type, p.payload) for p in without.heard] == [(111, b"new one")]
    assert [(p.payload_type, p.payload) for p in with_red.heard] == [
        (121, bytes((0x80 | 109, 0x0F, 0x00, 0x03, 109)) + b"oldnew one")
    ]


def test_extensions_are_renumbered_and_hop_by_hop_ones_left_out() -> None:
    world = World()
    presenter = world.presenter()
    plan = MediaPlan((replace(AUDIO_OUT, extensions=((AUDIO_OUT.extensions[0][0], 9),)),))
    student = world.participant(plan=plan)
    # level (id 1), mid (id 4, "0"), padding to a word
    extension = bytes.fromhex("bede0001") + bytes((0x10, 0x85, 0x40, 0x30))
    presenter.send(rtp_packet(0x1111, 5, 0, b"sound", 111, extension=extension))
    [heard] = student.heard
    assert heard.raw[12:20] == bytes.fromhex("bede0001") + bytes((0x90, 0x85, 0, 0))
    assert heard.payload == b"sound"


def test_a_padding_only_packet_keeps_the_numbers_whole() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    video = VideoSource(presenter, VIDEO_SSRC)
    video.send(2, key=True)
    presenter.send(rtp_packet(VIDEO_SSRC, video.sequence, video.timestamp, b"", padding=200))
    video.sequence += 1
    video.send(2)
    picture = student.heard_of(OUT_VIDEO)
    assert [p.sequence - picture[0].sequence for p in picture] == list(range(5))
    assert [len(p.payload) for p in picture] == [200, 200, 0, 200, 200]


def test_mid_tells_the_section_of_an_unannounced_ssrc() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    mid_of_camera = bytes.fromhex("bede0001") + bytes((0x40, ord("1"), 0, 0))
    video = VideoSource(presenter, 0x9999)
    presenter.send(*video.frame(key=True, extension=mid_of_camera))
    assert len(student.heard_of(OUT_VIDEO)) == 3
    stats = world.relay.stats(ROOM, world.now)
    assert stats is not None
    assert [track.source for track in stats.tracks] == ["camera"]


def test_participants_cannot_send_media() -> None:
    world = World()
    world.presenter()
    student, other = world.participant("a"), world.participant("b")
    student.send(rtp_packet(0x1111, 1, 0, b"noise", 111))
    assert other.heard == []
    assert world.relay.counters.dropped_not_presenter == 1
