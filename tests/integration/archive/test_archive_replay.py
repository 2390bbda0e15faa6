"""The board at a moment is what the live board was then, by its hash; and it is found at once."""

import random
import time

import orjson
import pytest

from app.archive import board as board_module
from app.store.archive_tables import archive_keyframes
from app.whiteboard.model import Author, Clear, Delete, Operation, Put
from tests.integration.archive.conftest import ArchiveWorld
from tests.integration.archive.test_archive_log import element, whole

ADA = Author("ada@example.org", 1)


def some_operation(chance: random.Random) -> Operation:
    kind = chance.random()
    ident = f"e{chance.randrange(30)}"
    if kind < 0.75:
        return element(ident, chance.randrange(1, 60), chance.randrange(3), x=chance.randrange(9))
    if kind < 0.95:
        return Delete(ident, chance.randrange(1, 60))
    return Clear(chance.choice([None, 0, 1, 2]))


async def test_every_moment_has_the_live_boards_hash(
    world: ArchiveWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_module, "KEYFRAME_EVENTS", 7)
    chance = random.Random(4217)
    lecture = await world.start()
    room = lecture.code
    live: dict[int, tuple[str, int, int]] = {}
    for step in range(150):
        if step % 41 == 40:
            await world.boards.edit(room, 1, whole(step))
        elif step % 10 == 9:
            await world.boards.set_page(room, 1, step)
        else:
            operations = [some_operation(chance) for _ in range(chance.randrange(1, 6))]
            await world.boards.draw(room, ADA, str(step), operations)
        if step % 29 == 0:
            await world.lease_ends(room)  # another process goes on from what is stored
            world.archiver = world.another(f"api-{step}")
            await world.archiver.bring_all()
        entry = (await world.raw.xrevrange(f"room:{{{room}}}:events", count=1))[0][1]
        fields = await world.raw.hmget(f"room:{{{room}}}", "boardKind", "boardHash", "rev", "page")
        hashed = fields[1].decode() if fields[0] == b"elements" else ""
        live[int(entry[b"at"])] = (hashed, int(fields[2]), int(fields[3] or 0))
    await world.end(lecture)
    await world.archiver.bring_all()
    assert len(await world.rows(archive_keyframes)) >= 15
    for at_ms, expected in live.items():
        state = await world.reader.board_at(lecture.id, at_ms)
        assert (state.hash, state.rev, state.page) == expected
    before = await world.reader.board_at(lecture.id, min(live) - 1)
    assert (before.seq, before.kind, before.elements) == (0, "whole", {})
    found = await world.reader.lecture(lecture.id)
    assert (found.state, found.gaps) == ("ready", ())


async def test_a_seek_in_a_long_lecture_reads_little(world: ArchiveWorld) -> None:
    lecture = await world.start()
    for step in range(60):  # 6,000 elements, of some hundred bytes each
        puts: list[Operation] = [
            element(f"e{step}-{i}", points=[[i, step]] * 20) for i in range(100)
        ]
        await world.boards.draw(lecture.code, ADA, str(step), puts)
    await world.end(lecture)
    await world.archiver.bring_all()
    began = time.process_time()
    state = await world.reader.board_at(lecture.id, 2**60)
    spent = time.process_time() - began
    assert len(state.elements) == 6000
    assert spent < 1.0
    kept = sum(len(row.state) for row in await world.rows(archive_keyframes))  # type: ignore[arg-type]
    drawn = await world.reader.board(lecture.id, 0, 500)
    assert drawn.next is not None  # a page is a MiB at most
    assert kept < 2 * sum(len(row.data) for row in drawn.rows) * 60 / len(drawn.rows)


async def test_pages_of_the_board_are_the_live_events(world: ArchiveWorld) -> None:
    lecture = await world.start()
    put = element("a", text="<&>\u2028")
    await world.boards.draw(lecture.code, ADA, "1", [put])
    await world.archiver.bring_all()
    page = await world.reader.board(lecture.id, 0, 1)
    assert orjson.loads(page.rows[0].data)["ops"] == [{"put": orjson.loads(put.text)}]
    assert isinstance(put, Put)
