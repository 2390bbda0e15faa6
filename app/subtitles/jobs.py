"""The recognitions that are to be done, in SQL, so that they outlive whoever does them."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core.clock import Clock
from app.core.ids import LectureId
from app.store.archive_tables import subtitle_jobs
from app.store.sql import Sql
from app.subtitles.model import CALLBACK_SECONDS, MAX_ATTEMPTS, JobState, delay_seconds

MAX_ERROR_CHARS = 200

TAKE_BATCH = 20


class SubtitleJobs:
    """Every method raises Unavailable while the database is away."""

    def __init__(self, sql: Sql, clock: Clock) -> None:
        self._sql = sql
        self._clock = clock

    async def want(self, lecture: LectureId) -> bool:
        """Ask for a lecture's speech to be recognised; False when it was asked for before."""
        row = {
            "lecture_id": lecture,
            "state": "waiting",
            "attempts": 0,
            "due_ms": self._now_ms(),
            "percent": 0,
        }
        try:
            async with self._sql.writing() as connection:
                await connection.execute(sa.insert(subtitle_jobs).values(row))
        except IntegrityError:
            return False
        return True

    async def take(self, lease_seconds: float) -> LectureId | None:
        """Return a job whose time has come, for this caller alone until its lease is over."""
        job, now = subtitle_jobs.c, self._now_ms()
        due = (
            sa.select(job.lecture_id, job.due_ms)
            .where(job.due_ms <= now, job.state.in_(("waiting", "running", "submitted")))
            .order_by(job.due_ms)
            .limit(TAKE_BATCH)
        )
        async with self._sql.reading() as connection:
            found = (await connection.execute(due)).all()
        for row in found:
            mine = (
                sa.update(subtitle_jobs)
                .where(job.lecture_id == row.lecture_id, job.due_ms == row.due_ms)
                .values(state="running", due_ms=now + round(lease_seconds * 1000))
            )
            async with self._sql.writing() as connection:
                if (await connection.execute(mine)).rowcount == 1:
                    return LectureId(row.lecture_id)
        return None

    async def renew(self, lecture: LectureId, lease_seconds: float, percent: int) -> None:
        """Say that the work goes on, and how far it is."""
        await self._set(
            lecture, due_ms=self._now_ms() + round(lease_seconds * 1000), percent=percent
        )

    async def postpone(self, lecture: LectureId, seconds: float) -> None:
        """Look again later: what it needs is not there yet."""
        due = self._now_ms() + round(seconds * 1000)
        await self._set(lecture, state="waiting", due_ms=due)

    async def submitted(self, lecture: LectureId) -> None:
        """Note that a service has it; it is asked again if nothing comes back."""
        due = self._now_ms() + round(CALLBACK_SECONDS * 1000)
        await self._set(
            lecture, state="submitted", due_ms=due, attempts=subtitle_jobs.c.attempts + 1
        )

    async def done(self, lecture: LectureId) -> None:
        """Note that the text is there."""
        await self._set(lecture, state="done", percent=100, error=None)

    async def drop(self, lecture: LectureId) -> None:
        """Forget a job for which there is nothing to do."""
        async with self._sql.writing() as connection:
            await connection.execute(
                sa.delete(subtitle_jobs).where(subtitle_jobs.c.lecture_id == lecture)
            )

    async def failed(self, lecture: LectureId, reason: str, *, retriable: bool) -> JobState:
        """Note a failure; return ``waiting`` if it is tried again, else ``failed``."""
        job = subtitle_jobs.c
        query = sa.select(job.attempts, job.state).where(job.lecture_id == lecture)
        async with self._sql.reading() as connection:
            row = (await connection.execute(query)).first()
        if row is None or row.state == "done":
            return "failed"
        attempts = row.attempts + (0 if row.state == "submitted" else 1)
        error = reason[:MAX_ERROR_CHARS]
        if retriable and attempts < MAX_ATTEMPTS:
            due = self._now_ms() + round(delay_seconds(attempts) * 1000)
            await self._set(lecture, state="waiting", attempts=attempts, due_ms=due, error=error)
            return "waiting"
        await self._set(lecture, state="failed", attempts=attempts, error=error)
        return "failed"

    async def state(self, lecture: LectureId) -> str | None:
        """Return a job's state; None where there is none."""
        query = sa.select(subtitle_jobs.c.state).where(subtitle_jobs.c.lecture_id == lecture)
        async with self._sql.reading() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def _set(self, lecture: LectureId, **values: Any) -> None:
        async with self._sql.writing() as connection:
            await connection.execute(
                sa.update(subtitle_jobs).where(subtitle_jobs.c.lecture_id == lecture).values(values)
            )

    def _now_ms(self) -> int:
        return round(self._clock.wall() * 1000)
