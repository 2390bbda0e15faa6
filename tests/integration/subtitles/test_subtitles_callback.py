"""A service that calls back, as CLOVA Speech does, played by a real HTTP server."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from aiohttp import web

from app.archive.reader import ArchiveReader
from app.core.ids import LectureId
from app.subtitles.callback_key import CallbackKeys
from app.subtitles.callback_service import CallbackService
from app.subtitles.model import MAX_ATTEMPTS, Audio
from tests.integration.archive.conftest import ArchiveWorld
from tests.integration.archive.site import SECRET, ArchiveSite

KEY = "the service's own key"


@dataclass
class Service:
    """The double: answers as it is told, and keeps what it was asked."""

    answers: list[tuple[int, Any]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        assert request.headers["X-CLOVASPEECH-API-KEY"] == KEY
        self.asked.append(await request.json())
        status, body = self.answers.pop(0) if self.answers else (200, {"result": "SUCCEEDED"})
        if body is None:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status, text=body if isinstance(body, str) else json.dumps(body))


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    made = Service()
    app = web.Application()
    app.router.add_post("/external/v1/recognizer/url", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    made.url = f"http://127.0.0.1:{port}/external/v1"
    yield made
    await runner.cleanup()


@pytest.fixture
async def site(world: ArchiveWorld, service: Service) -> AsyncIterator[ArchiveSite]:
    keys = CallbackKeys(SECRET)
    engine = CallbackService(service.url, KEY, "ko-KR", "http://lectern.test", keys, world.clock)
    made = ArchiveSite(world, engine)
    yield made
    await made.client.aclose()


async def ended(site: ArchiveSite) -> LectureId:
    """A lecture that is over, whose code is gone, and whose sound is there."""
    lecture = await site.world.start()
    await site.world.end(lecture)
    await site.world.archiver.bring_all()
    site.files.audio_of[lecture.id] = Audio("https://files.example/lecture.mp3?sig=1", "x.mp3")
    await site.subtitles.want(lecture.id)
    return lecture.id


async def texts(reader: ArchiveReader, lecture: LectureId) -> list[tuple[int, int, str]]:
    page = await reader.captions(lecture, "speech", 0, 100)
    return [(row.start_ms, row.end_ms, row.text) for row in page.rows]


@pytest.mark.parametrize("tables_url", ["sqlite", "postgresql"], indirect=True)
async def test_a_result_finds_its_lecture_long_after_its_code_is_gone(  # X16
    site: ArchiveSite, service: Service
) -> None:
    lecture = await ended(site)
    assert await site.subtitles.work()
    assert not await site.subtitles.work()
    (asked,) = service.asked
    assert asked["url"] == "https://files.example/lecture.mp3?sig=1"
    assert (asked["language"], asked["completion"]) == ("ko-KR", "async")
    assert await site.jobs.state(lecture) == "submitted"
    site.world.clock.advance(2 * 3600)
    result = {
        "result": "COMPLETED",
        "token": "t",
        "segments": [
            {"start": 0, "end": 900, "text": "raw", "textEdited": "Good morning", "confidence": 1},
            {"start": 1000, "end": 2000, "text": "all", "textEdited": "everybody"},
        ],
    }
    callback = asked["callback"]
    for bad in (
        callback[:-1] + "x",
        callback.partition("?")[0],
        callback.replace(lecture, "0" * 32),
    ):
        assert (await site.client.post(bad, json=result)).status_code == 401
    for _ in range(2):  # a service may say it twice
        answer = await site.client.post(callback, json=result)
        assert (answer.status_code, answer.json()) == (200, {"stored": 2})
    assert await texts(site.world.reader, lecture) == [
        (0, 900, "Good morning"), (1000, 2000, "everybody")
    ]  # fmt: skip
    assert await site.jobs.state(lecture) == "done"
    vtt = await site.client.get(f"/lecture/archive/{lecture}/captions.vtt", headers=site.as_("ada"))
    assert "00:00:01.000 --> 00:00:02.000\neverybody" in vtt.text


@pytest.mark.parametrize(
    "answer",
    [(429, {}), (503, {}), (200, {"result": "FAILED"}), (200, "no json"), (200, None),
     (200, "x" * 70_000)],
)  # fmt: skip
async def test_what_may_pass_is_tried_again(  # X16
    site: ArchiveSite, service: Service, answer: tuple[int, Any]
) -> None:
    lecture = await ended(site)
    service.answers = [answer, answer]
    assert await site.subtitles.work()
    assert await site.jobs.state(lecture) == "waiting"
    assert not await site.subtitles.work()  # not at once
    site.world.clock.advance(31)
    assert await site.subtitles.work()
    assert await site.jobs.state(lecture) == "waiting"
    site.world.clock.advance(61)
    assert await site.subtitles.work()
    assert await site.jobs.state(lecture) == "submitted"
    assert len(service.asked) == 3


async def test_what_the_service_forbids_is_not_tried_again(
    site: ArchiveSite, service: Service
) -> None:
    lecture = await ended(site)
    service.answers = [(401, {"error": "key"})]
    assert await site.subtitles.work()
    assert await site.jobs.state(lecture) == "failed"
    site.world.clock.advance(86_400)
    assert not await site.subtitles.work()
    assert len(service.asked) == 1


async def test_it_gives_up_after_some_hours(site: ArchiveSite, service: Service) -> None:
    lecture = await ended(site)
    service.answers = [(500, {})] * 50
    for _ in range(50):
        _ = await site.subtitles.work()
        site.world.clock.advance(3601)
    assert await site.jobs.state(lecture) == "failed"
    assert len(service.asked) == MAX_ATTEMPTS


async def test_a_failure_that_is_called_back_is_tried_again(
    site: ArchiveSite, service: Service
) -> None:
    lecture = await ended(site)
    _ = await site.subtitles.work()
    answer = await site.client.post(service.asked[0]["callback"], json={"result": "FAILED"})
    assert answer.json() == {"stored": 0}
    assert await site.jobs.state(lecture) == "waiting"
    site.world.clock.advance(31)
    assert await site.subtitles.work()
    assert len(service.asked) == 2


async def test_a_service_that_forgets_is_asked_again(site: ArchiveSite, service: Service) -> None:
    lecture = await ended(site)
    _ = await site.subtitles.work()
    site.world.clock.advance(6 * 3600 + 1)
    assert await site.subtitles.work()
    assert len(service.asked) == 2
    assert await site.jobs.state(lecture) == "submitted"


async def test_sound_that_is_not_there_yet(site: ArchiveSite, service: Service) -> None:
    lecture = await ended(site)
    audio = site.files.audio_of.pop(lecture)
    site.files.coming.add(lecture)
    assert await site.subtitles.work()
    assert await site.jobs.state(lecture) == "waiting"
    site.world.clock.advance(16)
    site.files.audio_of[lecture] = audio
    assert await site.subtitles.work()
    assert len(service.asked) == 1


async def test_a_lecture_that_was_not_recorded_has_no_job(site: ArchiveSite) -> None:
    lecture = await ended(site)
    del site.files.audio_of[lecture]
    assert await site.subtitles.work()
    assert await site.jobs.state(lecture) is None


@pytest.mark.parametrize("tables_url", ["sqlite", "postgresql"], indirect=True)
async def test_two_processes_do_a_job_once(site: ArchiveSite, service: Service) -> None:
    await ended(site)
    await asyncio.gather(site.subtitles.work(), site.subtitles.work())
    assert len(service.asked) == 1


async def test_a_service_that_is_not_there(site: ArchiveSite, world: ArchiveWorld) -> None:
    lecture = await ended(site)
    engine = CallbackService(
        "http://127.0.0.1:1", KEY, "ko-KR", "http://x", CallbackKeys(SECRET), world.clock
    )
    other = ArchiveSite(world, engine)
    other.files.audio_of = site.files.audio_of
    assert await other.subtitles.work()
    assert await site.jobs.state(lecture) == "waiting"
    await other.client.aclose()
    assert isinstance(site.client, httpx.AsyncClient)
