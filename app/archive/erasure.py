"""One person's rights: everything about them as a file, and nothing about them anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.archive.deletion import Deletion
from app.archive.log import RoomLogs
from app.archive.model import member_id
from app.archive.reader import ArchiveReader
from app.archive.shapes import iso_ms
from app.core.clock import Clock
from app.core.errors import Conflict, NotFound
from app.core.ids import Email, LectureId, RoomId
from app.store import keys
from app.store.archive_tables import (
    archive_attendance,
    archive_captions,
    archive_questions,
    archives,
    erasures,
)
from app.store.redis import Redis
from app.store.scrub import scrub_redis, scrub_sql
from app.store.sql import Sql
from app.store.tables import accounts, attendance, lectures

log = structlog.get_logger(__name__)

SCRUBBED = (
    "accounts",
    "attendance",
    "lectures",
    "archives",
    "archive_board",
    "archive_keyframes",
    "archive_questions",
    "archive_captions",
    "archive_chapters",
    "archive_marks",
    "archive_attendance",
    "archive_entries",
    "erasures",
)


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done. ``pending``: lectures that are live; the rest is done when they are over."""

    lectures: int
    pending: int


@dataclass(frozen=True, slots=True)
class _Attended:
    lecture: LectureId
    room: RoomId
    open: bool
    """Its archive is not complete: more of the person may come into it."""


class Erasure:
    """Every method raises Unavailable while something is away; what was begun is finished by doing
    it again: the account itself goes last."""

    def __init__(
        self,
        sql: Sql,
        redis: Redis,
        logs: RoomLogs,
        reader: ArchiveReader,
        deletion: Deletion,
        clock: Clock,
    ) -> None:
        self._sql = sql
        self._redis = redis
        self._logs = logs
        self._reader = reader
        self._deletion = deletion
        self._clock = clock

    async def erase(self, email: Email) -> Erased:
        """Delete the account, its lectures, and its traces in those of others.

        Of others' lectures its questions lose their words and its answers and captions their
        author; the rest stands. Raises NotFound, and Conflict while one of its own is live.
        ``scrub`` then makes the files forget, too.
        """
        account, _, _ = await self._account(email)
        own = await self._own(account)
        states = await self._reader.states(own)
        for lecture in states.values():
            if await self._deletion.is_live(lecture):
                raise Conflict("you present a live lecture: end it first")
        for lecture in states.values():
            await self._deletion.delete(lecture)
        attended = await self._attended(account)
        members = {one.lecture: member_id(one.lecture, email) for one in attended}
        await self._forget_in_redis(email, attended, members)
        await self._forget_in_sql(account, attended, members)
        pending = sum(one.open for one in attended)
        log.info("a person was erased", lectures=len(own), pending=pending)
        return Erased(len(own), pending)

    async def scrub(self, url: str) -> bool:
        """Make the database's and Redis' files forget what was deleted; False where one did not
        let us. ``url`` is the database's. Takes as long as writing them anew takes."""
        sql_done = await scrub_sql(url, SCRUBBED)
        return await scrub_redis(self._redis) and sql_done

    async def finish(self, lecture: LectureId) -> None:
        """Erase from a lecture that is over those who asked for it while it was live."""
        query = sa.select(erasures.c.member_id).where(erasures.c.lecture_id == lecture)
        async with self._sql.writing() as connection:
            for member in list((await connection.execute(query)).scalars()):
                await _blank(connection, lecture, member)
            await connection.execute(sa.delete(erasures).where(erasures.c.lecture_id == lecture))

    async def export(self, email: Email) -> dict[str, Any]:
        """Return everything that is kept about a person. Raises NotFound."""
        account, name, created = await self._account(email)
        attended = await self._attended(account)
        taken_part = [
            await self._part(one.lecture, member_id(one.lecture, email)) for one in attended
        ]
        own = await self._reader.states(await self._own(account))
        return {
            "account": {"email": email, "username": name, "created_at": created.isoformat()},
            "lectures_given": [
                {
                    "id": lecture.id,
                    "title": lecture.title,
                    "description": lecture.description,
                    "created_at": lecture.created_at.isoformat(),
                    "started_at": _iso(lecture.started_at),
                    "ended_at": _iso(lecture.ended_at),
                    "record": f"/lecture/archive/{lecture.id}",
                }
                for lecture in own.values()
            ],
            "lectures_attended": taken_part,
        }

    async def _account(self, email: Email) -> tuple[str, str, datetime]:
        query = sa.select(accounts.c.id, accounts.c.username, accounts.c.created_at)
        async with self._sql.reading() as connection:
            row = (await connection.execute(query.where(accounts.c.email == email))).first()
        if row is None:
            raise NotFound("there is no account with this e-mail")
        return row.id, row.username, row.created_at

    async def _own(self, account: str) -> list[LectureId]:
        query = sa.select(lectures.c.id).where(lectures.c.owner_id == account)
        async with self._sql.reading() as connection:
            return [LectureId(ident) for ident in (await connection.execute(query)).scalars()]

    async def _attended(self, account: str) -> list[_Attended]:
        query = (
            sa.select(lectures.c.id, lectures.c.code, lectures.c.ended_at, archives.c.finished_at)
            .join(attendance, attendance.c.lecture_id == lectures.c.id)
            .outerjoin(archives, archives.c.lecture_id == lectures.c.id)
            .where(attendance.c.account_id == account)
        )
        async with self._sql.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [
            _Attended(LectureId(r.id), RoomId(r.code), r.ended_at is None or r.finished_at is None)
            for r in rows
        ]

    async def _forget_in_sql(
        self, account: str, attended: Sequence[_Attended], members: Mapping[LectureId, str]
    ) -> None:
        now = datetime.fromtimestamp(self._clock.wall(), UTC)
        async with self._sql.writing() as connection:
            for one in attended:
                member = members[one.lecture]
                await _blank(connection, one.lecture, member)
                if one.open:
                    await connection.execute(
                        sa.delete(erasures).where(
                            erasures.c.lecture_id == one.lecture, erasures.c.member_id == member
                        )
                    )
                    row = {"lecture_id": one.lecture, "member_id": member, "requested_at": now}
                    await connection.execute(sa.insert(erasures).values(row))
            await connection.execute(
                sa.delete(attendance).where(attendance.c.account_id == account)
            )
            await connection.execute(sa.delete(accounts).where(accounts.c.id == account))

    async def _forget_in_redis(
        self,
        email: Email,
        attended: Sequence[_Attended],
        members: Mapping[LectureId, str],
    ) -> None:
        await self._redis.script("forget_person", [keys.user(email)], [])
        for one in attended:
            if not one.open:
                await self._logs.done(one.room, one.lecture, "end")
        needles = [email, *members.values()]
        await self._redis.script("feed_forget", [keys.FEED], needles)

    async def _part(self, lecture: LectureId, member: str) -> dict[str, Any]:
        questions, stays = archive_questions.c, archive_attendance.c
        mine = sa.select(archive_questions).where(
            questions.lecture_id == lecture,
            sa.or_(questions.member_id == member, questions.answer_member == member),
        )
        typed = sa.select(archive_captions).where(
            archive_captions.c.lecture_id == lecture, archive_captions.c.member_id == member
        )
        present = sa.select(archive_attendance).where(
            stays.lecture_id == lecture, stays.member_id == member
        )
        known = (await self._reader.states([lecture]))[lecture]
        async with self._sql.reading() as connection:
            asked = (await connection.execute(mine.order_by(questions.seq))).all()
            lines = (await connection.execute(typed)).all()
            rows = (await connection.execute(present.order_by(stays.joined_ms))).all()
        return {
            "id": lecture,
            "title": known.title,
            "started_at": _iso(known.started_at),
            "member_id": member,
            "present": [{"from": iso_ms(r.joined_ms), "to": iso_ms(r.left_ms)} for r in rows],
            "questions": [
                {"content": r.content, "at": iso_ms(r.asked_ms), "anonymous": r.anonymous}
                for r in asked
                if r.member_id == member
            ],
            "answers": [
                {"question": r.content, "content": r.answer, "at": iso_ms(r.answered_ms)}
                for r in asked
                if r.answer_member == member
            ],
            "captions": [r.text for r in lines],
        }


async def _blank(connection: AsyncConnection, lecture: LectureId, member: str) -> None:
    """Take one member out of one lecture's archive."""
    questions, captions, stays = archive_questions.c, archive_captions.c, archive_attendance.c
    await connection.execute(
        sa.update(archive_questions)
        .where(questions.lecture_id == lecture, questions.member_id == member)
        .values(content="", name="", member_id=None, erased=True)
    )
    await connection.execute(
        sa.update(archive_questions)
        .where(questions.lecture_id == lecture, questions.answer_member == member)
        .values(answer_name="", answer_member=None)
    )
    await connection.execute(
        sa.update(archive_captions)
        .where(captions.lecture_id == lecture, captions.member_id == member)
        .values(member_id=None)
    )
    await connection.execute(
        sa.delete(archive_attendance).where(stays.lecture_id == lecture, stays.member_id == member)
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
