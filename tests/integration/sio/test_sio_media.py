"""What the socket tells and takes about media that flows: figures, bounds, alerts, levels."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.lecture.model import LectureConfig
from app.store.sql import Sql
from app.transport.sio.config import SioConfig
from tests.integration.relay.clients import until
from tests.integration.relay.network import Network
from tests.integration.relay.repairing import Sender
from tests.integration.sio.live_media import Lecture, live_lecture, playing

WIDE, NARROW = 20_000_000, 200_000


@pytest.fixture
async def lecture(
    redis_url: str, sql: Sql, sio_config: SioConfig, lecture_config: LectureConfig
) -> AsyncIterator[Lecture]:
    async with live_lecture(redis_url, sql, sio_config, lecture_config) as live:
        yield live


def sent_to(figures: dict[str, Any]) -> list[int]:
    """Return the bytes that each participant was sent, by one ``stats`` event."""
    return sorted(
        sum(section["bytes"] + section["repeated_bytes"] for section in peer["sent"])
        + peer["padding_bytes"]
        for peer in figures["peers"]
        if peer["role"] == "participant"
    )


async def test_figures_move_while_media_flows_and_agree_with_what_arrived(  # L38, M17
    lecture: Lecture,
) -> None:
    refused = await lecture.ask(lecture.weak, "stats")
    assert refused["error"]["code"] == "forbidden"
    assert (await lecture.ask(lecture.host, "stats"))["ok"]
    await lecture.sender.play(2.5)
    first = await lecture.host.event("stats")
    came = len(lecture.host.all("stats"))
    await lecture.host.event("stats", came + 2)  # nothing is on its way any more
    last = lecture.host.all("stats")[-1]
    arrived = sorted(receiver.rtp_bytes for receiver in lecture.receivers)
    assert arrived[0] > 300_000
    assert sent_to(last) == pytest.approx(arrived, rel=0.01)
    assert sent_to(first)[0] < sent_to(last)[0]
    (camera,) = [
        track for peer in last["peers"] for track in peer["received"] if track["source"] == "camera"
    ]
    assert camera["packets"] == len(lecture.sender.sent_video)
    assert camera["lost"] == 0
    figures = lecture.service.figures()
    in_metrics = sum(
        count
        for name, count in figures.items()
        if name.startswith(("section_sent_bytes", "section_repeated_bytes", "probe_padding_bytes"))
    )
    assert in_metrics == pytest.approx(sum(arrived), rel=0.01)
    assert figures['participants{role="participant",connected="1"}'] == 2
    assert not lecture.weak.all("stats")
    assert (await lecture.ask(lecture.host, "stats", on=False))["ok"]
    await asyncio.sleep(0.2)
    count = len(lecture.host.all("stats"))
    await asyncio.sleep(1.3)
    assert len(lecture.host.all("stats")) == count


async def test_pauses_and_bounds_are_a_members_own(lecture: Lecture) -> None:  # L28, M9
    weak, strong = lecture.receivers
    async with playing(lecture.sender):
        await until(lambda: weak.video_got.highest > 50 and strong.video_got.highest > 50, 5)
        assert (await lecture.ask(lecture.weak, "pause", mid="1"))["ok"]
        await asyncio.sleep(0.1)
        before, others = len(weak.video_got.times), len(strong.video_got.times)
        heard = len(weak.audio_got.times)
        await until(lambda: len(strong.video_got.times) > others + 60, 5)
        assert len(weak.video_got.times) == before
        assert len(weak.audio_got.times) > heard + 10
        assert (await lecture.ask(lecture.weak, "pause", mid="1", on=False))["ok"]
        slides = {"mid": "1", "slides": 2, "priority": 9, "fps": 30, "width": 640}
        assert (await lecture.ask(lecture.weak, "prefer", **slides))["ok"]
        await asyncio.sleep(0.3)
        before, others = len(weak.video_got.times), len(strong.video_got.times)
        await until(lambda: len(strong.video_got.times) > others + 350, 10)
        assert 5 <= len(weak.video_got.times) - before <= 15, "a keyframe or two of five packets"
    for bad in (
        {"mid": "1", "maxBitrate": 0},
        {"mid": "1", "scheme": "notify-police"},
        {"mid": "1", "priority": 0},
        {"mid": "1", "slides": "often"},
    ):
        refused = await lecture.ask(lecture.weak, "prefer", **bad)
        assert refused["error"]["code"] == "bad_request", bad
    unknown = await lecture.ask(lecture.weak, "prefer", mid="77")
    assert unknown["error"]["code"] == "not_found"


async def test_at_200_kbit_audio_is_untouched_and_video_is_back_in_ten_seconds(  # L29, row 9
    lecture: Lecture,
) -> None:
    weak, strong = lecture.receivers
    wish = {"mid": "1", "minBitrate": 600_000, "scheme": "notify"}
    assert (await lecture.ask(lecture.weak, "prefer", **wish))["ok"]
    loop = asyncio.get_running_loop()
    async with playing(lecture.sender):
        lecture.network.down.bps = WIDE
        await until(lambda: weak.video_got.highest > 300, 10)
        lecture.network.down.bps = NARROW
        alert = await lecture.weak.event("bandwidth")
        (short,) = alert["sections"]
        assert (short["mid"], short["short"]) == ("1", True)
        assert short["available"] < 600_000
        layer = await lecture.weak.event("layer")
        assert layer["sections"][0]["paused"] is True
        await asyncio.sleep(2.0)  # what filled the queue before is through
        start, missing = loop.time(), len(weak.audio_got.missing)
        assert missing <= 20, "less than half a second until the relay noticed"
        await asyncio.sleep(2.5)
        assert weak.audio_got.between(start, start + 2.5) >= 0.95 * 125
        assert len(weak.audio_got.missing) <= missing
        assert weak.video_got.between(start, start + 2.5) < 0.1 * 2.5 * 125
        lecture.network.down.bps = WIDE
        widened = loop.time()
        await until(lambda: weak.video_got.between(loop.time() - 1, loop.time()) > 110, 10)
        assert loop.time() - widened < 10
        over = await lecture.weak.event("bandwidth", 2)
        assert over["sections"][0]["short"] is False
    assert strong.video_got.missing == strong.audio_got.missing == []
    assert not lecture.strong.all("bandwidth")
    assert not lecture.strong.all("layer")


async def test_who_speaks_how_loud_and_what_is_watched(lecture: Lecture) -> None:  # M14, M10
    async with playing(lecture.sender):
        assert (await lecture.strong.event("speaking"))["id"] == "presenter"
        told = await lecture.strong.event("levels")
        assert told["levels"] == [{"id": "presenter", "level": -40}]
        watched = await lecture.host.event("layers")
        assert watched["tracks"] == [{"source": "camera", "rids": [""]}]
        for client in (lecture.weak, lecture.strong):
            assert (await lecture.ask(client, "pause", mid="1"))["ok"]
        await lecture.host.event("layers", 2)
        assert lecture.host.all("layers")[-1]["tracks"] == [{"source": "camera", "rids": []}]
        assert not lecture.weak.all("layers")
    silent = await lecture.strong.event("levels", 2)  # nothing comes: silence
    assert silent["levels"] == []
    assert (await lecture.strong.event("speaking", 2))["id"] is None


async def test_a_speakers_tracks_are_told_after_its_media_is_connected(  # L22
    lecture: Lecture,
) -> None:
    """Others hear of a track only when ICE and DTLS are done: until then it would be a promise."""
    member = (await lecture.strong.event("state"))["speakerId"]
    assert (await lecture.ask(lecture.strong, "hand"))["ok"]
    assert (await lecture.ask(lecture.host, "invite", speakerId=member))["ok"]
    answers: list[str] = []

    async def speak(offer: str) -> str:
        if not answers:
            sdp = {"type": "offer", "sdp": offer}
            reply = await lecture.ask(lecture.strong, "speak", SDP=sdp)
            assert reply["ok"], reply
            answers.append(reply["SDP"]["sdp"])
        return answers[0]

    def sent() -> bool:
        heard = lecture.weak.all("tracks")
        return any(any(one["sources"].values()) for event in heard for one in event["speakers"])

    speaker = Sender(speak)
    try:
        await speaker.open()
        await asyncio.sleep(0.8)  # two reports' time
        assert not sent(), "answered, and not connected"
        async with Network(("127.0.0.1", lecture.service.port), 9) as network:
            await speaker.come(network)
            await lecture.weak.until(sent)
    finally:
        speaker.close()
