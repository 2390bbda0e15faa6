"""Who was there, from when to when: whatever was away, and whoever died."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.archive import attendance
from app.archive.attendance import AttendanceBook
from app.core.errors import Unavailable
from app.core.ids import ConnectionId, NodeId
from app.rooms.catalogue import Lecture
from app.store.archive_tables import archive_attendance
from tests.integration.archive.conftest import ArchiveWorld

SAM = ("STUDENT", "sam@example.org", "Sam")
EVE = ("STUDENT", "eve@example.org", "Eve")


def book_of(world: ArchiveWorld, node: str = "api-1") -> AttendanceBook:
    return AttendanceBook(world.sql, world.logs, NodeId(node), world.clock)


async def started(world: ArchiveWorld) -> Lecture:
    lecture = await world.start()
    # Both clocks tell the same time here, as they do on machines that are kept in time.
    world.clock.set_wall((await world.redis.now_ms()) / 1000)
    return lecture


async def stays(world: ArchiveWorld) -> dict[str, tuple[int, int | None]]:
    rows: Sequence[Any] = await world.rows(archive_attendance)
    return {row.name: (row.joined_ms, row.left_ms) for row in rows}


async def test_somebody_comes_goes_and_comes_again(world: ArchiveWorld) -> None:
    lecture = await started(world)
    book = book_of(world)
    one, two = ConnectionId("1"), ConnectionId("2")
    book.joined(lecture.code, one, *SAM)
    book.joined(lecture.code, one, *SAM)  # twice is once
    await book.write()
    world.clock.advance(5)
    book.left(lecture.code, one)
    book.left(lecture.code, one)
    book.joined(lecture.code, two, *SAM)
    book.left(lecture.code, two)  # in the same second
    await book.write()
    rows: Sequence[Any] = await world.rows(archive_attendance)
    assert sorted(row.left_ms - row.joined_ms for row in rows) == [0, 5000]
    assert len({row.member_id for row in rows}) == 1


async def test_what_may_have_been_written_is_not_written_twice(
    world: ArchiveWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lecture = await started(world)
    book = book_of(world)
    book.joined(lecture.code, ConnectionId("1"), *SAM)
    update = AttendanceBook._update

    async def away(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(AttendanceBook, "_update", away)
    with pytest.raises(Unavailable):
        await book.write()  # the coming is there, and nobody knows
    book.left(lecture.code, ConnectionId("1"))
    monkeypatch.setattr(AttendanceBook, "_update", update)
    await book.write()
    (row,) = await world.rows(archive_attendance)
    assert row.left_ms is not None


async def test_whom_a_dead_process_served_left_when_it_fell_silent(world: ArchiveWorld) -> None:
    lecture = await started(world)
    dead, alive = book_of(world, "api-1"), book_of(world, "api-2")
    dead.joined(lecture.code, ConnectionId("1"), *SAM)
    alive.joined(lecture.code, ConnectionId("2"), *EVE)
    await dead.write()
    await alive.write()
    began = round(world.clock.wall() * 1000)
    await world.end(lecture)
    # It ended ten minutes later: only one of the processes was heard of until then.
    end = began + 600_000
    world.clock.advance(590)
    await alive.write()
    entries = await world.raw.xrange(f"room:{{{lecture.code}}}:events")
    ident, fields = entries[-1]
    await world.raw.delete(f"room:{{{lecture.code}}}:events")
    await world.raw.xadd(f"room:{{{lecture.code}}}:events", {**fields, b"at": end}, ident)
    await world.archiver.bring_all()
    left = {name: at for name, (_, at) in (await stays(world)).items()}
    assert left["Sam"] is not None
    assert abs(left["Sam"] - began) <= 1000
    assert left["Eve"] == end


async def test_a_deleted_lecture_and_a_full_book(
    world: ArchiveWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lecture = await started(world)
    book = book_of(world)
    async with world.sql.writing() as connection:
        await connection.exec_driver_sql("DELETE FROM lectures")
    book.joined(lecture.code, ConnectionId("1"), *SAM)
    await book.write()
    book.left(lecture.code, ConnectionId("1"))
    await book.write()
    assert await stays(world) == {}
    monkeypatch.setattr(attendance, "MAX_WAITING", 1)
    book.joined(lecture.code, ConnectionId("2"), *SAM)
    book.joined(lecture.code, ConnectionId("3"), *EVE)
    assert len(book._waiting) == 1
    await book.close()
    await book.close()
