"""A lecture's record for existing clients, made piece by piece: it may be large."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import orjson

from app.archive.entries import ArchiveEntries
from app.archive.lectures import ArchivedLecture
from app.archive.reader import BOARD_ITEMS, ArchiveReader
from app.archive.record import Log, RecordMaker

PIECES = 32
"""Changes that are made into logs in one go, off the event loop."""


class RecordLogs:
    """The logs of lectures: what was drawn here, and what was posted that was not."""

    def __init__(self, reader: ArchiveReader, entries: ArchiveEntries) -> None:
        self._reader = reader
        self._entries = entries

    async def of(self, lecture: ArchivedLecture) -> AsyncIterator[bytes]:
        """Give the lecture's logs as JSON, in order, each once (X18). Raises Unavailable."""
        posted = await self._entries.posted(lecture.id)
        seen: set[str] = set()
        place = 0
        async for log in self._drawn(lecture):
            while place < len(posted) and posted[place][0] < float(log.view["eventTime"]):
                place += 1
                other = await self._posted(lecture, posted[place - 1], seen)
                if other is not None:
                    yield other
            if posted:
                seen.add(log.digest)
            yield await asyncio.to_thread(log.json)
        for one in posted[place:]:
            other = await self._posted(lecture, one, seen)
            if other is not None:
                yield other

    async def _posted(
        self, lecture: ArchivedLecture, of: tuple[float, int, str], seen: set[str]
    ) -> bytes | None:
        _, number, digest = of
        if digest in seen:
            return None
        log = await self._entries.log(lecture.id, number)
        return None if log is None else await asyncio.to_thread(log.json)

    async def _drawn(self, lecture: ArchivedLecture) -> AsyncIterator[Log]:
        maker = RecordMaker(await self._reader.extent(lecture), lecture.started_ms)
        after: int | None = 0
        while after is not None:
            page = await self._reader.board(lecture.id, after, BOARD_ITEMS)
            for start in range(0, len(page.rows), PIECES):
                some = [
                    (row.seq, row.at_ms, row.kind, orjson.loads(row.data), row.objects)
                    for row in page.rows[start : start + PIECES]
                ]

                def make(
                    changes: list[tuple[int, int, str, dict[str, object], bytes | None]] = some,
                ) -> list[Log]:
                    return [log for change in changes for log in maker.take(*change)]

                for log in await asyncio.to_thread(make):
                    yield log
            after = int(page.next) if page.next is not None else None
        last: Iterator[Log] = maker.last()
        for log in last:
            yield log
