"""Who may read a lecture's record, and which lecture an address means."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from app.archive.lectures import ArchivedLecture
from app.archive.reader import ArchiveReader
from app.auth.principal import Account
from app.core.clock import Clock
from app.core.errors import Forbidden, NotFound
from app.core.ids import is_room_id
from app.store.sql import Sql
from app.store.tables import lectures

CODE_GOOD_FOR = timedelta(hours=1)
"""How long after its end a lecture is still found by its code, if no other has that by then."""


class Archive:
    """Finds lectures for callers. Every method raises Unavailable while the database is away."""

    def __init__(self, sql: Sql, reader: ArchiveReader, clock: Clock) -> None:
        self._sql = sql
        self._reader = reader
        self._clock = clock

    async def readable(self, ident: str, caller: Account | None) -> tuple[ArchivedLecture, bool]:
        """Return the lecture of an id, and whether the caller may see what its presenter sees.

        A caller of None is a service. Raises NotFound, and Forbidden for those who neither gave
        nor attended the lecture.
        """
        lecture = await self._reader.lecture(ident)
        if caller is None or caller.email == lecture.owner_email:
            return lecture, True
        if not await self._reader.attended(lecture.id, caller.email):
            raise Forbidden("only those who were in a lecture see its record")
        return lecture, False

    async def owned(self, ident: str, caller: Account) -> ArchivedLecture:
        """Return the caller's own lecture of an id. Raises NotFound, Forbidden."""
        lecture = await self._reader.lecture(ident)
        if caller.email != lecture.owner_email:
            raise Forbidden("only its presenter may do that to a lecture")
        return lecture

    async def writable(self, address: str, caller: Account | None) -> ArchivedLecture:
        """Return the lecture of an id or a code, for a service (None) or its presenter.

        A code is good while the lecture is open, and for an hour after. Raises NotFound, Forbidden.
        """
        ident = await self._of_code(address) if is_room_id(address) else address
        if caller is None:
            return await self._reader.lecture(ident)
        return await self.owned(ident, caller)

    async def _of_code(self, code: str) -> str:
        recent = datetime.fromtimestamp(self._clock.wall(), UTC) - CODE_GOOD_FOR
        is_open = lectures.c.ended_at.is_(None)
        query = (
            sa.select(lectures.c.id)
            .where(lectures.c.code == code, sa.or_(is_open, lectures.c.ended_at > recent))
            .order_by(is_open.desc(), lectures.c.ended_at.desc())
            .limit(1)
        )
        async with self._sql.reading() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise NotFound("no lecture has this code")
        return str(row.id)
