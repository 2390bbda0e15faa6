"""The lectures of the day and of the past: whose, under which code, who came."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import Clock
from app.core.errors import BadRequest, Conflict, Unauthorized, Unavailable
from app.core.ids import Email, LectureId, RoomId, is_room_id, new_lecture_id
from app.store.sql import Sql
from app.store.tables import (
    MAX_AUDIO_CHARS,
    MAX_TITLE_CHARS,
    UtcDateTime,
    accounts,
    attendance,
    lectures,
)

MAX_DESCRIPTION_CHARS = 5000

MAX_OPEN_LECTURES = 1000
"""Per account; there are 999,999 codes for everybody, so nobody may take them all."""

MAX_LISTED = 1000
"""Lectures that one list holds, the newest first."""

_ID = re.compile(r"[0-9a-f]{32}")

CODE_DRAWS = 20
"""Tries to draw a free code: with half of all codes taken, all fail once in a million times."""


@dataclass(frozen=True, slots=True)
class Lecture:
    """One lecture as the database has it; times are UTC."""

    id: LectureId
    code: RoomId
    title: str
    description: str
    owner_email: Email
    owner_name: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    audio: str | None


def random_code() -> RoomId:
    """Return one of the 999,999 codes, each as likely as any other; never ``000000``."""
    return RoomId(f"{secrets.randbelow(999_999) + 1:06d}")


class Catalogue:
    """The lectures of one database. Every method raises Unavailable when it is away."""

    def __init__(self, sql: Sql, clock: Clock, draw: Callable[[], RoomId] = random_code) -> None:
        self._sql = sql
        self._clock = clock
        self._draw = draw

    async def create(self, owner: Email, title: str, description: str) -> Lecture:
        """Make a lecture under a code that no other open lecture has.

        Raises BadRequest (naming the field), Unauthorized when the owner's account is gone,
        Conflict when the owner has too many open, and Unavailable when no free code was found.
        """
        title, description = checked_title(title), checked_description(description)
        for _ in range(CODE_DRAWS):
            try:
                return await self._insert(owner, self._draw(), title, description)
            except IntegrityError:
                continue  # another open lecture has that code
        raise Unavailable("no lecture code is free at the moment, try again later")

    async def _insert(self, owner: Email, code: RoomId, title: str, description: str) -> Lecture:
        now = self._now()
        async with self._sql.writing() as connection:
            owner_id, owner_name = await _account(connection, owner)
            mine = sa.select(sa.func.count()).where(
                lectures.c.owner_id == owner_id, lectures.c.ended_at.is_(None)
            )
            if (await connection.execute(mine)).scalar_one() >= MAX_OPEN_LECTURES:
                raise Conflict(f"you have {MAX_OPEN_LECTURES} open lectures: end some first")
            lecture = Lecture(
                new_lecture_id(), code, title, description, owner, owner_name, now, None, None, None
            )
            row = {
                "id": lecture.id,
                "code": code,
                "title": title,
                "description": description,
                "owner_id": owner_id,
                "created_at": now,
            }
            await connection.execute(sa.insert(lectures).values(row))
        return lecture

    async def open_by_code(self, code: RoomId) -> Lecture | None:
        """Return the lecture that is not over under that code, if there is one."""
        if not is_room_id(code):
            return None
        return await self._one(_LECTURES.where(lectures.c.code == code, _OPEN))

    async def open_of(self, owner: Email) -> list[Lecture]:
        """Return the owner's lectures that are not over, the newest first."""
        return await self._many(_LECTURES.where(accounts.c.email == owner, _OPEN))

    async def attend(self, lecture: LectureId, email: Email) -> None:
        """Put the account on the lecture's audience list, where it is once however often it asks.

        Raises Unauthorized when the account is gone.
        """
        async with self._sql.writing() as connection:
            account_id, _ = await _account(connection, email)
            insert: Any = postgresql.insert if self._sql.dialect == "postgresql" else sqlite.insert
            row = {"lecture_id": lecture, "account_id": account_id, "joined_at": self._now()}
            await connection.execute(insert(attendance).values(row).on_conflict_do_nothing())

    async def started(self, lecture: LectureId) -> None:
        """Keep when the lecture first started. Idempotent."""
        await self._update(
            sa.update(lectures)
            .where(lectures.c.id == lecture, lectures.c.started_at.is_(None))
            .values(started_at=self._now())
        )

    async def ended(self, lecture: LectureId, audio: str | None = None) -> None:
        """Keep that the lecture is over, which frees its code. Idempotent: the first time stays.

        ``audio`` names its recording; a later call may add it.
        """
        if audio is not None and len(audio) > MAX_AUDIO_CHARS:
            raise BadRequest(f"audio: at most {MAX_AUDIO_CHARS} characters")
        values: dict[str, Any] = {
            "ended_at": sa.func.coalesce(
                lectures.c.ended_at, sa.literal(self._now(), UtcDateTime())
            )
        }
        if audio is not None:
            values["audio"] = audio
        await self._update(sa.update(lectures).where(lectures.c.id == lecture).values(values))

    async def over(self, ident: str) -> Lecture | None:
        """Return the lecture of that id if it is over."""
        if not _ID.fullmatch(ident):
            return None
        return await self._one(
            _LECTURES.where(lectures.c.id == ident, lectures.c.ended_at.is_not(None))
        )

    async def add_audio(self, lecture: LectureId, audio: str | None) -> bool:
        """Keep where the recording of a lecture that is over is; False where there is none such."""
        if audio is not None and len(audio) > MAX_AUDIO_CHARS:
            raise BadRequest(f"audio: at most {MAX_AUDIO_CHARS} characters")
        over = sa.and_(lectures.c.id == lecture, lectures.c.ended_at.is_not(None))
        values = {} if audio is None else {"audio": audio}
        change = sa.update(lectures).where(over).values(id=lectures.c.id, **values)
        async with self._sql.writing() as connection:
            return (await connection.execute(change)).rowcount == 1

    async def ended_of(self, email: Email) -> list[Lecture]:
        """Return the account's ended lectures, given and attended, each once, newest first."""
        me = sa.select(accounts.c.id).where(accounts.c.email == email).scalar_subquery()
        attended = sa.select(attendance.c.lecture_id).where(attendance.c.account_id == me)
        return await self._many(
            _LECTURES.where(
                lectures.c.ended_at.is_not(None),
                sa.or_(lectures.c.owner_id == me, lectures.c.id.in_(attended)),
            )
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)

    async def _update(self, statement: sa.Update) -> None:
        async with self._sql.writing() as connection:
            await connection.execute(statement)

    async def _one(self, query: sa.Select[Any]) -> Lecture | None:
        async with self._sql.reading() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else _lecture(row)

    async def _many(self, query: sa.Select[Any]) -> list[Lecture]:
        newest = query.order_by(lectures.c.created_at.desc(), lectures.c.id).limit(MAX_LISTED)
        async with self._sql.reading() as connection:
            return [_lecture(row) for row in await connection.execute(newest)]


_OPEN = lectures.c.ended_at.is_(None)
_LECTURES = sa.select(
    lectures, accounts.c.email.label("owner_email"), accounts.c.username.label("owner_name")
).join_from(lectures, accounts, lectures.c.owner_id == accounts.c.id)


def _lecture(row: sa.Row[Any]) -> Lecture:
    return Lecture(
        LectureId(row.id),
        RoomId(row.code),
        row.title,
        row.description,
        Email(row.owner_email),
        row.owner_name,
        row.created_at,
        row.started_at,
        row.ended_at,
        row.audio,
    )


async def _account(connection: AsyncConnection, email: Email) -> tuple[str, str]:
    query = sa.select(accounts.c.id, accounts.c.username).where(accounts.c.email == email)
    row = (await connection.execute(query)).first()
    if row is None:
        raise Unauthorized("this account is gone")
    return row.id, row.username


def checked_title(text: str) -> str:
    """Return the title, trimmed. Raises BadRequest unless it is 1 to 200 characters."""
    title = text.strip()
    if not 1 <= len(title) <= MAX_TITLE_CHARS or "\x00" in title:
        raise BadRequest(f"title: 1 to {MAX_TITLE_CHARS} characters")
    return title


def checked_description(text: str) -> str:
    """Return the description. Raises BadRequest when it is over 5,000 characters."""
    if len(text) > MAX_DESCRIPTION_CHARS or "\x00" in text:  # PostgreSQL keeps no NUL
        raise BadRequest(f"description: at most {MAX_DESCRIPTION_CHARS} characters")
    return text
