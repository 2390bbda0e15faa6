"""What the archive has of a lecture, page by page."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.archive.board import BoardState, rebuild
from app.archive.lectures import LECTURES, ArchivedLecture, read_lecture
from app.archive.record import Extent
from app.archive.store import read_changes
from app.core.errors import NotFound
from app.core.ids import Email, LectureId
from app.store.archive_tables import (
    archive_attendance,
    archive_board,
    archive_captions,
    archive_chapters,
    archive_keyframes,
    archive_marks,
    archive_questions,
    subtitle_jobs,
)
from app.store.sql import Sql
from app.store.tables import accounts, attendance, lectures

_ID = re.compile(r"[0-9a-f]{32}")

PAGE_ITEMS = 1_000
BOARD_ITEMS = 500
BOARD_BYTES = 1024 * 1024
"""Of one page of the board, as it is stored; a page has one change at least."""

CaptionSource = Literal["live", "speech"]


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and after what the next page begins; None at the end."""

    rows: Sequence[sa.Row[Any]]
    next: int | str | None


class ArchiveReader:
    """Reads of the archive. Every method raises Unavailable while the database is away."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def lecture(self, ident: str) -> ArchivedLecture:
        """Return a lecture by its id, over or not. Raises NotFound."""
        if not _ID.fullmatch(ident):
            raise NotFound("there is no such lecture")
        query = LECTURES.where(lectures.c.id == ident)
        async with self._sql.reading() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise NotFound("there is no such lecture")
        return read_lecture(row)

    async def attended(self, lecture: LectureId, email: Email) -> bool:
        """Tell whether the account is on the lecture's audience list."""
        query = (
            sa.select(attendance.c.lecture_id)
            .join(accounts, accounts.c.id == attendance.c.account_id)
            .where(attendance.c.lecture_id == lecture, accounts.c.email == email)
        )
        async with self._sql.reading() as connection:
            return (await connection.execute(query)).first() is not None

    async def states(self, ids: Sequence[LectureId]) -> dict[LectureId, ArchivedLecture]:
        """Return the lectures of these ids that there are."""
        found: dict[LectureId, ArchivedLecture] = {}
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            async with self._sql.reading() as connection:
                rows = await connection.execute(LECTURES.where(lectures.c.id.in_(some)))
                found.update({LectureId(row.id): read_lecture(row) for row in rows})
        return found

    async def counts(self, lecture: LectureId) -> dict[str, int]:
        """Return how much there is of everything."""
        tables = {
            "board": archive_board,
            "questions": archive_questions,
            "chapters": archive_chapters,
            "attendance": archive_attendance,
        }
        counts: dict[str, int] = {}
        async with self._sql.reading() as connection:
            for name, table in tables.items():
                counts[name] = await _count(connection, table, lecture)
            for name, source in (("captions", "live"), ("speech", "speech")):
                is_source = archive_captions.c.source == source
                counts[name] = await _count(connection, archive_captions, lecture, is_source)
        return counts

    async def last_change(self, lecture: LectureId) -> tuple[int, str]:
        """Return the ``seq`` of the board's last change, and the kind of board that it left."""
        board = archive_board.c
        query = (
            sa.select(board.seq, board.kind)
            .where(
                board.lecture_id == lecture,
                sa.or_(board.kind == "drawn", board.objects.is_not(None)),
            )
            .order_by(board.seq.desc())
            .limit(1)
        )
        last = sa.select(sa.func.max(board.seq)).where(board.lecture_id == lecture)
        async with self._sql.reading() as connection:
            row = (await connection.execute(query)).first()
            seq = (await connection.execute(last)).scalar_one()
        return seq or 0, "elements" if row is not None and row.kind == "drawn" else "whole"

    async def board(self, lecture: LectureId, after: int, limit: int) -> Page:
        """Return changes of the board after ``after``, by ``seq``."""
        board = archive_board.c
        size = sa.func.length(board.data) + sa.func.coalesce(sa.func.length(board.objects), 0)
        sizes = (
            sa.select(board.seq, size.label("size"))
            .where(board.lecture_id == lecture, board.seq > after)
            .order_by(board.seq)
            .limit(min(limit, BOARD_ITEMS) + 1)
        )
        async with self._sql.reading() as connection:
            listed = (await connection.execute(sizes)).all()
            chosen = _fitting([(row.seq, row.size) for row in listed[: min(limit, BOARD_ITEMS)]])
            query = (
                sa.select(archive_board)
                .where(board.lecture_id == lecture, board.seq > after)
                .order_by(board.seq)
                .limit(chosen)
            )
            rows = (await connection.execute(query)).all()
        return Page(rows, rows[-1].seq if rows and len(listed) > len(rows) else None)

    async def board_at(self, lecture: LectureId, at_ms: int) -> BoardState:
        """Return the board as it stood at a moment of Redis' clock."""
        async with self._sql.reading() as connection:
            upto = 0
            for table in (archive_board, archive_keyframes):
                newest = sa.select(sa.func.max(table.c.seq)).where(
                    table.c.lecture_id == lecture, table.c.at_ms <= at_ms
                )
                upto = max(upto, (await connection.execute(newest)).scalar_one() or 0)
            keyframe, changes = await read_changes(connection, lecture, upto)
        return await asyncio.to_thread(rebuild, keyframe, changes)

    async def extent(self, lecture: ArchivedLecture) -> Extent:
        """Return how much there is of its board."""
        board = archive_board.c
        query = sa.select(
            sa.func.max(board.at_ms),
            sa.func.count(board.objects),
            sa.func.coalesce(sa.func.sum(sa.func.length(board.objects)), 0),
        ).where(board.lecture_id == lecture.id)
        async with self._sql.reading() as connection:
            newest, count, size = (await connection.execute(query)).one()
        return Extent(max(0, (newest or 0) - lecture.started_ms), int(count), int(size))

    async def keyframes(self, lecture: LectureId) -> Sequence[sa.Row[Any]]:
        """Return where keyframes are: ``seq`` and ``at_ms``, the newest thousand, in order."""
        frames = archive_keyframes.c
        query = (
            sa.select(frames.seq, frames.at_ms)
            .where(frames.lecture_id == lecture)
            .order_by(frames.seq.desc())
            .limit(PAGE_ITEMS)
        )
        async with self._sql.reading() as connection:
            return list(reversed((await connection.execute(query)).all()))

    async def questions(self, lecture: LectureId, after: int, limit: int, *, every: bool) -> Page:
        """Return questions by when they were asked; ``every``: also those the class never saw."""
        table = archive_questions.c
        shown = sa.true() if every else table.shown == "visible"
        return await self._page(archive_questions, table.seq, lecture, after, limit, shown)

    async def chapters(self, lecture: LectureId, after: int, limit: int) -> Page:
        """Return pages that were shown and chapters that were marked."""
        return await self._page(archive_chapters, archive_chapters.c.seq, lecture, after, limit)

    async def marks(self, lecture: LectureId, after: int, limit: int) -> Page:
        """Return what happened to the lecture itself."""
        return await self._page(archive_marks, archive_marks.c.seq, lecture, after, limit)

    async def attendances(self, lecture: LectureId, after: str, limit: int) -> Page:
        """Return who was there, from when to when."""
        column = archive_attendance.c.stay
        return await self._page(archive_attendance, column, lecture, after, limit)

    async def captions(
        self, lecture: LectureId, source: CaptionSource | None, after: int, limit: int
    ) -> Page:
        """Return captions of a source; without one, those of the speech where there are any."""
        table = archive_captions.c
        if source is None:
            async with self._sql.reading() as connection:
                speech = table.source == "speech"
                found = await _count(connection, archive_captions, lecture, speech)
            source = "speech" if found else "live"
        return await self._page(
            archive_captions, table.number, lecture, after, limit, table.source == source
        )

    async def subtitles(self, lecture: LectureId) -> tuple[str, int]:
        """Return how far the recognition of the lecture's speech is: state and percent."""
        job = subtitle_jobs.c
        query = sa.select(job.state, job.percent).where(job.lecture_id == lecture)
        async with self._sql.reading() as connection:
            row = (await connection.execute(query)).first()
        return ("none", 0) if row is None else (row.state, row.percent)

    async def _page(
        self,
        table: sa.Table,
        cursor: sa.ColumnElement[Any],
        lecture: LectureId,
        after: int | str,
        limit: int,
        *where: sa.ColumnElement[bool],
    ) -> Page:
        items = min(limit, PAGE_ITEMS)
        query = (
            sa.select(table)
            .where(table.c.lecture_id == lecture, cursor > after, *where)
            .order_by(cursor)
            .limit(items + 1)
        )
        async with self._sql.reading() as connection:
            rows = (await connection.execute(query)).all()
        some = rows[:items]
        follows = len(rows) > items
        name = cursor.key or ""
        return Page(some, getattr(some[-1], name) if some and follows else None)


_AT_ONCE = 200
"""Ids in one query."""


def _fitting(sizes: Sequence[tuple[int, int]]) -> int:
    """Return how many of the first rows fit into a page: one at least."""
    total = 0
    for count, (_, size) in enumerate(sizes):
        total += size
        if total > BOARD_BYTES and count:
            return count
    return max(1, len(sizes))


async def _count(
    connection: AsyncConnection,
    table: sa.Table,
    lecture: LectureId,
    *where: sa.ColumnElement[bool],
) -> int:
    query = sa.select(sa.func.count()).select_from(table)
    found = await connection.execute(query.where(table.c.lecture_id == lecture, *where))
    return int(found.scalar_one())
