"""More than one speaker: rights, spare sections, mutes, pauses, and who speaks."""

import struct
from dataclasses import replace

import pytest

from app.core.ids import PeerId
from app.relay.core.control import MAX_PUBLISHERS
from app.relay.core.events import (
    LayerChanged,
    Levels,
    SectionBound,
    SpeakerChanged,
    TrackMuted,
    TrackStarted,
    TrackStopped,
)
from app.relay.core.media import MediaPlan
from tests.unit.relay.core.world import (
    AUDIO_IN,
    AUDIO_OUT,
    GCM,
    OUT_AUDIO,
    OUT_VIDEO,
    ROOM,
    SCREEN_IN,
    VIDEO_IN,
    VIDEO_OUT,
    VIDEO_SSRC,
    AudioSource,
    Client,
    VideoSource,
    World,
    rtp_packet,
)

SPARE_AUDIO, SPARE_VIDEO = 0xB0000001, 0xB0000002
SPARE_A = replace(AUDIO_OUT, mid="2", ssrc=SPARE_AUDIO, is_spare=True)
SPARE_V = replace(VIDEO_OUT, mid="3", ssrc=SPARE_VIDEO, is_spare=True)
LISTENER = MediaPlan((AUDIO_OUT, VIDEO_OUT, SPARE_A, SPARE_V))
SPEAKER_IN = MediaPlan((
    replace(AUDIO_IN, mid="8"), replace(VIDEO_IN, mid="9", remote_ssrcs=(0x9902,)),
    *(replace(section, mid=f"o{section.mid}") for section in LISTENER.sections),
))  # fmt: skip


def join(world: World, name: str, role: str, plan: MediaPlan) -> Client:
    client = Client(world, name, role, plan, GCM)  # type: ignore[arg-type]
    client.connect()
    return client


def bound(world: World, client: Client) -> dict[str, object]:
    return {
        event.mid: (event.owner, event.source) if event.owner else None  # type: ignore[attr-defined]
        for event in world.events_of(SectionBound)
        if event.peer == client.id  # type: ignore[attr-defined]
    }


def test_a_speakers_tracks_reach_spare_sections_and_are_taken_back_at_once() -> None:
    world = World()
    presenter = world.presenter()
    student = join(world, "student", "participant", LISTENER)
    guest = join(world, "guest", "participant", SPEAKER_IN)
    AudioSource(presenter).send(3)
    voice = AudioSource(guest, ssrc=0x9901)
    voice.send(2)
    assert student.heard_of(SPARE_AUDIO) == [], "nobody hears whom nobody has let"
    assert world.relay.counters.dropped_not_presenter == 2
    world.relay.control.set_publishing(guest.id, frozenset({"microphone", "camera"}), world.now)
    camera = VideoSource(guest, 0x9902)
    voice.send(3)
    camera.send(key=True)
    world.settle()
    assert len(student.heard_of(SPARE_AUDIO)) == 3
    assert len(student.heard_of(SPARE_VIDEO)) == 3
    assert bound(world, student) == {"2": (guest.id, "microphone"), "3": (guest.id, "camera")}
    assert bound(world, guest) == {}, "nobody hears himself"
    assert len(student.heard_of(OUT_AUDIO)) == 3, "the presenter's own go on"
    world.relay.control.set_publishing(guest.id, frozenset(), world.now)
    voice.send(3)
    camera.send()
    world.settle()
    assert len(student.heard_of(SPARE_AUDIO)) == 3
    assert bound(world, student) == {"2": None, "3": None}
    stopped = [(e.source, e.reason) for e in world.events_of(TrackStopped)]  # type: ignore[attr-defined]
    assert sorted(stopped) == [("camera", "withdrawn"), ("microphone", "withdrawn")]


def test_what_sections_carry_is_told_again_to_who_may_have_missed_it() -> None:
    world = World()
    world.presenter()
    student = join(world, "student", "participant", LISTENER)
    join(world, "other", "participant", LISTENER)
    world.relay.control.tell_sections(student.id)
    world.settle()
    assert bound(world, student) == {}, "nothing of what is nobody's"
    guest = join(world, "guest", "speaker", SPEAKER_IN)
    AudioSource(guest, ssrc=0x9901).send(2)
    world.settle()
    assert bound(world, student) == {"2": (guest.id, "microphone")}
    before = len(world.events_of(SectionBound))
    world.relay.control.tell_sections(student.id)
    world.settle()
    again = world.events_of(SectionBound)[before:]
    assert [(one.peer, one.mid, one.owner, one.source) for one in again] == [  # type: ignore[attr-defined]
        (student.id, "2", guest.id, "microphone")
    ]
    pictures = {one.mid for one in world.events_of(LayerChanged) if one.peer == student.id}  # type: ignore[attr-defined]
    assert pictures == {"1", "3"}
    with pytest.raises(KeyError):
        world.relay.control.tell_sections(PeerId("gone"))


def test_a_section_goes_from_speaker_to_speaker_with_numbers_that_run_on() -> None:
    world = World()
    presenter = world.presenter()
    student = join(world, "student", "participant", LISTENER)
    voices = []
    for number in range(3):
        plan = MediaPlan((replace(AUDIO_IN, mid="8"),))
        speaker = join(world, f"s{number}", "speaker", plan)
        voice = AudioSource(speaker, ssrc=0x9000 + number, sequence=number * 20_000)
        voice.send(4)
        voices.append(voice)
        world.advance(0.2)
        world.relay.control.set_publishing(speaker.id, frozenset(), world.now)
        voice.send(1)
    heard = student.heard_of(SPARE_AUDIO)
    assert len(heard) == 12
    assert [(p.sequence - heard[0].sequence) & 0xFFFF for p in heard] == list(range(12))
    assert student.failed == 0
    assert presenter.failed == 0


def test_eight_may_publish_and_a_ninth_may_not() -> None:
    world = World()
    world.presenter()
    plan = MediaPlan((replace(AUDIO_IN, mid="8"),))
    guests = [join(world, f"g{n}", "participant", plan) for n in range(MAX_PUBLISHERS)]
    for guest in guests[:-1]:
        world.relay.control.set_publishing(guest.id, frozenset({"microphone"}), world.now)
    with pytest.raises(ValueError, match="as many publishers"):
        world.relay.control.set_publishing(guests[-1].id, frozenset({"microphone"}), world.now)
    world.relay.control.set_publishing(guests[0].id, frozenset(), world.now)
    world.relay.control.set_publishing(guests[-1].id, frozenset({"microphone"}), world.now)


def test_the_presenter_hears_speakers_and_never_itself() -> None:
    world = World()
    plan = MediaPlan((AUDIO_IN, VIDEO_IN, SCREEN_IN, replace(AUDIO_OUT, mid="5")))
    presenter = join(world, "presenter", "presenter", plan)
    speaker = join(world, "speaker", "speaker", MediaPlan((replace(AUDIO_IN, mid="8"),)))
    AudioSource(presenter).send(5)
    AudioSource(speaker, ssrc=0x77).send(2)
    assert len(presenter.heard_of(OUT_AUDIO)) == 2


def test_mutes_of_owner_and_presenter_are_independent() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    audio = AudioSource(presenter)
    audio.send(2)
    relay = world.relay
    relay.control.mute(presenter.id, "microphone", "owner", True, world.now)
    relay.control.mute(presenter.id, "microphone", "presenter", True, world.now)
    audio.send(2)
    relay.control.mute(presenter.id, "microphone", "owner", False, world.now)
    audio.send(2)
    assert len(student.heard_of(OUT_AUDIO)) == 2
    relay.control.mute(presenter.id, "microphone", "presenter", False, world.now)
    relay.control.mute(presenter.id, "microphone", "presenter", False, world.now)
    audio.send(3)
    heard = student.heard_of(OUT_AUDIO)
    assert len(heard) == 5
    assert [(p.sequence - heard[0].sequence) & 0xFFFF for p in heard] == list(range(5))
    world.settle()
    muted = [sorted(event.by) for event in world.events_of(TrackMuted)]  # type: ignore[attr-defined]
    assert muted == [["owner"], ["owner", "presenter"], ["presenter"], []]


def test_a_pause_is_for_one_subscriber_and_video_returns_at_a_keyframe() -> None:  # L28
    world = World()
    presenter = world.presenter()
    student, other = world.participant("one"), world.participant("other")
    video = VideoSource(presenter, VIDEO_SSRC)
    video.send(key=True)
    world.advance(2.0)
    world.relay.control.pause(student.id, "1", True, world.now)
    video.send()
    assert len(student.heard_of(OUT_VIDEO)) == 3
    assert len(other.heard_of(OUT_VIDEO)) == 6
    plis = presenter.plis()
    world.relay.control.pause(student.id, "1", False, world.now)
    world.settle()
    assert presenter.plis() == plis + 1
    video.send()
    assert len(student.heard_of(OUT_VIDEO)) == 3
    video.send(key=True)
    heard = student.heard_of(OUT_VIDEO)
    assert len(heard) == 6
    assert [(p.sequence - heard[0].sequence) & 0xFFFF for p in heard] == list(range(6))
    assert len(other.heard_of(OUT_VIDEO)) == 12


def test_a_source_that_falls_silent_stops_and_starts_again() -> None:
    world = World()
    audio = AudioSource(world.presenter())
    audio.send()
    world.advance(3.0)
    audio.send()
    assert [event.reason for event in world.events_of(TrackStopped)] == ["silent"]  # type: ignore[attr-defined]
    assert len(world.events_of(TrackStarted)) == 2


def test_the_loudest_is_the_speaker_and_events_come_three_times_a_second() -> None:  # M14
    world = World()
    presenter = world.presenter()
    speaker = join(world, "speaker", "speaker", MediaPlan((replace(AUDIO_IN, mid="8"),)))
    numbers = {presenter.id: 0, speaker.id: 0}

    def say(client: Client, level: int) -> None:
        numbers[client.id] += 1
        extension = struct.pack("!HHBBxx", 0xBEDE, 1, 1 << 4, level)
        ssrc = 0x1111 if client is presenter else 0x9901
        number = numbers[client.id]
        client.send(rtp_packet(ssrc, number, number * 960, b"opus", 111, False, extension))

    def talk(seconds: float, first: int, second: int) -> None:
        for _ in range(int(seconds * 50)):
            say(presenter, first)
            say(speaker, second)
            world.advance(0.02, step=0.02)

    talk(2.0, 30, 90)
    assert world.events_of(SpeakerChanged) == [SpeakerChanged(ROOM, presenter.id)]
    talk(1.0, 110, 25)
    assert world.events_of(SpeakerChanged)[-1] == SpeakerChanged(ROOM, speaker.id)
    assert world.events_of(Levels)[-1].levels == ((speaker.id, -25), (presenter.id, -110))  # type: ignore[attr-defined]
    talk(3.0, 110, 110)
    assert world.events_of(SpeakerChanged)[-1] == SpeakerChanged(ROOM, None)
    before = len(world.events_of(Levels))
    for second in range(4):
        talk(1.0, 20 + 10 * second, 100)
    assert len(world.events_of(Levels)) - before <= 12
    assert len(world.events_of(SpeakerChanged)) == 4
