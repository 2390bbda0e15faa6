"""Rooms that somebody deletes: written back from a copy, once, and only while they live."""

import pytest

from app.core.errors import Banned, Unavailable
from app.core.ids import ConnectionId, NodeId
from app.rooms.copies import Copies
from app.rooms.floor import member_id
from app.rooms.presence import HeldSlot
from app.rooms.roster import Entrant, Roster, Seat
from app.whiteboard.model import Board
from tests.integration.store.live_room import ROOM, STREAM, LiveRoomWorld

KEY = f"room:{{{ROOM}}}"


async def delete(live: LiveRoomWorld) -> None:
    await live.raw.delete(*await live.raw.keys(f"*{{{ROOM}}}*"))


async def begun(live: LiveRoomWorld) -> tuple[Copies, HeldSlot, list[str]]:
    epoch = await live.start()
    asked = [await live.questions.ask(ROOM, "sam", "Sam", f"why {n}?", f"c{n}") for n in range(3)]
    await live.questions.solve(ROOM, epoch, asked[1])
    await live.boards.edit(ROOM, epoch, Board(b"drawn"))
    return Copies(live.redis), HeldSlot(ROOM, ConnectionId("1"), epoch), asked


async def test_a_deleted_room_is_written_back(live: LiveRoomWorld) -> None:
    copies, slot, asked = await begun(live)
    assert await copies.refresh(ROOM)
    seq = int(await live.raw.hget(KEY, "seq"))
    await delete(live)
    assert not await copies.refresh(ROOM)
    assert await copies.restore(slot, "api/1", 6)
    pending = [question.id for question in await live.questions.pending(ROOM)]
    assert pending == [asked[0], asked[2]]
    assert await live.questions.ask(ROOM, "sam", "Sam", "why 2?", "c2") == asked[2]
    assert await live.raw.hget(KEY, "whiteboardObjects") == b"drawn"
    assert int(await live.raw.hget(KEY, "seq")) > seq
    assert (await live.event_kinds())[:2] == [b"restored", b"board"]
    assert await live.rooms.renew(ROOM, "api/1", slot.epoch, 6)
    assert all([await live.raw.ttl(key) > 0 for key in await live.raw.keys("*")])


async def test_it_is_written_back_once(live: LiveRoomWorld) -> None:
    copies, slot, _ = await begun(live)
    await copies.refresh(ROOM)
    await delete(live)
    assert await copies.restore(slot, "api/1", 6)
    await live.questions.ask(ROOM, "sam", "Sam", "later", "c9")
    assert await copies.restore(slot, "api/2", 6) == 0
    assert await live.raw.xlen(STREAM) == 4


async def test_a_room_that_ended_stays_ended(live: LiveRoomWorld) -> None:
    copies, slot, _ = await begun(live)
    await copies.refresh(ROOM)
    await live.rooms.end(ROOM, slot.epoch, "presenter")
    assert await copies.restore(slot, "api/1", 6) == 0
    assert await copies.refresh(ROOM)
    assert len(copies) == 0
    assert await live.raw.keys(STREAM) == []


async def test_an_unchanged_room_is_not_copied_again_and_a_lost_slot_frees_the_copy(
    live: LiveRoomWorld,
) -> None:
    copies, slot, _ = await begun(live)
    await copies.refresh(ROOM)
    await live.rooms.renew(ROOM, "api/1", slot.epoch, 6)
    held = copies._copies[ROOM]
    await copies.refresh(ROOM)
    assert copies._copies[ROOM] is held
    await live.questions.ask(ROOM, "sam", "Sam", "new", "c9")
    await copies.refresh(ROOM)
    assert copies._copies[ROOM] is not held
    copies.retain([])
    assert len(copies) == 0


async def test_a_full_redis_takes_nothing_back_by_halves(live: LiveRoomWorld) -> None:
    copies, slot, _ = await begun(live)
    await copies.refresh(ROOM)
    await delete(live)
    await live.raw.config_set("maxmemory", 1)
    try:
        with pytest.raises(Unavailable):
            await copies.restore(slot, "api/1", 6)
        assert await live.raw.keys(f"*{{{ROOM}}}*") == []
    finally:
        await live.raw.config_set("maxmemory", 0)
    assert await copies.restore(slot, "api/1", 6)


async def test_who_was_banned_stays_out_of_a_room_that_was_written_back(
    live: LiveRoomWorld,
) -> None:
    copies, slot, _ = await begun(live)
    roster = Roster(live.redis)
    sam = Entrant("sam@example.org", "Sam", "STUDENT", "student")
    seat = Seat(NodeId("api"), ConnectionId("2"))
    await roster.admit(ROOM, sam, seat)
    ident = member_id(ROOM, sam.identity)
    await roster.expel(ROOM, ident, banned=True, epoch=slot.epoch)
    await copies.refresh(ROOM)
    await delete(live)
    assert await copies.restore(slot, "api/1", 6)
    with pytest.raises(Banned):
        await roster.admit(ROOM, sam, seat)
    assert await roster.people(ROOM, 10) == []
