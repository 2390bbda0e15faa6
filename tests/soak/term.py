"""One room of the soak: lecture after lecture, in which people come, ask, draw, drop and leave."""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from tests.faults.classroom import Classroom, Listener
from tests.faults.people import Person
from tests.faults.rows import Row
from tests.faults.sketchers import Sketcher
from tests.faults.world import World

LISTENERS = 8
SKETCHERS = 2
ASK_SECONDS, EDIT_SECONDS, DRAW_SECONDS = 4.0, 1.0, 2.0
"""Between two writes of one person, on average."""

LEAVE_SECONDS = 6.0
"""Between two listeners that leave and are replaced."""

DROP_SECONDS = 20.0
"""Between two connections that are cut, and come back by themselves."""

MOVE_SECONDS = 120.0
"""Between two new media connections of the presenter."""

SPARE_FROM = LISTENERS + SKETCHERS
"""The first account of those who come later."""

SETTLE_SECONDS = 20.0
"""Until every page must show what the server has, at a lecture's end."""


@dataclass(slots=True)
class Tally:
    """What happened in all rooms."""

    lectures: int = 0
    joins: int = 0
    drops: int = 0
    moves: int = 0
    writes: int = 0


class Term:
    """Lectures of one room, one after the other, each ended by the history checker."""

    def __init__(self, world: World, accounts: range, tally: Tally, seed: int) -> None:
        """``accounts`` are this room's own, one more than ``LISTENERS + SKETCHERS`` at least."""
        self._world = world
        self._accounts = accounts
        self._tally = tally
        self._random = random.Random(seed)
        self._comers = itertools.count(SPARE_FROM)

    async def run(self, until: float, lecture_seconds: float) -> None:
        """Hold lectures until the monotonic clock says ``until``. Raises AssertionError."""
        while (left := until - time.monotonic()) > 0:
            # the last one takes what would be too short for one more
            long = left if left < 1.5 * lecture_seconds else lecture_seconds
            await self._lecture(time.monotonic() + long)
            self._tally.lectures += 1

    async def _lecture(self, until: float) -> None:
        row = Row(self._world, [], students=self._accounts.start + LISTENERS)
        room = Classroom(row, self._accounts.start)
        try:
            await room.fill(LISTENERS)
            self._tally.joins += LISTENERS + 1
            await self._let_draw(row)
            doings = list(self._doings(row, room))
            # one that fails ends the others, and the soak
            async with asyncio.TaskGroup() as group:
                for every, act in doings:
                    group.create_task(self._repeat(every, act, until))
            await row.settled(SETTLE_SECONDS)
        finally:
            await row.finish()

    async def _let_draw(self, row: Row) -> None:
        """In every other lecture the board is one of elements, and participants draw, too."""
        if self._random.random() < 0.5:
            return
        assert (await row.host.call("drawing", {"mode": "everyone"}))["ok"]
        for n in range(SKETCHERS):
            (await row.sketcher(n)).stay()

    def _doings(self, row: Row, room: Classroom) -> Iterator[tuple[float, "Act"]]:
        """Yield what goes on, each with the seconds between two times of it."""
        yield ASK_SECONDS / LISTENERS, lambda: self._ask(room)
        yield ASK_SECONDS / LISTENERS, lambda: self._solve(room)
        yield LEAVE_SECONDS, lambda: self._replace(row, room)
        yield DROP_SECONDS, lambda: self._drop(row)
        yield MOVE_SECONDS, lambda: self._move(room)
        if not row.sketchers:
            yield EDIT_SECONDS, lambda: self._write(room.voice, room.voice.edit)
        for one in row.sketchers:
            yield DRAW_SECONDS, lambda one=one: self._draw(one)

    async def _repeat(self, every: float, act: "Act", until: float) -> None:
        while True:
            pause = self._random.expovariate(1 / every)
            if time.monotonic() + pause >= until:
                return
            await asyncio.sleep(pause)
            await act()

    async def _write(self, one: Person, write: Callable[[], Awaitable[object]]) -> None:
        if one.is_in.is_set():
            await write()
            self._tally.writes += 1

    async def _ask(self, room: Classroom) -> None:
        one = self._random.choice(room.listeners)
        await self._write(one, one.ask)

    async def _solve(self, room: Classroom) -> None:
        if room.voice.shown:
            question = room.voice.shown[0]
            await self._write(room.voice, lambda: room.voice.solve(question))

    async def _draw(self, one: Sketcher) -> None:
        await self._write(one, one.draw)

    async def _replace(self, row: Row, room: Classroom) -> None:
        """Let one listener leave, by closing the tab or by losing it, and another come."""
        leaver = room.listeners.pop(self._random.randrange(len(room.listeners)))
        await self._let_go(leaver)
        row.people.remove(leaver)
        number = next(self._comers)
        account = SPARE_FROM + number % (len(self._accounts) - SPARE_FROM)
        comer = await room.listener(number, account)
        comer.stay()
        self._tally.joins += 1

    async def _let_go(self, leaver: Listener) -> None:
        if self._random.random() < 0.5:
            await leaver.drop()
        else:
            await leaver.stop_staying()
        leaver.is_in.clear()
        await leaver.close()

    async def _drop(self, row: Row) -> None:
        one = self._random.choice(row.people)
        if one.is_in.is_set() and one.link is not None:
            one.link.abort()
            self._tally.drops += 1

    async def _move(self, room: Classroom) -> None:
        if room.voice.is_in.is_set():
            room.voice._connect_soon()
            self._tally.moves += 1


Act = Callable[[], Awaitable[None]]
