"""A live room on a real Redis, whose log is brought to a database of each kind."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import redis.asyncio as driver
import sqlalchemy as sa

from app.archive.archiver import Archiver
from app.archive.log import RoomLogs
from app.archive.reader import ArchiveReader
from app.archive.store import ArchiveStore
from app.auth.accounts import Accounts
from app.auth.passwords import PasswordConfig, Passwords
from app.core.ids import LectureId, NodeId, RoomId
from app.questions.model import Caller
from app.questions.service import Questions
from app.questions.store import RedisQuestionStore
from app.rooms.catalogue import Catalogue, Lecture
from app.rooms.store import RoomStore
from app.store.redis import Redis
from app.store.sql import Sql
from app.whiteboard.service import Boards
from app.whiteboard.store import RedisBoardStore
from tests.manual_clock import ManualClock


@dataclass
class ArchiveWorld:
    """One api process' archive, with what a test does to the room."""

    redis: Redis
    raw: driver.Redis
    sql: Sql
    clock: ManualClock
    passwords: Passwords
    finished: list[LectureId] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rooms = RoomStore(self.redis)
        self.boards = Boards(RedisBoardStore(self.redis))
        self.questions = Questions(RedisQuestionStore(self.redis))
        self.catalogue = Catalogue(self.sql, self.clock)
        self.accounts = Accounts(self.sql, self.passwords, self.clock)
        self.logs = RoomLogs(self.redis)
        self.store = ArchiveStore(self.sql, self.clock)
        self.reader = ArchiveReader(self.sql)
        self.archiver = self.another("api-1")

    def another(self, name: str) -> Archiver:
        """The archiver of another process."""
        return Archiver(self.redis, self.logs, self.store, name, self._note)

    async def _note(self, lecture: LectureId) -> None:
        self.finished.append(lecture)

    async def start(self, owner: str = "ada@example.org") -> Lecture:
        """Make a lecture and start it."""
        account = await self.accounts.create(owner.split("@", maxsplit=1)[0], owner, "secret")
        lecture = await self.catalogue.create(account.email, "Graphs", "")
        await self.begin(lecture)
        return lecture

    async def begin(self, lecture: Lecture) -> None:
        claim = await self.rooms.claim(
            lecture.code, lecture.id, lecture.owner_email, "api/1", 60,
            seen=(0, None), relay=NodeId("r"),
        )  # fmt: skip
        assert claim is not None
        assert claim.first
        await self.catalogue.started(lecture.id)

    async def end(self, lecture: Lecture) -> None:
        """End it as a presenter does."""
        assert await self.rooms.end(lecture.code, 1, "presenter") is not None
        await self.catalogue.ended(lecture.id)

    async def rows(self, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
        async with self.sql.reading() as connection:
            return list((await connection.execute(sa.select(table))).all())

    async def lease_ends(self, room: RoomId) -> None:
        """As if the process that archives the room had died ten seconds ago."""
        await self.raw.delete(f"lease:archive:{room}")


PRESENTER = Caller("presenter", "ada@example.org", "ada", 1)


@pytest.fixture
async def world(redis_url: str, tables_url: str, clock: ManualClock) -> AsyncIterator[ArchiveWorld]:
    redis, raw, sql = Redis(redis_url), driver.Redis.from_url(redis_url), Sql(tables_url)
    await redis.open()
    await sql.open()
    passwords = Passwords(PasswordConfig(memory_kib=64, passes=1))
    made = ArchiveWorld(redis, raw, sql, clock, passwords)
    yield made
    passwords.close()
    await made.archiver.close()
    await sql.close()
    await raw.aclose()
    await redis.close()
