"""Whose an event is: the service that made the lecture's room."""

from collections import OrderedDict

import sqlalchemy as sa

from app.store.service_tables import service_rooms
from app.store.sql import Sql

MAX_KNOWN = 10_000

LECTURES = "/lectures/"


class Owners:
    """Remembers what it found; a lecture never changes its owner."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self._known: OrderedDict[str, str | None] = OrderedDict()

    async def of(self, source: str) -> str | None:
        """Return the service whose lecture the source is; None when it is no service's. Raises
        Unavailable."""
        if not source.startswith(LECTURES):
            return None
        lecture = source.removeprefix(LECTURES).partition("/")[0]
        if lecture not in self._known:
            query = sa.select(service_rooms.c.service_id).where(
                service_rooms.c.lecture_id == lecture
            )
            async with self._sql.reading() as connection:
                self._known[lecture] = (await connection.execute(query)).scalar()
            while len(self._known) > MAX_KNOWN:
                _ = self._known.popitem(last=False)
        return self._known[lecture]
