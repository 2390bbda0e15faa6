"""Copies of rooms follow what happens in them, and are what a deleted room is written back from."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from app.core.clock import SystemClock
from app.core.ids import ConnectionId
from app.lecture.copying import COPYING_SHARE, MOST_SECONDS, Copying
from app.lecture.keeper import Keeper
from app.rooms.copies import Copies
from app.store.fanout import FanOut
from app.whiteboard.model import Board
from tests.integration.lecture.live_world import OFFER, OWNER, ROOM, World
from tests.manual_clock import ManualClock

TAB = ConnectionId("tab1")


class Counting(Copies):
    """Copies that count how often they were made, and say so."""

    made = 0
    takes_seconds = 0.0
    clock: ManualClock | None = None

    async def refresh(self, room: object) -> bool:
        held = await super().refresh(room)  # type: ignore[arg-type]
        self.made += 1
        if self.clock is not None:
            self.clock.advance(self.takes_seconds)
        return held

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds():
                await asyncio.sleep(0.001)

    async def until_seq(self, seq: int) -> None:
        await self.until(lambda: int(self._copies[ROOM].seq) == seq)


@pytest.fixture
async def fanout(world: World) -> AsyncIterator[FanOut]:
    made = FanOut(world.one.redis)
    await made.open()
    yield made
    await made.close()


async def test_what_was_acknowledged_is_in_the_copy_a_moment_later(
    world: World, fanout: FanOut
) -> None:  # row 24
    one, copies = world.one, Counting(world.one.redis)
    copying = Copying(copies, one.presence, fanout, SystemClock())
    keeper = Keeper(
        one.rooms, one.presence, one.endings, one.node, one.clock, None, copies, copying
    )
    seat = (await one.lectures.start(OWNER, TAB, ROOM, OFFER)).seat
    await keeper.copy_rooms()
    await copying.open()
    asked = []
    for n in range(3):
        asked.append(await world.two.questions.ask(ROOM, "sam", "Sam", f"why {n}?", f"c{n}"))
        await one.boards.edit(ROOM, seat.epoch, Board(b"stroke %d" % n))
        await copies.until_seq(int(await world.raw.hget(f"room:{{{ROOM}}}", "seq")))
        await world.raw.delete(*await world.raw.keys(f"*{{{ROOM}}}*"))
        await keeper.copy_rooms()
        assert [question.id for question in await one.questions.pending(ROOM)] == asked
        assert (await one.lectures.board(ROOM)).objects == b"stroke %d" % n
    await copying.close()
    await copying.close()
    await one.boards.edit(ROOM, seat.epoch, Board(b"later"))  # which nobody copies now


async def test_copying_takes_a_twentieth_of_the_time(world: World, fanout: FanOut) -> None:
    one, copies, clock = world.one, Counting(world.one.redis), ManualClock()
    copies.clock, copies.takes_seconds = clock, 0.001
    copying = Copying(copies, one.presence, fanout, clock)
    seat = (await one.lectures.start(OWNER, TAB, ROOM, OFFER)).seat
    await copying.follow()
    await copying.open()
    for n in range(50):  # at one instant, as it were
        await one.boards.edit(ROOM, seat.epoch, Board(b"%d" % n))
    await copies.until(lambda: copies.made == 1)
    clock.advance(0.001 * COPYING_SHARE)
    await copies.until(lambda: copies.made == 2)  # of all that happened meanwhile
    assert 0.001 * COPYING_SHARE < MOST_SECONDS
    await copying.close()


async def test_a_room_whose_presenter_is_elsewhere_is_not_followed(
    world: World, fanout: FanOut
) -> None:
    one, copies = world.one, Counting(world.one.redis)
    copying = Copying(copies, one.presence, fanout, SystemClock())
    seat = (await one.lectures.start(OWNER, TAB, ROOM, OFFER)).seat
    await copying.follow()
    await copying.open()
    one.presence.drop(one.presence.held()[0])
    await copying.follow()
    await one.boards.edit(ROOM, seat.epoch, Board(b"stroke"))
    await one.boards.edit(ROOM, seat.epoch, Board(b"stroke"))
    assert copies.made == 0
    await copying.close()
