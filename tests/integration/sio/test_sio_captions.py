"""Captions that staff types, chapters that the presenter marks, and who was there (issue 7)."""

import sqlalchemy as sa

from app.store.archive_tables import archive_attendance
from app.store.sql import Sql
from tests.integration.sio.conftest import STUDENT, Stack
from tests.integration.sio.test_sio_questions import Class, people

__all__ = ["people"]


async def test_a_line_is_everybodys_once(people: Class) -> None:  # L27
    line = {"text": "  Good   morning ", "ago": 1200, "clientCaptionId": "c1"}
    first = await people.say(people.ada, "caption", **line)
    again = await people.say(people.ada, "caption", **line)
    assert first["ok"]
    assert again["captionId"] == first["captionId"]
    for who in (people.ada, people.bob, people.guest):
        shown = await who.event("caption")
        assert {"text": "Good morning", "ago": 1200, "captionId": "1"}.items() <= shown.items()
        assert "who" not in shown
    assert len(people.bob.all("caption")) == 1


async def test_only_staff_types(people: Class) -> None:
    for who in (people.bob, people.guest):
        refused = await people.say(who, "caption", text="hello")
        assert refused["error"]["code"] == "forbidden"
    await people.say(people.ada, "appoint", member=STUDENT)
    assert (await people.say(people.bob, "caption", text="hello"))["ok"]
    assert (await people.eve.event("caption"))["text"] == "hello"
    assert (await people.say(people.bob, "chapter", title="x"))["error"]["code"] == "forbidden"


async def test_what_is_no_line_is_refused(people: Class) -> None:
    for bad in ({}, {"text": ""}, {"text": "   "}, {"text": 5}, {"text": "x", "ago": -1},
                {"text": "x" * 501}, {"text": "x", "ago": 1e9}):  # fmt: skip
        answer = await people.say(people.ada, "caption", **bad)
        assert answer["error"]["code"] in {"bad_request", "too_large"}, bad


async def test_lines_are_limited(people: Class) -> None:
    codes = set()
    for number in range(30):
        answer = await people.say(people.ada, "caption", text=f"line {number}")
        codes.add(answer.get("error", {}).get("code"))
    assert codes == {None, "rate_limited"}


async def test_a_chapter_is_marked_once(people: Class) -> None:
    mark = {"title": "Introduction", "clientChapterId": "m1"}
    first = await people.say(people.ada, "chapter", **mark)
    assert await people.say(people.ada, "chapter", **mark) == first
    shown = await people.bob.event("chapter")
    assert {"chapterId": "1", "title": "Introduction"}.items() <= shown.items()


async def test_who_was_there_is_noted(people: Class, stack: Stack, sql: Sql) -> None:
    await stack.attendance.write()
    await people.bob.close()
    await people.ada.until(lambda: len(stack.attendance._present) == 2)
    await stack.attendance.write()
    async with sql.reading() as connection:
        rows = (await connection.execute(sa.select(archive_attendance))).all()
    stays = {row.kind: set() for row in rows}
    for row in rows:
        stays[row.kind].add((row.name.split(" ")[0], row.left_ms is None))
    assert stays["student"] == {("bob", False), ("eve", True)}
    assert stays["guest"] == {("Guest", True)}
    await stack.attendance.close()
    async with sql.reading() as connection:
        rows = (await connection.execute(sa.select(archive_attendance))).all()
    assert all(row.left_ms is not None for row in rows)
