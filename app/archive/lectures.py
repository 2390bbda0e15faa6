"""Lectures as the archive knows them: whose, and how much of them is here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.archive.model import ArchiveState, Gap
from app.archive.store import read_gaps
from app.core.ids import Email, LectureId
from app.store.archive_tables import archives
from app.store.tables import accounts, lectures


@dataclass(frozen=True, slots=True)
class ArchivedLecture:
    """A lecture, and how much of it is here."""

    id: LectureId
    code: str
    title: str
    description: str
    owner_email: Email
    owner_name: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    audio: str | None
    retention_days: int | None
    state: ArchiveState
    started_ms: int
    """When the lecture began, by Redis' clock; 0 without an archive."""
    ended_ms: int | None
    gaps: tuple[Gap, ...] = ()

    def expires_at(self, default_days: int) -> datetime | None:
        """Return when everything of it is deleted; None: never. ``default_days`` 0: never."""
        days = default_days if self.retention_days is None else self.retention_days
        if self.ended_at is None or not days:
            return None
        return self.ended_at + timedelta(days=days)


LECTURES = (
    sa.select(
        lectures,
        accounts.c.email.label("owner_email"),
        accounts.c.username.label("owner_name"),
        archives.c.started_ms,
        archives.c.ended_ms,
        archives.c.finished_at,
        archives.c.gaps,
    )
    .join_from(lectures, accounts, lectures.c.owner_id == accounts.c.id)
    .outerjoin(archives, archives.c.lecture_id == lectures.c.id)
)


def read_lecture(row: sa.Row[Any]) -> ArchivedLecture:
    """Return the lecture that a row of ``LECTURES`` holds."""
    gaps = read_gaps(row.gaps) if row.gaps else ()
    return ArchivedLecture(
        LectureId(row.id),
        row.code,
        row.title,
        row.description,
        Email(row.owner_email),
        row.owner_name,
        row.created_at,
        row.started_at,
        row.ended_at,
        row.audio,
        row.retention_days,
        _state(row, gaps),
        row.started_ms or 0,
        row.ended_ms,
        gaps,
    )


def _state(row: sa.Row[Any], gaps: Sequence[Gap]) -> ArchiveState:
    if row.started_ms is None:
        return "none"
    if row.finished_at is not None:
        return "incomplete" if gaps else "ready"
    return "live" if row.ended_at is None and row.ended_ms is None else "archiving"
