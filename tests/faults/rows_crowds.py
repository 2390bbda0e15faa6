"""A whole class that comes at once, and comes back at once: rows 21 and 22 of the fault matrix."""

import asyncio
import random
import time

from app.core import garbage
from app.core.clock import SystemClock
from app.core.ids import ConnectionId, NodeId
from app.rooms.guests import Guests
from app.rooms.store import RoomStore
from app.store.redis import Redis
from bench.crowd import more_files
from bench.sockets import LoadSocket, SocketLostError
from tests.faults.people import Student
from tests.faults.rows import Row
from tests.faults.world import Api

JOINS = 1000
RETURNS = 9000
RETURN_SECONDS = 15.0
"""Over which the clients connect again; their Managers wait for a random time."""

RETRY_SECONDS = 1.0
SEATED_AT_ONCE = 100


def _share(sorted_values: list[float], share: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


async def _arrive(row: Row, n: int, apis: list[Api]) -> float:
    """Have one guest come in, as a page does; return the seconds that it took."""
    guest = Student(f"guest{n}", row.room, "", apis, row.history, n)
    guest.is_logged = False
    row.people.append(guest)
    began = time.monotonic()
    await guest.enter()
    return time.monotonic() - began


async def test_row_21_a_thousand_joins(row: Row) -> None:
    """1,000 joins in 10 s: none fails."""
    row.rss_slack = 120 << 20
    await row.lecture(0)
    began = time.monotonic()
    joins = []
    for n in range(JOINS):
        joins.append(asyncio.ensure_future(_arrive(row, n, row.world.apis)))
        await asyncio.sleep(max(0.0, began + (n + 1) * 10 / JOINS - time.monotonic()))
    took = sorted(await asyncio.gather(*joins))
    row.figure("all in after", time.monotonic() - began)
    row.figure("median", _share(took, 0.5))
    row.figure("p99", _share(took, 0.99), most=1.0)
    await row.settled(20)


class Tab:
    """One page of a guest whose media never stopped: it has a seat, and connects to it again."""

    def __init__(self, guest: str, port: int) -> None:
        self._guest = guest
        self._port = port
        self.socket: LoadSocket | None = None
        self.retries = 0

    async def connect(self) -> float:
        """Come in, trying again as a Manager does; return the seconds that it took."""
        began = time.monotonic()
        while True:
            try:
                await self._try()
            except (SocketLostError, OSError):
                self.retries += 1
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return time.monotonic() - began

    async def _try(self) -> None:
        socket = await LoadSocket.connect("127.0.0.1", self._port)
        try:
            await socket.join("/enter-room", {"accessToken": "", "refreshToken": ""})
            await socket.join("/lecture", {"accessToken": self._guest, "refreshToken": ""})
            await socket.until(lambda _, data: data.startswith(b'42/lecture,["state"'))
        except BaseException:
            socket.close()
            raise
        socket.watch(lambda _, __: None)
        self.socket = socket

    def drop(self) -> None:
        if self.socket is not None:
            self.socket.close()


async def _seated(row: Row, count: int) -> list[Tab]:
    """Return that many guests with seats, on all api processes in turn, connected.

    The seats are written by the server's own stores: 9,000 media sessions are no part of this row.
    """
    redis = Redis(row.world.redis.tcp)
    rooms, gone = RoomStore(redis), NodeId("api-that-is-gone")

    async def heard(_: NodeId) -> int | None:
        return None

    guests = Guests(redis, gone, heard)
    apis = row.world.apis
    tabs = []
    for first in range(0, count, SEATED_AT_ONCE):
        some = []
        for n in range(first, min(first + SEATED_AT_ONCE, count)):
            guest, connection = f"guest{n:015d}", ConnectionId(f"c{n}")
            await rooms.remember(guest, "GUEST", row.room)
            await guests.hold(guest, connection)
            await guests.lost(guest, connection)
            some.append(Tab(guest, apis[n % len(apis)].port))
        await asyncio.gather(*(tab.connect() for tab in some))
        tabs += some
    await redis.close()
    return tabs


async def _lose(tabs: list[Tab]) -> None:
    """Lose every connection within a moment, as fast as packets come from a network."""
    for n, tab in enumerate(tabs):
        tab.drop()
        tab.retries = 0
        if n % 100 == 0:
            await asyncio.sleep(0.005)


async def test_row_22_nine_thousand_reconnects(row: Row) -> None:
    """9,000 sockets, lost at once, reconnect within 20 s: none fails."""
    more_files()
    row.rss_slack = 400 << 20
    await row.lecture(1)
    tabs: list[Tab] = []
    clock, chance = SystemClock(), random.Random(22)
    try:
        tabs = await _seated(row, RETURNS)
        await _lose(tabs)
        began = clock.now()

        async def come_back(tab: Tab) -> float:
            await asyncio.sleep(max(0.0, began + chance.uniform(0.5, RETURN_SECONDS) - clock.now()))
            return await tab.connect()

        took = sorted(await asyncio.gather(*map(come_back, tabs)))
        row.figure("all back after", clock.now() - began, most=20.0)
        row.figure("one, p99", _share(took, 0.99))
        row.figure("tried again", sum(tab.retries for tab in tabs), "clients")
        assert all(tab.socket is not None and not tab.socket.is_lost for tab in tabs)
        assert (await row.host.edit()).outcome == "ok"
        await row.audience[0].until(lambda: row.audience[0].board == row.host.edited, 5)
    finally:
        await _lose(tabs)
    await row.settled(20)
    # The full collection of garbage that was put off for the crowd is this row's, not the next's.
    await asyncio.sleep(garbage.CALM_SECONDS + 5)
