"""The log of a room gets into the archive: all of it, once, in order, whoever does it."""

import gzip

import orjson
import pytest

from app.archive.board import EMPTY_HASH
from app.core.errors import Unavailable
from app.store.archive_tables import (
    archive_board,
    archive_captions,
    archive_chapters,
    archive_marks,
    archive_questions,
    archives,
)
from app.whiteboard.model import Author, Board, Clear, Delete, Put
from tests.integration.archive.conftest import PRESENTER, ArchiveWorld

ADA = Author("ada@example.org", 1)


def element(ident: str, version: int = 1, page: int = 0, **more: object) -> Put:
    fields = {"id": ident, "version": version, "versionNonce": 7 * version, "page": page, **more}
    return Put(ident, version, 7 * version, page, orjson.dumps(fields))


def whole(*objects: object) -> Board:
    return Board(gzip.compress(orjson.dumps(objects), mtime=0), event_time=5.0, width=4, height=3)


async def test_everything_of_a_lecture_is_archived(world: ArchiveWorld) -> None:  # B0, B10
    lecture = await world.start()
    room = lecture.code
    await world.boards.begin(room, 1, whole("first"))
    await world.boards.edit(room, 1, Board(b"", event_time=6.0))
    await world.archiver.bring_all()
    await world.boards.draw(room, ADA, "1", [element("a"), element("b", page=1)])
    await world.boards.set_page(room, 1, 1)
    first = await world.questions.ask(room, "sam@example.org", "Sam", "why\x00?", None)
    second = await world.questions.ask(room, "guest-1", "Guest 4821", "how?", None, anonymous=True)
    await world.questions.upvote(room, PRESENTER_VOTER, first)
    await world.questions.answer(room, PRESENTER, first, "because")
    await world.questions.hide(room, PRESENTER, second)
    await world.end(lecture)
    await world.archiver.bring_all()
    await world.archiver.bring_all()  # once more changes nothing

    (archive,) = await world.rows(archives)
    assert archive.finished_at is not None
    assert archive.gaps == b"[]"
    assert world.finished == [lecture.id]
    board = await world.rows(archive_board)
    assert [(row.kind, row.objects is not None) for row in board] == [
        ("board", True), ("board", False), ("drawn", False), ("page", False)
    ]  # fmt: skip
    assert board[0].objects == whole("first").objects
    questions = {row.question_id: row for row in await world.rows(archive_questions)}
    assert list(questions) == [first, second]
    one, two = questions[first], questions[second]
    assert (one.content, one.name, one.answer, one.answer_name) == (
        "why�?",
        "Sam",
        "because",
        "ada",
    )
    assert one.answered_ms is not None
    assert one.solved_ms is not None
    assert (one.votes, one.shown, two.shown, two.anonymous) == (1, "visible", "hidden", True)
    assert [row.page for row in await world.rows(archive_chapters)] == [1]
    assert [row.kind for row in await world.rows(archive_marks)] == ["ended"]
    # What waited in Redis has gone, and the log goes in ten minutes.
    assert not await world.raw.exists(f"room:{{{room}}}:blobs")
    assert 0 < await world.raw.ttl(f"room:{{{room}}}:events") <= 600


PRESENTER_VOTER = type(PRESENTER)("student", "eve@example.org", "Eve")


async def test_votes_of_the_last_moment_count(world: ArchiveWorld) -> None:
    lecture = await world.start()
    question = await world.questions.ask(lecture.code, "sam", "Sam", "why?", None)
    for name in ("a", "b", "c"):  # the class is told twice a second
        voter = type(PRESENTER)("student", name, name)
        await world.questions.upvote(lecture.code, voter, question)
    await world.end(lecture)
    await world.archiver.bring_all()
    (row,) = await world.rows(archive_questions)
    assert row.votes == 3


async def test_the_archivers_death_loses_nothing(world: ArchiveWorld) -> None:
    """Each board's objects are there, also of those replaced before anybody archived them."""
    lecture = await world.start()
    boards = [whole(number) for number in range(10)]
    for board in boards[:5]:
        await world.boards.edit(lecture.code, 1, board)
    await world.archiver.bring_all()
    for board in boards[5:]:
        await world.boards.edit(lecture.code, 1, board)
    await world.lease_ends(lecture.code)  # it is killed here
    other = world.another("api-2")
    await other.bring_all()
    await world.archiver.bring_all()  # and comes back, late
    await world.end(lecture)
    await world.lease_ends(lecture.code)
    for _ in range(6):  # what another one archives is looked at now and then
        await world.archiver.bring_all()
    stored = await world.rows(archive_board)
    assert [row.objects for row in stored] == [board.objects for board in boards]
    (archive,) = await world.rows(archives)
    assert (archive.gaps, archive.finished_at is not None) == (b"[]", True)


async def test_two_at_once_store_once(world: ArchiveWorld) -> None:
    lecture = await world.start()
    other = world.another("api-2")
    await world.boards.edit(lecture.code, 1, whole(1))
    await world.archiver.bring_all()
    await world.lease_ends(lecture.code)
    await other.bring_all()  # both follow now: the first one was only paused
    await world.boards.edit(lecture.code, 1, whole(2))
    await other.bring_all()
    await world.lease_ends(lecture.code)
    await world.archiver.bring_all()
    await world.boards.edit(lecture.code, 1, whole(3))
    await world.archiver.bring_all()
    await world.archiver.bring_all()
    objects = [row.objects for row in await world.rows(archive_board)]
    assert objects == [whole(number).objects for number in (1, 2, 3)]


async def test_an_unknown_database_error_is_done_again(
    world: ArchiveWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lecture = await world.start()
    await world.boards.draw(lecture.code, ADA, "1", [element("a")])
    await world.archiver.bring_all()
    await world.boards.draw(lecture.code, ADA, "2", [element("b")])
    commit = world.store.commit

    async def away(*_: object) -> bool:
        raise Unavailable("away")

    monkeypatch.setattr(world.store, "commit", away)
    with pytest.raises(Unavailable):
        await world.archiver.bring_all()
    monkeypatch.setattr(world.store, "commit", commit)
    await world.archiver.bring_all()
    state = await world.reader.board_at(lecture.id, 2**60)
    live = await world.boards.elements(lecture.code)
    assert (state.hash, len(state.elements)) == (live.hash, 2)


async def test_a_log_that_was_trimmed_is_a_gap(world: ArchiveWorld) -> None:
    lecture = await world.start()
    room = lecture.code
    await world.boards.draw(room, ADA, "1", [element("a")])
    await world.archiver.bring_all()
    await world.boards.draw(room, ADA, "2", [element("b")])
    await world.boards.draw(room, ADA, "3", [element("c"), Delete("a", 2)])
    await world.raw.xtrim(f"room:{{{room}}}:events", minid="3-0", approximate=False)
    await world.archiver.bring_all()
    (archive,) = await world.rows(archives)
    gaps = orjson.loads(archive.gaps)
    assert [(gap["from_seq"], gap["to_seq"], gap["what"]) for gap in gaps] == [
        (2, 2, "log"), (3, 3, "board")
    ]  # fmt: skip
    # And from the gap on the board is the live one again.
    await world.boards.draw(room, ADA, "4", [element("d")])
    await world.archiver.bring_all()
    state = await world.reader.board_at(lecture.id, 2**60)
    assert state.hash == (await world.boards.elements(room)).hash != EMPTY_HASH
    assert (await world.reader.lecture(lecture.id)).state == "live"
    await world.end(lecture)
    await world.archiver.bring_all()
    assert (await world.reader.lecture(lecture.id)).state == "incomplete"


async def test_objects_that_had_to_go_are_a_gap(world: ArchiveWorld) -> None:
    lecture = await world.start()
    await world.boards.edit(lecture.code, 1, whole(1))
    await world.boards.edit(lecture.code, 1, whole(2))
    await world.raw.xdel(f"room:{{{lecture.code}}}:blobs", "1-0")
    await world.archiver.bring_all()
    (archive,) = await world.rows(archives)
    assert [gap["what"] for gap in orjson.loads(archive.gaps)] == ["objects", "board"]
    state = await world.reader.board_at(lecture.id, 2**60)
    assert state.objects == whole(2).objects


async def test_a_room_that_was_written_back_goes_on(world: ArchiveWorld) -> None:
    lecture = await world.start()
    room = lecture.code
    await world.boards.draw(room, ADA, "1", [element("a")])
    await world.archiver.bring_all()
    dumps = await world.redis.on_room("copy", room, "", 2**24)
    await world.raw.delete(f"room:{{{room}}}", f"room:{{{room}}}:events")
    await world.redis.on_room("restore", room, "api/1", 1, 6000, *dumps[2:])
    await world.boards.draw(room, ADA, "2", [element("b")])
    await world.archiver.bring_all()
    state = await world.reader.board_at(lecture.id, 2**60)
    assert state.hash == (await world.boards.elements(room)).hash
    (archive,) = await world.rows(archives)
    assert "log" in [gap["what"] for gap in orjson.loads(archive.gaps)]


async def test_a_lecture_whose_log_is_gone_is_finished_with_a_gap(world: ArchiveWorld) -> None:
    lecture = await world.start()
    await world.boards.edit(lecture.code, 1, whole(1))
    await world.archiver.bring_all()
    await world.raw.flushall()
    await world.catalogue.ended(lecture.id)
    for _ in range(6):
        await world.archiver.bring_all()
    found = await world.reader.lecture(lecture.id)
    assert (found.state, [gap.what for gap in found.gaps]) == ("incomplete", ["end"])


async def test_the_next_lecture_of_a_code_is_another_archive(world: ArchiveWorld) -> None:
    one = await world.start()
    await world.boards.edit(one.code, 1, whole(1))
    await world.end(one)
    await world.archiver.bring_all()
    world.catalogue._draw = lambda: one.code
    two = await world.start("eve@example.org")
    assert two.code == one.code
    await world.boards.edit(two.code, 1, whole(2))
    await world.end(two)
    await world.archiver.bring_all()
    boards = {row.lecture_id: row.objects for row in await world.rows(archive_board)}
    assert boards == {one.id: whole(1).objects, two.id: whole(2).objects}
    gaps = [row.gaps for row in await world.rows(archives)]
    assert gaps == [b"[]", b"[]"]


async def test_what_is_not_understood_is_a_gap_and_stops_nothing(world: ArchiveWorld) -> None:
    lecture = await world.start()
    fields = {"at": "1", "bytes": "0", "type": "solved", "audience": "room", "data": "[1]"}
    await world.raw.xadd(f"room:{{{lecture.code}}}:events", fields, "1-0")
    await world.raw.hset(f"room:{{{lecture.code}}}", "seq", 1)
    await world.boards.edit(lecture.code, 1, whole(1))
    await world.archiver.bring_all()
    (archive,) = await world.rows(archives)
    assert [gap["what"] for gap in orjson.loads(archive.gaps)] == ["unreadable"]
    assert len(await world.rows(archive_board)) == 1


async def test_captions_and_marks(world: ArchiveWorld) -> None:  # L27
    lecture = await world.start()
    room = lecture.code
    who = ("1", "ada@example.org", "ada", "presenter", "presenter assistant")
    again = [
        await world.redis.on_room("caption", room, *who, "Good morning", 1500, "caption:x", 5, 20)
        for _ in range(2)
    ]
    assert again == [b"1", b"1"]
    await world.redis.on_room("chapter", room, 1, "Introduction", "")
    await world.archiver.bring_all()
    (caption,) = await world.rows(archive_captions)
    assert (caption.text, caption.source) == ("Good morning", "live")
    assert caption.end_ms - caption.start_ms >= 1200
    (chapter,) = await world.rows(archive_chapters)
    assert (chapter.title, chapter.page) == ("Introduction", None)


async def test_a_deleted_lecture_is_not_archived(world: ArchiveWorld) -> None:
    lecture = await world.start()
    await world.boards.edit(lecture.code, 1, whole(1))
    async with world.sql.writing() as connection:
        await connection.exec_driver_sql("DELETE FROM lectures")
    await world.archiver.bring_all()
    await world.boards.draw(lecture.code, ADA, "1", [element("a"), Clear()])
    await world.archiver.bring_all()
    assert await world.rows(archives) == []
