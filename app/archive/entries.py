"""What others bring to the archive: boards that a service posts, and the text of speech."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.archive.record import Log, log_digest
from app.archive.reduction import MAX_CAPTION_MS, clean
from app.core.errors import Conflict
from app.core.ids import LectureId
from app.store.archive_tables import archive_captions, archive_entries
from app.store.sql import Sql

MAX_ENTRIES = 20_000
"""Of one lecture."""

MAX_SEGMENTS = 20_000

Segment = tuple[int, int | None, str]
"""Start and end in ms since the lecture began (no end: until the next one), and the text."""


class ArchiveEntries:
    """Every method raises Unavailable while the database is away."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def add_log(self, lecture: LectureId, objects: bytes, view: Mapping[str, Any]) -> bool:
        """Keep a board that was posted; False when the same one is there. Raises Conflict."""
        entries = archive_entries.c
        newest = sa.select(sa.func.max(entries.number)).where(entries.lecture_id == lecture)
        try:
            async with self._sql.writing() as connection:
                number = ((await connection.execute(newest)).scalar_one() or 0) + 1
                if number > MAX_ENTRIES:
                    raise Conflict(f"a lecture has at most {MAX_ENTRIES} posted logs")
                row = {
                    "lecture_id": lecture,
                    "number": number,
                    "event_ms": float(view["eventTime"]),
                    "data": orjson.dumps(dict(view)),
                    "objects": objects,
                    "digest": log_digest(objects, view),
                }
                await connection.execute(sa.insert(archive_entries).values(row))
        except IntegrityError:  # the same, or the same number by somebody else: who posts tries
            return False
        return True

    async def posted(self, lecture: LectureId) -> list[tuple[float, int, str]]:
        """Return what was posted by its time: ms, number, digest."""
        entries = archive_entries.c
        query = (
            sa.select(entries.event_ms, entries.number, entries.digest)
            .where(entries.lecture_id == lecture)
            .order_by(entries.event_ms, entries.number)
        )
        async with self._sql.reading() as connection:
            rows = await connection.execute(query)
            return [(row.event_ms, row.number, row.digest) for row in rows]

    async def log(self, lecture: LectureId, number: int) -> Log | None:
        """Return a board that was posted."""
        entries = archive_entries.c
        query = sa.select(entries.objects, entries.data).where(
            entries.lecture_id == lecture, entries.number == number
        )
        async with self._sql.reading() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else Log(row.objects, orjson.loads(row.data))

    async def set_speech(self, lecture: LectureId, segments: Sequence[Segment]) -> int:
        """Make these the lecture's recognised speech, in place of any before; return how many."""
        ordered = sorted(segments, key=lambda segment: segment[0])[:MAX_SEGMENTS]
        rows = []
        for number, (start, end, text) in enumerate(ordered):
            follows = ordered[number + 1][0] if number + 1 < len(ordered) else None
            until = end if end is not None else _until(start, follows)
            rows.append(
                {
                    "lecture_id": lecture,
                    "source": "speech",
                    "number": number + 1,
                    "start_ms": start,
                    "end_ms": max(start, until),
                    "text": clean(text),
                }
            )
        old = sa.delete(archive_captions).where(
            archive_captions.c.lecture_id == lecture, archive_captions.c.source == "speech"
        )
        async with self._sql.writing() as connection:
            await connection.execute(old)
            if rows:
                await connection.execute(sa.insert(archive_captions), rows)
        return len(rows)


def _until(start: int, follows: int | None) -> int:
    longest = start + MAX_CAPTION_MS
    return longest if follows is None else min(longest, follows)
