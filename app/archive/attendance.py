"""Who is in which lecture, from when to when: noted by the process that serves them."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from app.archive.log import RoomLogs
from app.archive.model import member_id
from app.archive.reduction import clean
from app.core import metrics
from app.core.clock import Clock
from app.core.errors import Unavailable
from app.core.ids import ConnectionId, LectureId, NodeId, RoomId
from app.core.tasks import OnCrash, Tasks
from app.store.archive_tables import archive_attendance
from app.store.sql import Sql
from app.store.tables import MAX_USERNAME_CHARS

log = structlog.get_logger(__name__)

ROUND_SECONDS = 1.0
"""Between two writes: a class that comes at once is one transaction."""

SEEN_SECONDS = 30.0
"""Between two times that a process says that its participants are there still."""

MAX_WAITING = 50_000
"""Comings and goings that wait while the database is away; more are dropped and counted."""

BATCH = 500


@dataclass(frozen=True, slots=True)
class _Coming:
    stay: str
    room: RoomId
    connection: ConnectionId
    kind: str
    identity: str
    name: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class _Going:
    stay: str
    at_ms: int


class AttendanceBook:
    """Notes comings and goings, off the path of whoever comes or goes.

    What a process that is killed did not write yet (a second at most) is lost; whom it served is
    noted as there until half a minute before, and comes back on another process as a new stay.
    """

    def __init__(self, sql: Sql, logs: RoomLogs, node: NodeId, clock: Clock) -> None:
        self._sql = sql
        self._logs = logs
        self._node = node
        self._clock = clock
        self._waiting: list[_Coming | _Going] = []
        self._present: dict[tuple[RoomId, ConnectionId], str] = {}
        self._written: dict[str, LectureId] = {}
        """Open stays of this process that are in the database."""
        self._count = 0
        self._seen_at = clock.now()
        self._tasks = Tasks("attendance")

    async def open(self) -> None:
        """Begin to write."""
        _ = self._tasks.start("write", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Note that everybody here goes, write what waits and stop. Safe to call twice."""
        await self._tasks.close()
        for room, connection in list(self._present):
            self.left(room, connection)
        try:
            await self.write()
        except Unavailable:
            metrics.QUEUE_DROPS.labels("attendance").inc(len(self._waiting))
        self._waiting.clear()

    def joined(
        self, room: RoomId, connection: ConnectionId, kind: str, identity: str, name: str
    ) -> None:
        """Note that a participant came. Never blocks; a repeat changes nothing."""
        if (room, connection) in self._present:
            return
        self._count += 1
        text = f"{self._node}/{connection}/{room}/{self._count}".encode()
        stay = hashlib.blake2b(text, digest_size=16).hexdigest()
        self._present[room, connection] = stay
        self._add(_Coming(stay, room, connection, kind.lower(), identity, name, self._now_ms()))

    def left(self, room: RoomId, connection: ConnectionId) -> None:
        """Note that a participant is gone. Never blocks; fine for one who never came."""
        stay = self._present.pop((room, connection), None)
        if stay is not None:
            self._add(_Going(stay, self._now_ms()))

    def _add(self, change: _Coming | _Going) -> None:
        if len(self._waiting) >= MAX_WAITING:
            metrics.QUEUE_DROPS.labels("attendance").inc()
            return
        self._waiting.append(change)

    def _now_ms(self) -> int:
        return round(self._clock.wall() * 1000)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            try:
                await self.write()
            except Unavailable as error:
                log.debug("attendance waits", reason=error.message)

    async def write(self) -> None:
        """Write what waits, and now and then that the others are there still."""
        while self._waiting:
            batch = self._waiting[:BATCH]
            await self._write(batch)
            del self._waiting[: len(batch)]
        if self._written and self._clock.now() - self._seen_at >= SEEN_SECONDS:
            await self._say_seen()

    async def _write(self, batch: Sequence[_Coming | _Going]) -> None:
        lectures: dict[RoomId, LectureId | None] = {}
        rows: dict[str, dict[str, Any]] = {}
        gone: dict[str, int] = {}
        for change in batch:
            if isinstance(change, _Going):
                gone[change.stay] = change.at_ms
                continue
            if change.room not in lectures:
                glance = await self._logs.glance(change.room)
                lectures[change.room] = glance.lecture if glance is not None else None
            lecture = lectures[change.room]
            if lecture is not None:
                rows[change.stay] = _row(lecture, change)
        by_lecture: dict[LectureId, list[dict[str, Any]]] = {}
        for row in rows.values():
            by_lecture.setdefault(row["lecture_id"], []).append(row)
        for lecture, some in by_lecture.items():
            await self._insert(lecture, some)
        await self._update(gone)

    async def _insert(self, lecture: LectureId, rows: list[dict[str, Any]]) -> None:
        insert: Any = postgresql.insert if self._sql.dialect == "postgresql" else sqlite.insert
        try:
            async with self._sql.writing() as connection:
                # After a time-out they may be there already.
                await connection.execute(insert(archive_attendance).on_conflict_do_nothing(), rows)
        except IntegrityError:  # the lecture was deleted
            return
        self._written.update({row["stay"]: lecture for row in rows})

    async def _update(self, gone: dict[str, int]) -> None:
        stays = archive_attendance.c
        known = {stay: at for stay, at in gone.items() if stay in self._written}
        if not known:
            return
        async with self._sql.writing() as connection:
            for stay, at_ms in known.items():
                await connection.execute(
                    sa.update(archive_attendance)
                    .where(stays.lecture_id == self._written[stay], stays.stay == stay)
                    .values(left_ms=at_ms, seen_ms=at_ms)
                )
        for stay in known:
            del self._written[stay]

    async def _say_seen(self) -> None:
        stays, now = archive_attendance.c, self._now_ms()
        self._seen_at = self._clock.now()
        lectures: dict[LectureId, list[str]] = {}
        for stay, lecture in self._written.items():
            lectures.setdefault(lecture, []).append(stay)
        async with self._sql.writing() as connection:
            for lecture, mine in lectures.items():
                for start in range(0, len(mine), BATCH):
                    await connection.execute(
                        sa.update(archive_attendance)
                        .where(
                            stays.lecture_id == lecture,
                            stays.stay.in_(mine[start : start + BATCH]),
                            stays.left_ms.is_(None),
                        )
                        .values(seen_ms=now)
                    )


def _row(lecture: LectureId, of: _Coming) -> dict[str, Any]:
    return {
        "lecture_id": lecture,
        "stay": of.stay,
        "member_id": member_id(lecture, of.identity),
        "kind": of.kind,
        "name": clean(of.name, MAX_USERNAME_CHARS),
        "joined_ms": of.at_ms,
        "seen_ms": of.at_ms,
        "left_ms": None,
    }
