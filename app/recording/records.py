"""Recordings in SQL: what is wanted, how far each has come, its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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

FINALISABLE = ("live", "waiting", "running")


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

    async def ask_again(self, lecture: LectureId) -> bool:
        """Let a recording be finalised (again); False where there is none, or it runs."""
        values = {"state": "waiting", "due_at": None, "fault": None, "attempts": 0, **NOBODYS}
        return await self._change(lecture, ("failed", "cancelled", "done", "waiting"), values)

    async def cancel(self, lecture: LectureId) -> bool:
        """Stop work on a recording, or before it begins; False where there is none to stop."""
        return await self._change(lecture, FINALISABLE, {"state": "cancelled", **NOBODYS})

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
        idle = {"state": "idle", "percent": 0, "due_at": None, "fault": None, **NOBODYS}
        async with self._sql.writing() as connection:
            await connection.execute(
                sa.delete(recording_files).where(recording_files.c.lecture_id == lecture)
            )
            await connection.execute(
                sa.update(recordings).where(recordings.c.lecture_id == lecture).values(idle)
            )


NOBODYS: dict[str, Any] = {"worker": None, "lease_until": None}
"""What is written where a job is given back."""


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
