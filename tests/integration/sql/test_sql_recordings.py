"""What SQL knows of recordings, on each kind of database."""

import asyncio

import pytest

from app.auth.accounts import Accounts
from app.auth.passwords import Passwords
from app.core.ids import Email, LectureId
from app.recording.jobs import LOOK_AGAIN_SECONDS, SETTLE_SECONDS, RecordingJobs
from app.recording.records import RecordingRecords
from app.recording.segments import RecordedFile
from app.rooms.catalogue import Catalogue
from app.store.sql import Sql
from tests.manual_clock import ManualClock

OWNER, STUDENT = Email("ada@example.org"), Email("bob@example.org")
FILE = RecordedFile(
    "presenter-camera-vp8.webm", "video", "presenter", "camera", "vp8", "video/webm",
    5_000_000_000, 1_500, 7_200_000, ((1_500, 4_000), (9_000, 7_200_000)),
)  # fmt: skip


class Desk:
    def __init__(self, sql: Sql, clock: ManualClock) -> None:
        self.records = RecordingRecords(sql, clock)
        self.jobs = RecordingJobs(sql, clock)
        self.catalogue = Catalogue(sql, clock)
        self.sql = sql
        self.clock = clock

    async def lecture(self) -> LectureId:
        passwords = Passwords()
        accounts = Accounts(self.sql, passwords, self.clock)
        for email in (OWNER, STUDENT):
            await accounts.create("Name", email, "correct horse battery")
        passwords.close()
        return (await self.catalogue.create(OWNER, "Title", "")).id


@pytest.fixture
def desk(sql: Sql, clock: ManualClock) -> Desk:
    return Desk(sql, clock)


async def test_a_wish_is_kept_and_changed(desk: Desk) -> None:
    lecture = await desk.lecture()
    assert await desk.records.wish(lecture) is None
    await desk.records.set_wish(lecture, True)
    assert await desk.records.wish(lecture) is True
    await desk.records.set_wish(lecture, False)
    assert await desk.records.wish(lecture) is False
    await desk.records.went_live(lecture)
    assert await desk.records.wish(lecture) is False


async def test_a_job_has_one_holder_from_the_end_to_the_files(desk: Desk) -> None:
    lecture, records, jobs = await desk.lecture(), desk.records, desk.jobs
    await records.went_live(lecture)
    assert await jobs.due() == []
    await desk.catalogue.ended(lecture)
    assert await jobs.due() == []  # recorders close their files
    desk.clock.advance(SETTLE_SECONDS)
    assert await jobs.due() == [lecture]
    taken = await asyncio.gather(*(jobs.take(lecture, f"api-{n}", 20) for n in range(5)))
    assert sorted(one is not None for one in taken) == [False] * 4 + [True]
    holder = f"api-{[one is not None for one in taken].index(True)}"
    assert await jobs.due() == []
    desk.clock.advance(15)
    assert await jobs.renew(lecture, holder, 20, 40)
    assert not await jobs.renew(lecture, "api-9", 20, 99)
    desk.clock.advance(15)
    assert await jobs.due() == []
    found = await records.read(lecture)
    assert found is not None
    assert (found.state, found.percent) == ("running", 40)
    assert found.seconds_left(records.now()) == 45
    assert await jobs.finish(lecture, holder, [FILE], "lecture.mp3")
    done = await records.read(lecture)
    assert done is not None
    assert (done.state, done.percent, done.files) == ("done", 100, (FILE,))
    (ended,) = await desk.catalogue.ended_of(OWNER)
    assert ended.audio == "lecture.mp3"
    assert await jobs.due() == []
    assert await jobs.again() == []
    desk.clock.advance(LOOK_AGAIN_SECONDS)
    assert await jobs.again() == [lecture]
    assert await jobs.again() == []


async def test_a_recording_is_for_who_gave_and_who_attended(desk: Desk) -> None:
    lecture = await desk.lecture()
    assert await desk.records.role(lecture, OWNER) == "owner"
    assert await desk.records.role(lecture, STUDENT) is None
    await desk.catalogue.attend(lecture, STUDENT)
    assert await desk.records.role(lecture, STUDENT) == "attended"
    assert await desk.records.role(lecture, Email("eve@example.org")) is None


async def test_what_is_forgotten_leaves_no_file(desk: Desk) -> None:
    lecture, records, jobs = await desk.lecture(), desk.records, desk.jobs
    await records.set_wish(lecture, True)
    await records.went_live(lecture)
    await desk.catalogue.ended(lecture)
    desk.clock.advance(SETTLE_SECONDS)
    assert await jobs.take(lecture, "api-1", 20) == 1
    assert await records.cancel(lecture)
    assert not await jobs.finish(lecture, "api-1", [FILE], "lecture.mp3")
    assert await records.ask_again(lecture)
    assert await jobs.take(lecture, "api-1", 20) == 1
    assert await jobs.finish(lecture, "api-1", [FILE], None)
    await records.forget(lecture)
    found = await records.read(lecture)
    assert found is not None
    assert (found.state, found.files) == ("idle", ())
    assert await records.wish(lecture) is True
