"""Fan-out: every event once and in order, whatever happens to the subscription."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from app.core.errors import Unavailable
from app.core.ids import RoomId
from app.store.events import RoomEvent
from app.store.fanout import FanOut
from app.whiteboard.model import Board
from tests.integration.store.live_room import ROOM, LiveRoomWorld
from tests.redis_server import RedisServer


@pytest.fixture
async def fanout(live: LiveRoomWorld) -> AsyncIterator[FanOut]:
    made = FanOut(live.redis)
    await made.open()
    yield made
    await made.close()


async def until(condition: Callable[[], bool], seconds: float = 6.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def seqs(events: list[RoomEvent]) -> list[int]:
    return [event.seq for event in events]


async def edit(live: LiveRoomWorld, count: int, objects: bytes = b"x") -> None:
    for n in range(count):
        await live.boards.edit(ROOM, 1, Board(objects, event_time=n))


async def test_events_arrive_whole_and_in_order(live: LiveRoomWorld, fanout: FanOut) -> None:
    await live.start()
    await edit(live, 3)
    first: list[RoomEvent] = []
    second: list[RoomEvent] = []
    assert await fanout.subscribe(ROOM, first.append) == 3
    assert await fanout.subscribe(ROOM, second.append) == 3

    blob = b'\n{"seq":9}\n' + bytes(range(256))
    await live.boards.edit(ROOM, 1, Board(blob, (1, 2, 3, 4, 5, 6), 7.5, 800, 600))
    question = await live.questions.ask(ROOM, "sam", "Sam", "why?", None)

    await until(lambda: len(second) == 3)
    assert first == second
    assert first[0] == RoomEvent(
        ROOM,
        4,
        "board",
        {"viewport": [1, 2, 3, 4, 5, 6], "eventTime": 7.5, "width": 800, "height": 600},
        blob,
        "room",
    )
    assert (first[1].type, first[1].audience) == ("asked", "staff")
    assert first[1].data["questionId"] == question


async def test_a_cursor_gets_what_it_missed_then_goes_on(
    live: LiveRoomWorld, fanout: FanOut
) -> None:
    await live.start()
    await edit(live, 450, b"newest")
    got: list[RoomEvent] = []
    writer = asyncio.ensure_future(edit(live, 100, b"later"))
    assert await fanout.subscribe(ROOM, got.append, after=7) == 7
    await writer
    # How many of these were read from the log, which keeps objects of the newest, is chance.
    await until(lambda: len(got) == 543 and not fanout._rooms[ROOM].healing)
    await edit(live, 50, b"live")
    await until(lambda: len(got) == 593)
    assert seqs(got) == list(range(8, 601))
    assert all(event.blob for event in got[-50:])


async def test_a_cursor_the_log_does_not_reach_needs_a_snapshot(
    live: LiveRoomWorld, fanout: FanOut
) -> None:
    await live.start()
    await edit(live, 10)
    await live.raw.xtrim("room:{004217}:events", maxlen=4, approximate=False)
    got: list[RoomEvent] = []
    assert await fanout.subscribe(ROOM, got.append, after=2) == 6
    assert await fanout.subscribe(ROOM, lambda _: None, after=999) == 10
    assert seqs(got) == [7, 8, 9, 10]


async def test_a_killed_subscription_misses_nothing(
    live: LiveRoomWorld, fanout: FanOut
) -> None:  # row 18
    await live.start()
    got: list[RoomEvent] = []
    await fanout.subscribe(ROOM, got.append)
    await edit(live, 5)
    await live.raw.client_kill_filter(_type="pubsub")
    await edit(live, 20, b"while deaf")
    await until(lambda: len(got) == 25)
    await edit(live, 5)
    await until(lambda: len(got) == 30)
    assert seqs(got) == list(range(1, 31))
    assert fanout.counters.reconnects == 1
    assert got[24].blob == b"while deaf"


async def test_a_lost_wake_is_healed_by_the_next(live: LiveRoomWorld, fanout: FanOut) -> None:
    await live.start()
    got: list[RoomEvent] = []
    await fanout.subscribe(ROOM, got.append)
    receive, dropped = fanout._receive, [2, 3]

    def lossy(room: RoomId, event: RoomEvent) -> None:
        if event.seq not in dropped:
            receive(room, event)

    fanout._receive = lossy
    await edit(live, 5)
    await until(lambda: len(got) == 5)
    assert seqs(got) == [1, 2, 3, 4, 5]
    assert fanout.counters.gaps >= 1


async def test_an_event_between_the_two_readings_of_a_heal_comes_once(
    live: LiveRoomWorld, fanout: FanOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log's end that was read is old by the time it is looked at: no new log for that."""
    await live.start()
    got: list[RoomEvent] = []
    await fanout.subscribe(ROOM, got.append)
    await edit(live, 5)
    await until(lambda: len(got) == 5)
    state = fanout._rooms[ROOM]
    end = fanout._log.end

    async def overtaken(room: RoomId) -> int:
        found = await end(room)
        monkeypatch.setattr(fanout._log, "end", end)
        await edit(live, 1)
        await until(lambda: state.seq == found + 1)
        return found

    monkeypatch.setattr(fanout._log, "end", overtaken)
    fanout._heal_soon(state)
    await until(lambda: not state.healing)
    await edit(live, 2)
    last = got[0].seq + 7
    await until(lambda: seqs(got)[-1:] == [last])
    assert seqs(got) == list(range(got[0].seq, last + 1))


async def test_a_broken_sink_starves_nobody(live: LiveRoomWorld, fanout: FanOut) -> None:
    await live.start()
    got: list[RoomEvent] = []

    def broken(event: RoomEvent) -> None:
        raise RuntimeError("a defect")

    await fanout.subscribe(ROOM, broken)
    await fanout.subscribe(ROOM, got.append)
    await edit(live, 2)
    await until(lambda: len(got) == 2)
    assert fanout.counters.sink_failures == 2


async def test_unsubscribed_sinks_get_nothing_and_rooms_are_left(
    live: LiveRoomWorld, fanout: FanOut
) -> None:
    await live.start()
    got: list[RoomEvent] = []
    for _ in range(3):
        await fanout.subscribe(ROOM, got.append)
        fanout.unsubscribe(ROOM, got.append)
    fanout.unsubscribe(ROOM, got.append)
    await edit(live, 2)
    async with asyncio.timeout(5):
        while dict(await live.raw.pubsub_numsub("room:{004217}:wake"))[b"room:{004217}:wake"]:
            await asyncio.sleep(0.01)
    assert got == []
    assert fanout._rooms == {}
    assert await fanout.subscribe(ROOM, got.append) == 2
    await edit(live, 1)
    await until(lambda: len(got) == 1)


async def test_the_end_is_the_last_event_of_a_room(live: LiveRoomWorld, fanout: FanOut) -> None:
    await live.start()
    got: list[RoomEvent] = []
    await fanout.subscribe(ROOM, got.append)
    await live.rooms.end(ROOM, 1, "presenter")
    await until(lambda: len(got) == 1)
    assert (got[0].type, got[0].data) == ("ended", {"reason": "presenter"})
    await until(lambda: fanout._rooms == {})
    late: list[RoomEvent] = []
    assert await fanout.subscribe(ROOM, late.append, after=0) == 0
    assert [event.type for event in late] == ["ended"]


async def test_a_frozen_redis_is_noticed_and_healed(
    breakable: LiveRoomWorld, redis_server: RedisServer
) -> None:  # rows 13, 17
    await breakable.start()
    fanout = FanOut(breakable.redis)
    await fanout.open()
    got: list[RoomEvent] = []
    await fanout.subscribe(ROOM, got.append)
    await edit(breakable, 1)
    redis_server.pause()
    try:
        await until(lambda: fanout.counters.reconnects > 0, 6)
        began = time.perf_counter()
        outcomes = await asyncio.gather(
            *(fanout.subscribe(RoomId("111111"), got.append) for _ in range(50)),
            return_exceptions=True,
        )
        assert {type(outcome) for outcome in outcomes} == {Unavailable}
        assert time.perf_counter() - began < 4
        assert set(fanout._rooms) == {ROOM}
    finally:
        redis_server.resume()
    async with asyncio.timeout(5):
        while not await breakable.redis.ready():
            await asyncio.sleep(0.05)
    await edit(breakable, 3)
    await until(lambda: len(got) == 4)
    assert seqs(got) == [1, 2, 3, 4]
    await fanout.close()


async def test_a_restarted_redis_is_subscribed_to_again(
    breakable: LiveRoomWorld, redis_server: RedisServer
) -> None:  # row 12
    await breakable.start()
    fanout = FanOut(breakable.redis)
    await fanout.open()
    got: list[RoomEvent] = []
    await fanout.subscribe(ROOM, got.append)
    redis_server.kill()
    redis_server.start()
    async with asyncio.timeout(5):
        while not await breakable.redis.ready():
            await asyncio.sleep(0.05)
    await edit(breakable, 3)
    await until(lambda: len(got) == 3)
    assert seqs(got) == [1, 2, 3]
    await fanout.close()
    await fanout.close()
