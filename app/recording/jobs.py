"""The work on recordings as jobs in SQL: each has one holder at a time, by its name and a lease."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import orjson
import sqlalchemy as sa

from app.core.clock import Clock
from app.core.ids import LectureId
from app.recording.records import FINALISABLE, NOBODYS
from app.recording.segments import RecordedFile
from app.store.recording_tables import recording_files, recordings
from app.store.sql import Sql
from app.store.tables import lectures

SETTLE_SECONDS = 5.0
"""After the end, until the files are looked for: recorders close theirs within a second."""
LOOK_AGAIN_SECONDS = 3_600.0
"""After it was done: a machine that was away may have brought segments since."""
MOST_CHARS = 200
"""Of a fault's words."""


class RecordingJobs:
    """Every method raises Unavailable while the database is away."""

    def __init__(self, sql: Sql, clock: Clock) -> None:
        self._sql = sql
        self._clock = clock

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)

    async def due(self) -> list[LectureId]:
        """Return lectures whose recording somebody should finalise now, the longest due first."""
        now = self.now()
        query = (
            sa.select(recordings.c.lecture_id)
            .join_from(recordings, lectures, recordings.c.lecture_id == lectures.c.id)
            .where(
                lectures.c.ended_at <= now - timedelta(seconds=SETTLE_SECONDS),
                recordings.c.state.in_(FINALISABLE),
                sa.or_(recordings.c.due_at.is_(None), recordings.c.due_at <= now),
                sa.or_(recordings.c.lease_until.is_(None), recordings.c.lease_until <= now),
            )
            .order_by(lectures.c.ended_at)
            .limit(10)
        )
        async with self._sql.reading() as connection:
            return [LectureId(row[0]) for row in await connection.execute(query)]

    async def again(self) -> list[LectureId]:
        """Return finished lectures whose storage is to be looked at once more; each once."""
        now = self.now()
        looked_at = recordings.c.state == "done", recordings.c.due_at <= now
        query = sa.select(recordings.c.lecture_id).where(*looked_at).limit(10)
        async with self._sql.writing() as connection:
            found = [LectureId(row[0]) for row in await connection.execute(query)]
            if found:
                await connection.execute(
                    sa.update(recordings)
                    .where(recordings.c.lecture_id.in_(found), *looked_at)
                    .values(due_at=None)
                )
        return found

    async def ended_for(self, lecture: LectureId) -> float:
        """Return the seconds since a lecture ended; 0 for one that has not."""
        query = sa.select(lectures.c.ended_at).where(lectures.c.id == lecture)
        async with self._sql.reading() as connection:
            ended = (await connection.execute(query)).scalar_one_or_none()
        return 0.0 if ended is None else (self.now() - ended).total_seconds()

    async def take(self, lecture: LectureId, worker: str, lease_seconds: float) -> int | None:
        """Take a job that is due; return which attempt it is, or None where another was faster."""
        now = self.now()
        statement = (
            sa.update(recordings)
            .where(
                recordings.c.lecture_id == lecture,
                recordings.c.state.in_(FINALISABLE),
                sa.or_(recordings.c.lease_until.is_(None), recordings.c.lease_until <= now),
            )
            .values(
                state="running",
                worker=worker,
                lease_until=now + timedelta(seconds=lease_seconds),
                began_at=now,
                percent=0,
                attempts=recordings.c.attempts + 1,
            )
            .returning(recordings.c.attempts)
        )
        async with self._sql.writing() as connection:
            return cast("int | None", (await connection.execute(statement)).scalar_one_or_none())

    async def renew(
        self, lecture: LectureId, worker: str, lease_seconds: float, percent: int
    ) -> bool:
        """Keep a job and note how far it is; False when it is ours no more: cancelled, or taken."""
        until = self.now() + timedelta(seconds=lease_seconds)
        return await self._ours(lecture, worker, {"percent": percent, "lease_until": until})

    async def postpone(
        self, lecture: LectureId, worker: str, seconds: float, fault: str, attempts: int
    ) -> None:
        """Give a job back, to be tried again in a while; ``attempts`` are counted so far."""
        due = self.now() + timedelta(seconds=seconds)
        values = {"state": "waiting", "due_at": due, "attempts": attempts, **NOBODYS}
        _ = await self._ours(lecture, worker, {"fault": fault[:MOST_CHARS], **values})

    async def fail(self, lecture: LectureId, worker: str, fault: str) -> None:
        """Give a job up, until somebody asks for it again."""
        values = {"state": "failed", "fault": fault[:MOST_CHARS], **NOBODYS}
        _ = await self._ours(lecture, worker, values)

    async def _ours(self, lecture: LectureId, worker: str, values: dict[str, Any]) -> bool:
        statement = (
            sa.update(recordings)
            .where(
                recordings.c.lecture_id == lecture,
                recordings.c.state == "running",
                recordings.c.worker == worker,
            )
            .values(values)
        )
        async with self._sql.writing() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def finish(
        self, lecture: LectureId, worker: str, files: Sequence[RecordedFile], audio: str | None
    ) -> bool:
        """Note what came of a job, and the lecture's ``audio`` unless a service named another.

        False, and nothing, when the job is ours no more.
        """
        due = self.now() + timedelta(seconds=LOOK_AGAIN_SECONDS)
        done = (
            sa.update(recordings)
            .where(
                recordings.c.lecture_id == lecture,
                recordings.c.state == "running",
                recordings.c.worker == worker,
            )
            .values(state="done", percent=100, due_at=due, fault=None, attempts=0, **NOBODYS)
        )
        old = sa.delete(recording_files).where(recording_files.c.lecture_id == lecture)
        named = (
            sa.update(lectures)
            .where(lectures.c.id == lecture, lectures.c.audio.is_(None))
            .values(audio=audio)
        )
        async with self._sql.writing() as connection:
            if not (await connection.execute(done)).rowcount:
                return False
            await connection.execute(old)
            if files:
                await connection.execute(
                    sa.insert(recording_files), [_row(lecture, one) for one in files]
                )
            if audio is not None:
                await connection.execute(named)
        return True


def _row(lecture: LectureId, of: RecordedFile) -> dict[str, Any]:
    return {
        "lecture_id": lecture,
        "name": of.name,
        "kind": of.kind,
        "publisher": of.publisher,
        "source": of.source,
        "codec": of.codec,
        "content_type": of.content_type,
        "bytes": of.bytes,
        "start_ms": of.start_ms,
        "end_ms": of.end_ms,
        "active": orjson.dumps(of.active),
    }
