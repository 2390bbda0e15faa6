"""Boards: whole snapshots, merged, numbered, published with their objects."""

import asyncio

import pytest

from app.core.errors import NotStarted, StalePresenter, TooLarge
from app.whiteboard.model import Board
from app.whiteboard.service import MAX_OBJECTS
from app.whiteboard.store import read_board
from tests.integration.store.live_room import ROOM, LiveRoomWorld

STROKES = bytes(range(256)) * 4


async def stored(live: LiveRoomWorld) -> Board:
    room = await live.rooms.read(ROOM)
    assert room is not None
    return read_board(room.board_view, room.board_objects)


async def test_empty_objects_keep_what_stands(live: LiveRoomWorld) -> None:  # X2
    epoch = await live.start()
    first = Board(STROKES, (1, 0, 0, 1, 0, 0), 10.5, 800, 600)
    panned = Board(b"", (2, 0, 0, 2, -7.25, 3), 11, 800, 600)
    assert await live.boards.edit(ROOM, epoch, first) == 1
    assert await live.boards.edit(ROOM, epoch, panned) == 2
    assert await stored(live) == first.merged(panned)


async def test_edits_at_once_are_all_numbered(live: LiveRoomWorld) -> None:
    epoch = await live.start()
    revisions = await asyncio.gather(
        *(live.boards.edit(ROOM, epoch, Board(b"x", event_time=n)) for n in range(30))
    )
    assert sorted(revisions) == list(range(1, 31))
    entries = await live.raw.xrange("room:{004217}:events")
    assert [entry.decode() for entry, _ in entries] == [f"{n}-0" for n in range(1, 31)]


async def test_the_first_board_is_set_once(live: LiveRoomWorld) -> None:  # B3, X8
    epoch = await live.start()
    outcomes = await asyncio.gather(
        *(live.boards.begin(ROOM, epoch, Board(b"x", width=n)) for n in range(1, 4))
    )
    assert sorted(outcomes) == [False, False, True]
    before = await stored(live)
    assert not await live.boards.begin(ROOM, epoch, Board(b"y"))
    assert await stored(live) == before
    assert await live.event_kinds() == [b"board"]


async def test_others_and_no_room_are_refused(live: LiveRoomWorld) -> None:
    with pytest.raises(NotStarted):
        await live.boards.edit(ROOM, 1, Board(b"x"))
    epoch = await live.start()
    with pytest.raises(StalePresenter):
        await live.boards.edit(ROOM, epoch - 1, Board(b"x"))
    with pytest.raises(TooLarge):
        await live.boards.edit(ROOM, epoch, Board(b"x" * (MAX_OBJECTS + 1)))
    assert await stored(live) == Board()
    await live.boards.edit(ROOM, epoch, Board(b"x" * MAX_OBJECTS))
    assert len((await stored(live)).objects) == MAX_OBJECTS
