"""RTCP: reports to the presenter, its clock to the participants, feedback counted."""

import struct

import pytest

from app.relay.core import rtcp
from tests.unit.relay.core.world import (
    CM,
    GCM,
    OUT_AUDIO,
    OUT_VIDEO,
    VIDEO_SSRC,
    AudioSource,
    VideoSource,
    World,
    rtcp_parts,
)

NTP = 0xE000_0000_8000_0000


def sender_report(ssrc: int, timestamp: int, ntp: int = NTP) -> bytes:
    return bytes((0x80, 200, 0, 6)) + struct.pack("!IQIII", ssrc, ntp, timestamp, 1, 2)


def reports_of(client, kind: int) -> list[bytes]:
    return [body for packet in client.rtcp for _, k, body in rtcp_parts(packet) if k == kind]


@pytest.mark.parametrize("profile", [GCM, CM])
def test_sender_reports_carry_the_lines_own_timestamps(profile: str) -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant(profile=profile)
    audio = AudioSource(presenter, sequence=3)
    audio.timestamp = 1_000_000
    video = VideoSource(presenter, VIDEO_SSRC, timestamp=77_000)
    audio.send(2)
    video.send(packets=2, key=True)
    presenter.send_rtcp(sender_report(0x1111, 1_000_000 + 480))
    presenter.send_rtcp(sender_report(VIDEO_SSRC, video.timestamp + 900))
    reports = {
        struct.unpack_from("!I", body)[0]: struct.unpack_from("!QIII", body, 4)
        for body in reports_of(student, 200)
    }
    sound, picture = student.heard_of(OUT_AUDIO), student.heard_of(OUT_VIDEO)
    assert reports[OUT_AUDIO] == (NTP, (sound[0].timestamp + 480) & 0xFFFFFFFF, 2, 20)
    assert reports[OUT_VIDEO] == (NTP, (picture[0].timestamp + 900) & 0xFFFFFFFF, 2, 400)
    names = reports_of(student, 202)
    assert all(b"lectern" in name for name in names)
    assert len(names) == 2


def test_a_newcomer_is_told_the_clock_without_waiting() -> None:
    world = World()
    presenter = world.presenter()
    world.participant("early")
    audio = AudioSource(presenter)
    audio.send(2)
    presenter.send_rtcp(sender_report(0x1111, 0))
    late = world.participant("late")
    audio.send(1)
    [report] = reports_of(late, 200)
    line_timestamp = struct.unpack_from("!I", report, 12)[0]
    assert line_timestamp == (late.heard[0].timestamp - 2 * 960) & 0xFFFFFFFF


def test_the_presenter_hears_of_loss_about_once_a_second() -> None:
    world = World()
    presenter = world.presenter()
    world.participant()
    audio = AudioSource(presenter)
    for number in range(100):
        packet = audio.packet()
        if number % 4:
            presenter.send(packet)
        world.advance(0.02, step=0.02)
    reports = [body for body in reports_of(presenter, 201) if len(body) > 4]
    assert 1 <= len(reports) <= 3
    ssrc, loss, highest, jitter, last, _ = struct.unpack_from("!IIIIII", reports[-1], 4)
    assert ssrc == 0x1111
    assert 0.2 * 256 <= loss >> 24 <= 0.3 * 256
    assert 15 <= loss & 0xFFFFFF <= 25
    assert 70 <= highest < 100
    assert jitter < 48
    assert last == 0


def test_reports_name_the_last_sender_report_and_its_age() -> None:
    world = World()
    presenter = world.presenter()
    AudioSource(presenter).send(3)
    presenter.send_rtcp(sender_report(0x1111, 0))
    world.advance(0.5)
    world.advance(1.0)
    body = [body for body in reports_of(presenter, 201) if len(body) > 4][-1]
    last, delay = struct.unpack_from("!II", body, 4 + 16)
    assert last == NTP >> 16 & 0xFFFFFFFF
    assert 0 < delay <= 1.5 * 65536


def test_remb_goes_to_sections_that_agreed_on_it() -> None:
    world = World()
    presenter = world.presenter()
    AudioSource(presenter).send()
    world.advance(1.2)
    assert reports_of(presenter, 206) == []
    VideoSource(presenter, VIDEO_SSRC).send()
    world.advance(1.2)
    estimates = [body for body in reports_of(presenter, 206) if body[8:12] == b"REMB"]
    word, ssrc = struct.unpack_from("!II", estimates[-1], 12)
    assert (word >> 24, ssrc) == (1, VIDEO_SSRC)
    bitrate = (word & 0x3FFFF) << (word >> 18 & 0x3F)
    assert bitrate == pytest.approx(6_000_000, rel=0.001)


def test_nacks_are_counted() -> None:
    world = World()
    student = world.participant()
    nack = bytes((0x81, 205, 0, 3)) + struct.pack("!IIHH", 1, OUT_VIDEO, 7, 0b101)
    student.send_rtcp(bytes.fromhex("80c9000100000001") + nack)
    assert world.relay.counters.nacks_received == 3


def test_compound_parser_refuses_what_is_cut_off() -> None:
    whole = rtcp.receiver_report(()) + rtcp.picture_loss(5) + rtcp.source_description(1, "x")
    found = rtcp.parse(whole)
    assert found is not None
    assert found.keyframe_requests == [5]
    for length in range(1, len(whole)):
        cut = rtcp.parse(whole[:length])
        assert cut is None or length in (8, 20)
    assert rtcp.parse(rtcp.receiver_report(()) * (rtcp.MAX_PACKETS + 1)) is None
