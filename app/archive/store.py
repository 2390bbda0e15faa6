"""The archive's tables, as the archiver writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.archive.board import BoardState, Change, Keyframes, rebuild
from app.archive.model import Changes, Gap, Progress
from app.core.clock import Clock
from app.core.ids import LectureId, RoomId
from app.store.archive_tables import (
    archive_attendance,
    archive_board,
    archive_captions,
    archive_chapters,
    archive_keyframes,
    archive_marks,
    archive_questions,
    archives,
    erasures,
)
from app.store.sql import Sql
from app.store.tables import lectures

UNARCHIVED_FOR = timedelta(days=1)
"""How long after its end a lecture without an archive is looked for: Redis keeps no log longer."""

_NEW_QUESTION: Mapping[str, Any] = {
    "solved_ms": None,
    "answer": None,
    "answer_name": None,
    "answer_member": None,
    "answered_ms": None,
    "erased": False,
}


class ArchiveStore:
    """Writes of the archive. Every method raises Unavailable while the database is away."""

    def __init__(self, sql: Sql, clock: Clock) -> None:
        self._sql = sql
        self._clock = clock

    async def progress(self, lecture: LectureId) -> Progress | None:
        """Return how far a lecture's log was brought over; None before its beginning."""
        query = sa.select(archives).where(archives.c.lecture_id == lecture)
        async with self._sql.reading() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            return None
        return Progress(
            row.seq, row.started_ms, row.ended_ms, row.finished_at is not None, read_gaps(row.gaps)
        )

    async def begin(
        self, lecture: LectureId, room: RoomId, seq: int, started_ms: int
    ) -> Progress | None:
        """Make the lecture's archive, empty, if there is none; return how far it is.

        None: there is no such lecture (any more). ``started_ms`` 0: as the catalogue has it.
        """
        async with self._sql.writing() as connection:
            query = sa.select(lectures.c.started_at).where(lectures.c.id == lecture)
            known = (await connection.execute(query)).first()
            if known is None:
                return None
            if not started_ms:
                started_ms = round((known.started_at or self._now()).timestamp() * 1000)
            query_row = sa.select(archives.c.seq).where(archives.c.lecture_id == lecture)
            if (await connection.execute(query_row)).first() is None:
                row = {
                    "lecture_id": lecture,
                    "code": room,
                    "seq": seq,
                    "started_ms": started_ms,
                    "gaps": b"[]",
                }
                await connection.execute(sa.insert(archives).values(row))
        return await self.progress(lecture)

    async def commit(
        self, lecture: LectureId, before: int, after: Progress, changes: Changes
    ) -> bool:
        """Store a piece of a log, whole or not at all, if the archive stands at ``before``.

        False, and nothing is stored, when another process was there first, or the lecture is gone.
        """
        move = (
            sa.update(archives)
            .where(
                archives.c.lecture_id == lecture,
                archives.c.seq == before,
                archives.c.finished_at.is_(None),
            )
            .values(seq=after.seq, ended_ms=after.ended_ms, gaps=write_gaps(after.gaps))
        )
        try:
            async with self._sql.writing() as connection:
                if (await connection.execute(move)).rowcount != 1:
                    return False
                await _store(connection, lecture, changes)
        except IntegrityError:  # the lecture was deleted meanwhile
            return False
        return True

    async def finish(self, lecture: LectureId, after: Progress) -> None:
        """Note that all of the lecture's log is here. Who still seems present left at its end."""
        stays, now = archive_attendance, self._now()
        end = after.ended_ms if after.ended_ms is not None else round(now.timestamp() * 1000)
        async with self._sql.writing() as connection:
            await connection.execute(
                sa.update(archives)
                .where(archives.c.lecture_id == lecture, archives.c.finished_at.is_(None))
                .values(finished_at=now, ended_ms=end, gaps=write_gaps(after.gaps))
            )
            await connection.execute(
                sa.update(stays)
                .where(stays.c.lecture_id == lecture, stays.c.left_ms.is_(None))
                .values(left_ms=sa.case((stays.c.seen_ms < end - _FRESH_MS, stays.c.seen_ms),
                                        else_=end))
            )  # fmt: skip

    async def unfinished(self) -> list[tuple[LectureId, RoomId, bool]]:
        """Return the lectures whose logs may not be here yet: id, code, whether it is over."""
        recent = self._now() - UNARCHIVED_FOR
        query = (
            sa.select(lectures.c.id, lectures.c.code, lectures.c.ended_at)
            .outerjoin(archives, archives.c.lecture_id == lectures.c.id)
            .where(
                archives.c.finished_at.is_(None),
                sa.or_(
                    archives.c.lecture_id.is_not(None),
                    sa.and_(lectures.c.started_at.is_not(None), lectures.c.ended_at > recent),
                ),
            )
        )
        async with self._sql.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [(LectureId(r.id), RoomId(r.code), r.ended_at is not None) for r in rows]

    async def board(self, lecture: LectureId) -> tuple[BoardState, Keyframes]:
        """Return the newest board that is archived, and how long ago its last keyframe is."""
        async with self._sql.reading() as connection:
            keyframe, changes = await read_changes(connection, lecture, None)
        counted = Keyframes()
        counted.last = len(keyframe or b"")
        for change in changes:
            counted.events += 1
            counted.size += len(change[4] or b"")
        return rebuild(keyframe, changes), counted

    async def pending_erasures(self, lecture: LectureId) -> list[str]:
        """Return the member ids of those who wanted to be forgotten while the lecture was live."""
        query = sa.select(erasures.c.member_id).where(erasures.c.lecture_id == lecture)
        async with self._sql.reading() as connection:
            return list((await connection.execute(query)).scalars())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)


_FRESH_MS = 90_000
"""A process says every half minute that its participants are there: one that is silent for longer
before the end took them with it when it died."""


async def _store(connection: AsyncConnection, lecture: LectureId, changes: Changes) -> None:
    plain = (
        (archive_board, changes.board),
        (archive_keyframes, changes.keyframes),
        (archive_captions, changes.captions),
        (archive_chapters, changes.chapters),
        (archive_marks, changes.marks),
    )
    for table, rows in plain:
        if rows:
            whole = [{"lecture_id": lecture, **row} for row in rows]
            await connection.execute(sa.insert(table), whole)
    for ident, columns in changes.questions.items():
        key = {"lecture_id": lecture, "question_id": ident}
        if "seq" in columns:
            row = {**_NEW_QUESTION, **columns, **key}
            await connection.execute(sa.insert(archive_questions).values(row))
        else:
            one = sa.and_(
                archive_questions.c.lecture_id == lecture,
                archive_questions.c.question_id == ident,
                archive_questions.c.erased.is_(False),
            )
            await connection.execute(sa.update(archive_questions).where(one).values(columns))


async def read_changes(
    connection: AsyncConnection, lecture: LectureId, upto: int | None
) -> tuple[bytes | None, list[Change]]:
    """Return the last keyframe up to an event, and the board's changes after it up to there."""
    frames, board = archive_keyframes.c, archive_board.c
    newest = sa.select(frames.seq, frames.state).where(frames.lecture_id == lecture)
    if upto is not None:
        newest = newest.where(frames.seq <= upto)
    keyframe = (await connection.execute(newest.order_by(frames.seq.desc()).limit(1))).first()
    query = sa.select(archive_board).where(board.lecture_id == lecture)
    if keyframe is not None:
        query = query.where(board.seq > keyframe.seq)
    if upto is not None:
        query = query.where(board.seq <= upto)
    rows = (await connection.execute(query.order_by(board.seq))).all()
    return (
        None if keyframe is None else keyframe.state,
        [(row.seq, row.at_ms, row.kind, orjson.loads(row.data), row.objects) for row in rows],
    )


def read_gaps(stored: bytes) -> tuple[Gap, ...]:
    """Return the gaps as a row holds them."""
    return tuple(Gap(**fields) for fields in orjson.loads(stored))


def write_gaps(gaps: Sequence[Gap]) -> bytes:
    """Return gaps for a row."""
    return orjson.dumps([asdict(gap) for gap in gaps])
