"""The recorder, fed what a relay sends, on a clock of its own: files on the lecture's timeline."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.core.ids import LectureId
from app.recording.model import Segment
from app.recording.recorder import FILL_AFTER_SECONDS, RETRY_SECONDS, Recorder
from app.recording.spool import Spool
from app.recording.wire import (
    Announce,
    Begin,
    ClockPair,
    End,
    Faulty,
    FromRecorder,
    KeyframeWanted,
    Passed,
    Retired,
    ToRecorder,
    packet_entry,
    packets_head,
)
from tests.integration.recording.recorded import Contents, contents
from tests.unit.recording.media import KEYS, payloads, pictures, tone

LECTURE = LectureId("0123456789abcdef0123456789abcdef")
START = 5_000.0
"""The machine's monotonic clock when recording begins,"""
ELAPSED = 60.0
"""a minute after the lecture did."""


@dataclass
class World:
    """A recorder and the relay that it hears."""

    spool: Spool
    free: int = 1 << 40
    now: float = START
    finished: list[Segment] = field(default_factory=list)
    begun: list[Segment] = field(default_factory=list)
    answers: list[FromRecorder] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.spool.open()
        self.spool.free_bytes = lambda: self.free  # type: ignore[method-assign]
        self.recorder = Recorder(self.spool, 1_000, self.begun.append, self.finished.append)
        self.tell(Begin(session=1, lecture=LECTURE, elapsed=ELAPSED, at=START))

    def tell(self, message: ToRecorder) -> None:
        self.answers += self.recorder.handle(message.model_dump_json().encode(), self.now)

    def track(
        self, source: str, codec: str = "opus", publisher: str = "presenter", session: int = 1
    ) -> int:
        number = next(self.numbers)
        kind = "audio" if codec == "opus" else "video"
        rate = 48_000 if codec == "opus" else 90_000
        self.tell(
            Announce(
                session=session, track=number, publisher=publisher, source=source, kind=kind,
                codec=codec, clock_rate=rate,
            )
        )  # fmt: skip
        return number

    def packet(
        self, track: int, index: int, timestamp: int, payload: bytes,
        marker: bool = True, keyframe: bool = False, at: float | None = None,
    ) -> None:  # fmt: skip
        entry = packet_entry(index, timestamp & 0xFFFFFFFF, marker, keyframe, payload)
        message = packets_head(track, self.now if at is None else at) + entry
        self.answers += self.recorder.handle(message, self.now)

    def until(self, now: float) -> None:
        """Let time pass."""
        while self.now < now - 1e-9:
            self.now = min(now, self.now + 0.5)
            self.tell(Passed(at=self.now))
            self.answers += self.recorder.tick(self.now)

    def speak(self, track: int, seconds: float, at: float, first: int = 0) -> None:
        """Send a tone that was taken from ``at`` on."""
        for number, packet in enumerate(tone(seconds)):
            self.until(at + number * 0.02)
            self.packet(track, first + number, 7_000 + (first + number) * 960, packet)

    def show(self, track: int, codec: str, at: float, size: tuple[int, int] = (160, 120)) -> None:
        """Send the moving picture of three seconds from ``at`` on."""
        index = 0
        for number, (frame, keyframe) in enumerate(pictures(codec, 30, size)):
            self.until(at + number / 10)
            parts = payloads(codec, frame, keyframe)
            for place, part in enumerate(parts):
                last = place == len(parts) - 1
                self.packet(track, index, 9 + number * 9_000, part, last, keyframe and place == 0)
                index += 1

    def end(self) -> None:
        self.tell(End(session=1, at=self.now))

    def read(self, segment: Segment) -> Contents:
        return contents(self.spool.path(segment))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Spool(tmp_path / "spool"))


def test_silence_stands_for_a_presenter_who_was_away(world: World) -> None:  # X15
    track = world.track("microphone")
    world.speak(track, 2, START + 3)
    world.tell(Retired(track=track))
    world.until(START + 60)
    again = world.track("microphone")  # a new connection: another SSRC, other timestamps
    world.speak(again, 2, START + 60)
    world.until(START + 70)
    world.end()
    (segment,) = world.finished
    assert segment.start_ms == pytest.approx((ELAPSED + 3) * 1000, abs=20)
    found = world.read(segment)
    assert found.duration == pytest.approx(67, abs=0.1)
    loud = [number / 10 for number, level in enumerate(found.levels) if level > 0.1]
    assert loud[0] == pytest.approx(0, abs=0.15)
    assert [t for t in loud if 2.2 < t < 56.8] == []
    assert [t for t in loud if 57.2 < t < 58.8] != []
    assert max(found.levels[25:565]) == 0  # true silence


@pytest.mark.parametrize("codec", KEYS)
def test_each_codec_is_kept_as_it_came(world: World, codec: str) -> None:
    track = world.track("camera", KEYS[codec])
    world.show(track, codec, START + 1)
    world.end()
    (segment,) = world.finished
    assert world.begun == [segment]
    assert segment.codec == codec
    assert segment.name.endswith("mp4" if codec == "h264" else "webm")
    found = world.read(segment)
    assert [at for at, *_ in found.pictures] == pytest.approx([n / 10 for n in range(30)], abs=0.02)


@pytest.mark.parametrize("codec", KEYS)
def test_a_new_size_goes_on_in_the_same_file(world: World, codec: str) -> None:
    track = world.track("screen", KEYS[codec])
    world.show(track, codec, START)
    world.tell(Retired(track=track))
    world.show(world.track("screen", KEYS[codec]), codec, START + 5, size=(320, 240))
    world.end()
    (segment,) = world.finished
    found = world.read(segment)
    assert [(w, h) for _, w, h in found.pictures] == [(160, 120)] * 30 + [(320, 240)] * 30
    assert found.pictures[30][0] == pytest.approx(5, abs=0.02)  # the last one stood till then


def test_another_codec_begins_another_file_at_its_place(world: World) -> None:
    world.show(world.track("camera", KEYS["vp8"]), "vp8", START)
    world.show(world.track("camera", KEYS["h264"]), "h264", START + 10)
    world.end()
    first, second = world.finished
    assert [(one.codec, round(one.start_ms / 1000)) for one in (first, second)] == [
        ("vp8", 60),
        ("h264", 70),
    ]
    assert len(world.read(second).pictures) == 30


def test_sources_and_speakers_have_files_of_their_own(world: World) -> None:
    tracks = [
        world.track("microphone"),
        world.track("microphone", publisher="speaker-1a2b3c4d"),
        world.track("camera", "vp8"),
    ]
    for number, packet in enumerate(tone(1)):
        world.now = START + number * 0.02
        for track in tracks[:2]:
            world.packet(track, number, number * 960, packet)
    world.show(tracks[2], "vp8", START + 1)
    world.end()
    assert sorted((one.publisher, one.source) for one in world.finished) == [
        ("presenter", "camera"),
        ("presenter", "microphone"),
        ("speaker-1a2b3c4d", "microphone"),
    ]


def test_sound_and_picture_are_in_step_by_sender_reports(world: World) -> None:
    sound, picture = world.track("microphone"), world.track("camera", "vp8")
    frames = pictures("vp8")
    ntp, indices = 3_900_000_000, itertools.count()
    for number, packet in enumerate(tone(3)):
        taken = number * 0.02
        world.now = START + taken
        world.packet(sound, number, 100 + number * 960, packet, at=START + taken + 0.02)
        if number % 5 == 0:  # pictures come 300 ms late
            frame, keyframe = frames[number // 5]
            parts = payloads("vp8", frame, keyframe)
            for place, part in enumerate(parts):
                world.packet(
                    picture, next(indices), 5 + round(taken * 90_000), part,
                    place == len(parts) - 1, keyframe and place == 0,
                    at=START + taken + 0.32,
                )  # fmt: skip
        if number == 3:
            world.tell(ClockPair(track=sound, ntp=ntp << 32, timestamp=100))
            world.tell(ClockPair(track=picture, ntp=ntp << 32, timestamp=5))
    world.end()
    files = {one.source: one for one in world.finished}
    seen = world.read(files["camera"]).pictures
    shown = [files["camera"].start_ms / 1000 + at - ELAPSED for at, *_ in seen]
    assert shown[-1] == pytest.approx(2.9 + 0.02, abs=0.02)  # not 300 ms after its sound


def test_silence_runs_on_while_nothing_comes(world: World) -> None:
    """What a crash leaves is as long as the lecture was, less a moment."""
    world.speak(world.track("microphone"), 1, START)
    world.until(START + 30)
    found = contents(world.spool.path(world.begun[0]))  # nobody closed it
    assert found.duration == pytest.approx(30 - FILL_AFTER_SECONDS, abs=1.1)


def test_a_recorder_that_was_held_up_takes_what_waits_for_no_silence(world: World) -> None:
    track = world.track("microphone")
    world.speak(track, 1, START)
    packets = tone(5)
    world.now = START + 5  # it stood still; the relay did not
    world.answers += world.recorder.tick(world.now)
    for number in range(50, 250):
        at = START + number * 0.02
        world.packet(track, number, 7_000 + number * 960, packets[number], at=at)
    world.end()
    found = world.read(world.finished[0])
    assert min(found.levels[2:-2]) > 0.1


def test_a_lost_packet_is_a_moment_of_silence(world: World) -> None:
    track = world.track("microphone")
    for number, packet in enumerate(tone(2)):
        world.now = START + number * 0.02
        if number not in (50, 51, 52):
            world.packet(track, number, number * 960, packet)
    world.end()
    found = world.read(world.finished[0])
    assert found.duration == pytest.approx(2, abs=0.03)


def test_a_keyframe_is_asked_for_once_a_second_until_it_comes(world: World) -> None:
    track = world.track("camera", "vp8")
    for number in range(30):  # the relay began in the middle of a sequence
        world.until(START + number / 10)
        world.packet(track, number, number * 9_000, b"\x90\x80\x81\x23\x01rest")
    wanted = [answer for answer in world.answers if isinstance(answer, KeyframeWanted)]
    assert wanted == [KeyframeWanted(track=track)] * 3


def test_a_nearly_full_disk_ends_the_files_and_room_begins_others(world: World) -> None:  # 38
    track = world.track("microphone")
    world.speak(track, 1, START)
    world.free = 999
    world.until(START + 2)
    assert [one for one in world.answers if isinstance(one, Faulty)] == [
        Faulty(session=1, reason="disk_full")
    ]
    assert len(world.finished) == 1
    world.speak(track, 1, START + 3, first=150)  # the lecture goes on
    assert len(world.begun) == 1
    world.free = 1 << 40
    world.until(START + 4 + 2 * RETRY_SECONDS)
    assert [one for one in world.answers if isinstance(one, Faulty)][-1].reason is None
    world.speak(track, 1, START + 20, first=1_000)
    world.end()
    first, second = world.finished
    assert contents(world.spool.path(first)).duration == pytest.approx(1, abs=0.6)
    assert second.start_ms / 1000 == pytest.approx(ELAPSED + 20, abs=0.05)


def test_one_lecture_that_ends_leaves_the_other(world: World) -> None:
    other = LectureId("f" * 32)
    world.tell(Begin(session=2, lecture=other, elapsed=0, at=world.now))
    mine, theirs = world.track("microphone"), world.track("microphone", session=2)
    for number, packet in enumerate(tone(1)):
        world.now = START + number * 0.02
        world.packet(mine, number, number * 960, packet)
        world.packet(theirs, number, number * 960, packet)
    world.end()
    assert [one.lecture for one in world.finished] == [LECTURE]
    assert world.recorder.counted().files_open == 1


def test_packets_of_what_nobody_announced_are_passed_over(world: World) -> None:
    world.packet(77, 0, 0, b"\xfc\x00")
    track = world.track("camera", "h265")  # a codec that is not kept
    world.packet(track, 0, 0, b"x")
    world.end()
    assert world.begun == []


def test_pictures_that_are_none_begin_no_file(world: World) -> None:
    track = world.track("camera", "vp8")
    world.packet(track, 0, 0, b"\x90\x80\x81\x23\x00rubbish", keyframe=True)
    world.end()
    assert world.begun == []
