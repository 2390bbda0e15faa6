"""Recordings made whole after their lectures: by real workers, through crashes and cancellation."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.auth.accounts import Accounts
from app.auth.passwords import Passwords
from app.core.clock import SystemClock
from app.core.errors import Conflict, NotFound, Unavailable
from app.core.ids import Email, LectureId, NodeId
from app.recording.container import MediaFile, format_of
from app.recording.delivery import Deliveries, deliver
from app.recording.finaliser import LEASE_SECONDS, Finaliser
from app.recording.jobs import RecordingJobs
from app.recording.model import Segment, new_segment_name
from app.recording.records import Recording, RecordingRecords
from app.recording.segments import mix_name
from app.recording.service import RecordingConfig, Recordings
from app.recording.spool import Spool, sidecar
from app.recording.storage.folder import FolderStorage
from app.recording.storage.signing import Signer
from app.rooms.catalogue import Catalogue
from app.store.recording_tables import recordings as recordings_table
from app.store.sql import Sql
from app.store.tables import lectures
from tests.integration.recording.recorded import contents
from tests.unit.recording.media import pictures, tone

OWNER = Email("ada@example.org")


class Clock(SystemClock):
    """The machine's, set forward by a test."""

    ahead = 0.0

    def wall(self) -> float:
        return super().wall() + self.ahead


class Office:
    """An installation after a lecture: its database, its storage, and processes that finalise."""

    def __init__(self, folder: Path, sql: Sql) -> None:
        self.folder = folder
        self.sql = sql
        self.clock = Clock()
        self.storage = FolderStorage(folder / "recordings" / "kept", Signer("s" * 32))
        self.spool = Spool(folder / "recordings" / "spool")
        self.spool.open()
        self.records = RecordingRecords(sql, self.clock)
        self.jobs = RecordingJobs(sql, self.clock)
        self.recordings = Recordings(
            self.records,
            None,  # type: ignore[arg-type]  # nothing here is live
            self.storage,
            self.clock,
            RecordingConfig(),
        )
        self.workers: list[asyncio.subprocess.Process] = []
        self.lecture = LectureId("")

    async def spawn(self, lecture: LectureId) -> asyncio.subprocess.Process:
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app", "finalise", lecture,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "LECTERN_DATA_DIR": str(self.folder)},
        )  # fmt: skip
        self.workers.append(worker)
        return worker

    def process(self, name: str = "api-1") -> Finaliser:
        work = self.folder / "recordings" / "work"
        return Finaliser(self.records, self.jobs, self.storage, self.spawn, NodeId(name), work)

    async def lecture_over(self) -> None:
        """Give a lecture that was recorded, and end it."""
        passwords = Passwords()
        accounts = Accounts(self.sql, passwords, self.clock)
        await accounts.create("Ada", OWNER, "correct horse battery")
        passwords.close()
        self.catalogue = Catalogue(self.sql, self.clock)
        made = await self.catalogue.create(OWNER, "Title", "")
        self.lecture = made.id
        await self.records.went_live(made.id)
        await self.catalogue.ended(made.id)
        self.clock.ahead += 10

    def segment(self, source: str, codec: str, start_ms: int) -> tuple[Segment, Path]:
        form = format_of(codec)
        assert form is not None
        segment = Segment(
            name=new_segment_name("presenter", source, start_ms, form.suffix),
            lecture=self.lecture,
            publisher="presenter",
            source=source,
            kind="audio" if codec == "opus" else "video",
            codec=form.codec,
            content_type=form.content_type,
            start_ms=start_ms,
        )
        return segment, self.spool.announce(segment)

    async def sound(self, start_ms: int, seconds: float = 2) -> Segment:
        segment, path = self.segment("microphone", "opus", start_ms)
        file = MediaFile(path, format_of("opus"))
        for number, packet in enumerate(tone(seconds)):
            file.write(packet, number * 960, 960, True)
        file.close()
        assert await deliver(self.storage, segment, path)
        return segment

    async def picture(self, start_ms: int, codec: str = "vp8", source: str = "camera") -> Segment:
        segment, path = self.segment(source, codec, start_ms)
        file = MediaFile(path, format_of(codec), (160, 120))
        for number, (frame, keyframe) in enumerate(pictures(codec)):
            file.write(frame, number * 9_000, 9_000, keyframe)
        file.close()
        assert await deliver(self.storage, segment, path)
        return segment

    async def found(self) -> Recording:
        return await self.recordings.of(self.lecture)

    def path(self, name: str) -> Path:
        return self.storage.root / self.lecture / name


@pytest.fixture
async def office(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Office]:
    sql = Sql(sqlite_url)
    await sql.open()
    made = Office(tmp_path, sql)
    await made.lecture_over()
    yield made
    await sql.close()
    for worker in made.workers:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()


async def test_segments_become_files_that_are_as_long_as_the_lecture(office: Office) -> None:  # B10
    await office.sound(1_000)
    await office.sound(8_000)  # a relay died in between
    await office.picture(500)
    await office.picture(6_000)
    await office.picture(3_000, "h264", "screen")
    assert await office.process().work()
    done = await office.found()
    assert (done.state, done.percent) == ("done", 100)
    files = {one.name: one for one in done.files}
    assert {name: (one.start_ms, one.end_ms) for name, one in files.items()} == {
        "presenter-microphone-opus.webm": (1_000, 10_000),
        "presenter-camera-vp8.webm": (500, pytest.approx(8_933, abs=5)),
        "presenter-screen-h264.mp4": (3_000, pytest.approx(5_933, abs=5)),
        mix_name(office.lecture): (0, pytest.approx(10_000, abs=30)),
    }
    assert files["presenter-microphone-opus.webm"].active == ((1_000, 3_000), (8_000, 10_000))
    shown = files["presenter-camera-vp8.webm"].active
    assert shown == (
        (500, pytest.approx(3_433, abs=5)),
        (6_000, pytest.approx(8_933, abs=5)),
    )
    sound = contents(office.path("presenter-microphone-opus.webm"))
    assert sound.duration == pytest.approx(9, abs=0.05)
    assert max(sound.levels[22:68]) == 0
    assert min(sound.levels[72:88]) > 0.1
    camera = contents(office.path("presenter-camera-vp8.webm"))
    assert len(camera.pictures) == 60
    assert camera.pictures[30][0] == pytest.approx(5.5, abs=0.02)
    assert len(contents(office.path("presenter-screen-h264.mp4")).pictures) == 30
    mixed = contents(office.path(mix_name(office.lecture)))
    assert mixed.duration == pytest.approx(10, abs=0.1)
    assert max(mixed.levels[:9]) < 0.001  # gap-true
    assert min(mixed.levels[12:28]) > 0.1
    assert max(mixed.levels[33:78]) < 0.001
    assert [one.name for one in office.path("raw").glob("*")] == []
    (lecture,) = await office.catalogue.ended_of(OWNER)
    assert lecture.audio == mix_name(office.lecture)
    assert not await office.process().work()  # once


async def test_a_service_that_named_the_audio_is_not_overruled(office: Office) -> None:
    await office.catalogue.ended(office.lecture, "https://example.org/a.mp3")
    await office.sound(0, 1)
    assert await office.process().work()
    (lecture,) = await office.catalogue.ended_of(OWNER)
    assert lecture.audio == "https://example.org/a.mp3"


async def test_a_segment_that_was_announced_is_waited_for(office: Office) -> None:
    await office.sound(0, 1)
    segment, path = office.segment("microphone", "opus", 2_000)
    assert await deliver(office.storage, segment, path, is_closed=False)
    assert await office.process().work()
    waiting = await office.found()
    assert (waiting.state, waiting.fault) == ("waiting", "1 files to come")
    assert not await office.process().work()
    office.clock.ahead += 700  # it never came
    assert await office.process().work()
    assert (await office.found()).state == "done"
    assert [one.name for one in office.path("raw").glob("*")] == []


async def test_what_came_after_all_joins_what_is_whole(office: Office) -> None:
    await office.sound(1_000)
    assert await office.process().work()
    await office.sound(6_000)
    process = office.process()
    await process.look_again()
    assert (await office.found()).state == "done"  # not yet
    office.clock.ahead += 3_700
    await process.look_again()
    assert await process.work()
    files = {one.kind: one for one in (await office.found()).files}
    assert (files["audio"].start_ms, files["audio"].end_ms) == (1_000, 8_000)
    assert files["mix"].end_ms == pytest.approx(8_000, abs=30)
    heard = contents(office.path("presenter-microphone-opus.webm"))
    assert max(heard.levels[22:48]) == 0
    assert min(heard.levels[52:68]) > 0.1


async def test_a_worker_that_dies_is_tried_again(office: Office) -> None:
    await office.sound(0, 1)
    finaliser = office.process()

    async def shot(lecture: LectureId) -> asyncio.subprocess.Process:
        worker = await office.spawn(lecture)
        worker.send_signal(signal.SIGKILL)
        return worker

    finaliser._spawn = shot
    assert await finaliser.work()
    crashed = await office.found()
    assert (crashed.state, crashed.attempts) == ("waiting", 1)
    office.clock.ahead += 60
    for _ in range(3):
        assert await finaliser.work()
        office.clock.ahead += 120
    assert (await office.found()).state == "failed"
    assert not await finaliser.work()
    await office.recordings.ask_again(office.lecture)
    assert await office.process().work()
    assert (await office.found()).state == "done"


async def test_a_process_that_dies_loses_its_job_to_another(office: Office) -> None:
    await office.sound(0, 1)
    assert await office.jobs.take(office.lecture, "api-dead", LEASE_SECONDS) == 1
    other = office.process("api-2")
    assert not await other.work()
    office.clock.ahead += LEASE_SECONDS + 1
    assert await other.work()
    assert (await office.found()).state == "done"
    assert not await office.jobs.renew(office.lecture, "api-dead", LEASE_SECONDS, 50)
    assert not await office.jobs.finish(office.lecture, "api-dead", [], None)


async def test_work_can_be_cancelled_and_asked_for_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.recording.finaliser.RENEW_SECONDS", 0.05)
    await office.sound(0, 1)

    async def slow(lecture: LectureId) -> asyncio.subprocess.Process:
        worker = await office.spawn(lecture)
        worker.send_signal(signal.SIGSTOP)  # a very long lecture
        return worker

    finaliser = office.process()
    finaliser._spawn = slow
    working = asyncio.create_task(finaliser.work())
    while (await office.found()).state != "running":
        await asyncio.sleep(0.02)
    with pytest.raises(Conflict):
        await office.recordings.ask_again(office.lecture)
    await office.recordings.cancel(office.lecture)
    async with asyncio.timeout(10):
        assert await working
    assert office.workers[0].returncode == -signal.SIGKILL
    assert (await office.found()).state == "cancelled"
    with pytest.raises(Conflict):
        await office.recordings.cancel(office.lecture)
    assert len(list(office.path("raw").glob("*"))) == 2  # what was recorded stays
    await office.recordings.ask_again(office.lecture)
    assert await office.process().work()
    assert (await office.found()).state == "done"


async def test_progress_has_an_estimate(office: Office) -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    at = began + timedelta(seconds=30)
    running = Recording(office.lecture, "running", 25, began, 1, None)
    assert running.seconds_left(at) == 90
    assert Recording(office.lecture, "running", 0, began, 1, None).seconds_left(at) is None
    assert Recording(office.lecture, "done", 100, began, 1, None).seconds_left(at) is None


async def test_a_storage_that_is_away_is_tried_for_ever(office: Office) -> None:
    await office.sound(0, 1)
    kept = office.storage.root
    kept.rename(kept.with_name("unplugged"))
    kept.write_text("not a folder")
    for _ in range(5):
        _ = await office.process().work()
        office.clock.ahead += 60
    waiting = await office.found()
    kept.unlink()
    kept.with_name("unplugged").rename(kept)
    assert waiting.state == "waiting"
    assert waiting.fault is not None
    assert "folder" in waiting.fault
    office.clock.ahead += 60
    _ = await office.process().work()
    assert (await office.found()).state == "done"


async def test_deleting_leaves_nothing(office: Office) -> None:
    await office.sound(0, 1)
    await office.picture(0)
    assert await office.process().work()
    await office.sound(9_000, 1)  # late
    assert len(await office.recordings.keys(office.lecture)) == 5
    assert await office.recordings.delete(office.lecture) == 5
    assert await office.recordings.delete(office.lecture) == 0
    assert not (office.storage.root / office.lecture).exists()
    with pytest.raises(NotFound):
        await office.found()
    async with office.sql.reading() as connection:
        row = (await connection.execute(sa.select(recordings_table.c.state))).scalar_one()
    assert row == "idle"


async def test_links_end_and_are_made_out_to_one_file(office: Office) -> None:
    await office.sound(0, 1)
    assert await office.process().work()
    link = await office.recordings.audio(office.lecture)
    assert link is not None
    assert link.url.startswith(f"/recordings/{office.lecture}/{mix_name(office.lecture)}?expires=")
    assert await office.recordings.role(office.lecture, OWNER) == "owner"
    assert await office.recordings.role(office.lecture, Email("eve@example.org")) is None
    assert await office.recordings.role(LectureId("f" * 32), OWNER) is None


async def test_a_lecture_that_goes_on_is_not_finalised(office: Office) -> None:
    async with office.sql.writing() as connection:
        await connection.execute(sa.update(lectures).values(ended_at=None))
    await office.sound(0, 1)
    assert not await office.process().work()
    assert (await office.found()).state == "live"


async def test_what_a_dead_recorder_left_is_brought_by_another_process(office: Office) -> None:
    segment, path = office.segment("microphone", "opus", 0)
    file = MediaFile(path, format_of("opus"))
    for number, packet in enumerate(tone(2)):
        file.write(packet, number * 960, 960, True)
    deliveries = Deliveries(office.storage, office.folder / "recordings" / "spool")
    assert await deliveries.sweep() == 0  # it lives
    file.close()
    os.close(office.spool._lock)  # it died
    assert await deliveries.sweep() == 1
    assert not sidecar(path).exists()
    assert [one.key for one in await office.storage.names(f"{office.lecture}/raw/")] == [
        f"{office.lecture}/raw/{segment.name}",
        f"{office.lecture}/raw/{segment.name}.json",
    ]


async def test_a_segment_waits_in_the_spool_for_a_storage_that_is_away(office: Office) -> None:
    segment, path = office.segment("microphone", "opus", 0)
    path.write_bytes(b"x")

    class Away(FolderStorage):
        async def put(self, key: str, path: Path, content_type: str) -> None:
            raise Unavailable("away")

    away = Away(office.storage.root, None)
    assert not await deliver(away, segment, path)
    assert path.exists()
    assert sidecar(path).exists()
    assert await deliver(office.storage, segment, path)
    assert not path.exists()
