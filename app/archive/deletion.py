"""A lecture is deleted: its rows, its files and what is left of it in Redis; and retention."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import structlog

from app.archive.lectures import ArchivedLecture
from app.archive.log import RoomLogs
from app.archive.ports import LectureFiles
from app.archive.reader import ArchiveReader
from app.core.clock import Clock
from app.core.errors import BadRequest, Conflict, LecternError, NotFound, Unavailable
from app.core.ids import LectureId, RoomId
from app.store.archive_tables import erasures
from app.store.sql import Sql
from app.store.tables import attendance, lectures

log = structlog.get_logger(__name__)

MAX_RETENTION_DAYS = 36_500

SWEEP_BATCH = 50
"""Lectures that one sweep deletes; the rest waits for the next one."""


class Deletion:
    """Every method raises Unavailable while the database, Redis or the storage is away; what was
    begun is finished by doing it again."""

    def __init__(
        self, sql: Sql, logs: RoomLogs, reader: ArchiveReader, files: LectureFiles, clock: Clock
    ) -> None:
        self._sql = sql
        self._logs = logs
        self._reader = reader
        self._files = files
        self._clock = clock

    async def is_live(self, lecture: ArchivedLecture) -> bool:
        """Tell whether the lecture goes on now."""
        glance = await self._logs.glance(RoomId(lecture.code))
        return glance is not None and glance.lecture == lecture.id and not glance.over

    async def delete(self, lecture: ArchivedLecture) -> None:
        """Delete all that is left of a lecture. Raises Conflict while it is live.

        Files first, rows last: as long as there is a row, somebody can ask for it again.
        """
        if await self.is_live(lecture):
            raise Conflict("the lecture is live: end it first")
        await self._files.delete(lecture.id)
        await self._logs.done(RoomId(lecture.code), lecture.id, "nothing")
        async with self._sql.writing() as connection:
            for table in (erasures, attendance):
                await connection.execute(sa.delete(table).where(table.c.lecture_id == lecture.id))
            await connection.execute(sa.delete(lectures).where(lectures.c.id == lecture.id))
        log.info("a lecture was deleted", lecture=lecture.id)

    async def set_retention(self, lecture: LectureId, days: int | None) -> None:
        """Say for how many days after its end a lecture is kept; None: as the operator says.

        Raises BadRequest.
        """
        if days is not None and not 1 <= days <= MAX_RETENTION_DAYS:
            raise BadRequest(f"retention_days: 1 to {MAX_RETENTION_DAYS}, or null")
        async with self._sql.writing() as connection:
            await connection.execute(
                sa.update(lectures).where(lectures.c.id == lecture).values(retention_days=days)
            )

    async def sweep(self, default_days: int) -> int:
        """Delete lectures whose time is over; return how many. ``default_days`` 0: for ever."""
        deleted = 0
        for ident in await self._expired(default_days):
            try:
                await self.delete(await self._reader.lecture(ident))
                deleted += 1
            except NotFound:
                continue
            except Unavailable:
                raise
            except LecternError as error:
                log.warning("a lecture was not deleted", lecture=ident, code=error.code)
        return deleted

    async def _expired(self, default_days: int) -> list[str]:
        now = datetime.fromtimestamp(self._clock.wall(), UTC)
        query = sa.select(lectures.c.id, lectures.c.ended_at, lectures.c.retention_days).where(
            lectures.c.ended_at < now - timedelta(days=1)
        )
        if not default_days:
            query = query.where(lectures.c.retention_days.is_not(None))
        found: list[str] = []
        async with self._sql.reading() as connection:
            rows = await connection.stream(query.order_by(lectures.c.ended_at))
            async for row in rows:
                days = default_days if row.retention_days is None else row.retention_days
                if days and row.ended_at + timedelta(days=days) <= now:
                    found.append(row.id)
                    if len(found) == SWEEP_BATCH:
                        break
        return found
