"""From a recorded lecture to its captions, through the parts as an api process has them."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from app.archive.entries import ArchiveEntries
from app.bootstrap.archive import RecordedFiles
from app.recording.records import RecordingRecords
from app.recording.segments import key_of, mix_name
from app.recording.service import RecordingConfig, Recordings
from app.recording.state import RecordingStates
from app.recording.storage.folder import FolderStorage
from app.recording.storage.signing import Signer
from app.store.recording_tables import recording_files, recordings
from app.subtitles.jobs import SubtitleJobs
from app.subtitles.service import Subtitles
from app.subtitles.sphinx import Sphinx
from tests.integration.archive.conftest import ArchiveWorld
from tests.integration.archive.site import SECRET


async def test_a_recording_is_heard_and_deleted(world: ArchiveWorld, tmp_path: Path) -> None:
    lecture = await world.start()
    await world.end(lecture)
    await world.archiver.bring_all()
    storage = FolderStorage(tmp_path / "kept", Signer(SECRET))
    records = RecordingRecords(world.sql, world.clock)
    config = RecordingConfig()
    made = Recordings(records, RecordingStates(world.redis), storage, world.clock, config)
    files = RecordedFiles(made, "https://lectures.example")
    jobs = SubtitleJobs(world.sql, world.clock)
    subtitles = Subtitles(jobs, Sphinx(storage.fetch), files, ArchiveEntries(world.sql))

    # Recorded, and being finalised: the job waits.
    row = {"lecture_id": lecture.id, "state": "running", "percent": 40, "attempts": 1,
           "began_at": datetime.fromtimestamp(world.clock.wall(), UTC)}  # fmt: skip
    async with world.sql.writing() as connection:
        await connection.execute(sa.insert(recordings).values(row))
    await subtitles.want(lecture.id)
    assert await subtitles.work()
    assert await jobs.state(lecture.id) == "waiting"
    assert (await files.summary(lecture.id))["state"] == "running"

    # Done.
    voice = shutil.which("flite")
    assert voice is not None, "flite is not installed (tests/setup/components.sh)"
    spoken = tmp_path / "spoken.wav"
    said = "Please open the window."
    command = [voice, "-voice", "slt", "-t", said, "-o", str(spoken)]
    subprocess.run(command, check=True, timeout=60)
    await storage.put(key_of(lecture.id, mix_name(lecture.id)), spoken, "audio/mpeg")
    file = {"lecture_id": lecture.id, "name": mix_name(lecture.id), "kind": "mix", "publisher": "",
            "source": "", "codec": "mp3", "content_type": "audio/mpeg", "bytes": 1, "start_ms": 0,
            "end_ms": 2000, "active": b"[]"}  # fmt: skip
    async with world.sql.writing() as connection:
        await connection.execute(sa.insert(recording_files).values(file))
        await connection.execute(sa.update(recordings).values(state="done", percent=100))
    world.clock.advance(16)
    assert await subtitles.work()
    assert await jobs.state(lecture.id) == "done"
    page = await world.reader.captions(lecture.id, None, 0, 10)
    assert "window" in " ".join(row.text for row in page.rows)
    audio = await files.audio_url(lecture.id)
    assert audio is not None
    assert audio.startswith("https://lectures.example/recordings/")

    await files.delete(lecture.id)
    assert await files.audio_url(lecture.id) is None
    assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]
