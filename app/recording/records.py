"""Recordings in SQL: what is wanted, how far each has come, its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.core.clock import Clock
from app.core.ids import Email, LectureId
from app.recording.segments import RecordedFile
from app.store.recording_tables import recording_files, recordings
from app.store.sql import Sql
from app.store.tables import accounts, attendance, lectures

Progress = Literal["idle", "live", "waiting", "running", "done", "failed", "cancelled"]

SETTLE_SECONDS = 5.0
"""After the end, until the files are looked for: recorders close theirs within a second."""
LOOK_AGAIN_SECONDS = 3_600.0
"""After it was done: a machine that was away may have brought segments since."""
MOST_CHARS = 200
_FINALISABLE = ("live", "waiting", "running")


@dataclass(frozen=True, slots=True)
class Recording:
    """How far a lecture's recording has come."""

    lecture: LectureId
    state: Progress
    percent: int
    began_at: datetime | None
    """Of the work on it, while ``running``."""
    attempts: int
    fault: str | None
    files: tuple[RecordedFile, ...] = ()

    def seconds_left(self, now: datetime) -> int | None:
        """Return an estimate, by how long it took so far; None before there is one."""
        if self.state != "running" or self.began_at is None or self.percent < 1:
            return None
        taken = (now - self.began_at).total_seconds()
        return round(max(0.0, taken * (100 - self.percent) / self.percent))


class RecordingRecords:
    """Every method raises Unavailable while the database is away."""

    def __init__(self, sql: Sql, clock: Clock) -> None:
        self._sql = sql
        self._clock = clock

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)

    # Wishes ----------------------------------------------------------------------------------

    async def set_wish(self, lecture: LectureId, on: bool) -> None:
        """Note whether a lecture is to be recorded from its start."""
        await self._put(lecture, {"wish": on})

    async def wish(self, lecture: LectureId) -> bool | None:
        """Return what was said about a lecture; None for nothing."""
        query = sa.select(recordings.c.wish).where(recordings.c.lecture_id == lecture)
        async with self._sql.reading() as connection:
            return cast("bool | None", (await connection.execute(query)).scalar_one_or_none())

    async def went_live(self, lecture: LectureId) -> None:
        """Note that a lecture is being recorded: there will be files to finalise."""
        await self._put(lecture, {"state": "live", "due_at": None})

    async def _put(self, lecture: LectureId, values: dict[str, Any]) -> None:
        insert: Any = postgresql.insert if self._sql.dialect == "postgresql" else sqlite.insert
        row = {"state": "idle", "percent": 0, "attempts": 0, "lecture_id": lecture, **values}
        statement = insert(recordings).values(row)
        statement = statement.on_conflict_do_update(
            index_elements=[recordings.c.lecture_id], set_=values
        )
        async with self._sql.writing() as connection:
            await connection.execute(statement)

    # Reading ---------------------------------------------------------------------------------

    async def read(self, lecture: LectureId) -> Recording | None:
        """Return a lecture's recording with its files, or None where there never was any."""
        one = sa.select(recordings).where(recordings.c.lecture_id == lecture)
        files = (
            sa.select(recording_files)
            .where(recording_files.c.lecture_id == lecture)
            .order_by(recording_files.c.start_ms, recording_files.c.name)
        )
        async with self._sql.reading() as connection:
            row = (await connection.execute(one)).first()
            if row is None:
                return None
            found = tuple(_file(entry) for entry in await connection.execute(files))
        return Recording(
            lecture, row.state, row.percent, row.began_at, row.attempts, row.fault, found
        )

    async def role(self, lecture: LectureId, email: Email) -> Literal["owner", "attended"] | None:
        """Return what somebody was in a lecture."""
        me = sa.select(accounts.c.id).where(accounts.c.email == email).scalar_subquery()
        there = sa.select(attendance.c.account_id).where(
            attendance.c.lecture_id == lecture, attendance.c.account_id == me
        )
        query = sa.select(lectures.c.owner_id == me, sa.exists(there)).where(
            lectures.c.id == lecture
        )
        async with self._sql.reading() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            return None
        return "owner" if row[0] else "attended" if row[1] else None

    # Jobs ------------------------------------------------------------------------------------

    async def due(self) -> list[LectureId]:
        """Return lectures whose recording somebody should finalise now, the longest due first."""
        now = self.now()
        query = (
            sa.select(recordings.c.lecture_id)
            .join_from(recordings, lectures, recordings.c.lecture_id == lectures.c.id)
            .where(
                lectures.c.ended_at <= now - timedelta(seconds=SETTLE_SECONDS),
                recordings.c.state.in_(_FINALISABLE),
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
                recordings.c.state.in_(_FINALISABLE),
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
        values = {"state": "waiting", "due_at": due, "attempts": attempts, **_NOBODYS}
        _ = await self._ours(lecture, worker, {"fault": fault[:MOST_CHARS], **values})

    async def fail(self, lecture: LectureId, worker: str, fault: str) -> None:
        """Give a job up, until somebody asks for it again."""
        values = {"state": "failed", "fault": fault[:MOST_CHARS], **_NOBODYS}
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
            .values(state="done", percent=100, due_at=due, fault=None, attempts=0, **_NOBODYS)
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

    async def ask_again(self, lecture: LectureId) -> bool:
        """Let a recording be finalised (again); False where there is none, or it runs."""
        values = {"state": "waiting", "due_at": None, "fault": None, "attempts": 0, **_NOBODYS}
        return await self._change(lecture, ("failed", "cancelled", "done", "waiting"), values)

    async def cancel(self, lecture: LectureId) -> bool:
        """Stop work on a recording, or before it begins; False where there is none to stop."""
        return await self._change(lecture, _FINALISABLE, {"state": "cancelled", **_NOBODYS})

    async def _change(
        self, lecture: LectureId, states: Sequence[str], values: dict[str, Any]
    ) -> bool:
        statement = (
            sa.update(recordings)
            .where(recordings.c.lecture_id == lecture, recordings.c.state.in_(states))
            .values(values)
        )
        async with self._sql.writing() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def forget(self, lecture: LectureId) -> None:
        """Drop all that is noted of a recording, but whether one was wished for."""
        idle = {"state": "idle", "percent": 0, "due_at": None, "fault": None, **_NOBODYS}
        async with self._sql.writing() as connection:
            await connection.execute(
                sa.delete(recording_files).where(recording_files.c.lecture_id == lecture)
            )
            await connection.execute(
                sa.update(recordings).where(recordings.c.lecture_id == lecture).values(idle)
            )


_NOBODYS: dict[str, Any] = {"worker": None, "lease_until": None}


def _file(row: sa.Row[Any]) -> RecordedFile:
    return RecordedFile(
        row.name,
        row.kind,
        row.publisher,
        row.source,
        row.codec,
        row.content_type,
        row.bytes,
        row.start_ms,
        row.end_ms,
        tuple((begin, end) for begin, end in orjson.loads(row.active)),
    )


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
