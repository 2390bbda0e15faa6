"""How much of a room's past is kept: 10,000 events and ten minutes at least, and not for ever."""

from app.store.event_log import EventLog
from app.whiteboard.model import Author, Board, Put
from tests.integration.store.live_room import EMAIL, ROOM, LiveRoomWorld

LOG = "room:{004217}:events"
ROOM_HASH = "room:{004217}"
STEP = 16
OLD = "1"
"""ms since the epoch: long ago."""


async def fill(live: LiveRoomWorld, count: int, at: str | None = None, weight: int = 1) -> None:
    """Append as the scripts do, thousands at once, as if made at ``at``."""
    seconds, _ = await live.raw.time()
    seq = int(await live.raw.hget(ROOM_HASH, "seq"))
    kept = int(await live.raw.hget(ROOM_HASH, "logBytes"))
    pipe = live.raw.pipeline(transaction=False)
    for n in range(1, count + 1):
        kept += weight
        fields = {"at": at or f"{seconds * 1000}", "bytes": kept, "type": "solved"}
        pipe.xadd(LOG, {**fields, "audience": "room", "data": "{}"}, f"{seq + n}-0")
    pipe.hset(ROOM_HASH, mapping={"seq": seq + count, "logBytes": kept})
    await pipe.execute()


async def append(live: LiveRoomWorld, count: int) -> None:
    for n in range(count):
        await live.boards.edit(ROOM, 1, Board(b"", event_time=n))


async def first(live: LiveRoomWorld) -> int:
    ((ident, _),) = await live.raw.xrange(LOG, count=1)
    return int(ident.split(b"-")[0])


async def test_young_events_stay_however_many(live: LiveRoomWorld) -> None:
    await live.start()
    await fill(live, 15_000)
    await append(live, 2 * STEP)
    assert await first(live) == 1
    assert (await EventLog(live.redis).after(ROOM, 0))[0].seq == 1


async def test_few_events_stay_however_old(live: LiveRoomWorld) -> None:
    await live.start()
    await fill(live, 9_990, OLD)
    await append(live, 2 * STEP)
    assert await first(live) <= 2 * STEP


async def test_old_events_beyond_ten_thousand_go(live: LiveRoomWorld) -> None:  # O23: bounded
    await live.start()
    await fill(live, 12_000, OLD)
    await append(live, 5 * STEP)
    begins = await first(live)
    assert 2_000 < begins <= 12_080 - 10_000 + 1
    assert await live.raw.hget(ROOM_HASH, "logFirst") == str(begins).encode()
    assert await live.raw.xlen(LOG) == 12_080 - begins + 1
    assert await EventLog(live.redis).after(ROOM, begins - 1)


async def test_a_heavy_log_gives_up_its_oldest(live: LiveRoomWorld) -> None:  # P8
    await live.start()
    await fill(live, 400, weight=1024 * 1024)
    await append(live, 2 * STEP)
    assert await live.raw.xlen(LOG) <= 64 + 4 * STEP
    heavy = b'{"id":"a","text":"' + b"x" * 60_000 + b'"}'
    await live.boards.draw(ROOM, Author(EMAIL, 1), "1", [Put("a", 1, 1, 0, heavy)])
    assert int(await live.raw.hget(ROOM_HASH, "logBytes")) > 400 * 1024 * 1024
