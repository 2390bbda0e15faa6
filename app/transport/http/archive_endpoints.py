"""What the routes of a lecture's record have in common."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Query

from app.archive.deletion import Deletion
from app.archive.entries import ArchiveEntries
from app.archive.lectures import ArchivedLecture
from app.archive.ports import LectureFiles, NoFiles
from app.archive.reader import ArchiveReader, CaptionSource
from app.archive.service import Archive
from app.auth.principal import Account
from app.transport.http.identity import Service

Limit = Annotated[int, Query(ge=1, le=1000)]
After = Annotated[int, Query(ge=0, le=2**62)]
Source = Annotated[CaptionSource | None, Query()]

MAX_CUES = 20_000
"""Captions that are given in one answer."""


@dataclass(frozen=True, slots=True)
class ArchiveEndpoints:
    """What the archive's routes use."""

    archive: Archive
    reader: ArchiveReader
    entries: ArchiveEntries
    deletion: Deletion
    retention_days: int = 0
    files: LectureFiles = field(default_factory=NoFiles)


def account_of(caller: Account | Service) -> Account | None:
    """Return the account that calls; None for a service."""
    return caller if isinstance(caller, Account) else None


async def captions_of(
    reader: ArchiveReader, lecture: ArchivedLecture, source: CaptionSource | None
) -> AsyncIterator[Any]:
    """Give a lecture's captions, page after page."""
    after, count = 0, 0
    while count < MAX_CUES:
        page = await reader.captions(lecture.id, source, after, 1000)
        for row in page.rows:
            count += 1
            yield row
        if page.next is None:
            return
        after = int(page.next)
