"""What a room's log says reaches the feed: all of it, once, in order, whoever brings it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
import redis.asyncio as driver

from app.core.errors import Unavailable
from app.core.ids import LectureId, NodeId
from app.feed.announcer import Announcer
from app.feed.forwarder import BATCH, Forwarder
from app.feed.model import TYPES
from app.feed.stream import FeedStream, Piece
from app.questions.store import RedisQuestionStore
from app.store import keys
from app.store.redis import Redis
from tests.integration.store.live_room import EMAIL, ROOM, LiveRoomWorld
from tests.manual_clock import ManualClock
from tests.redis_server import RedisServer

LECTURE = LectureId("a" * 32)


async def told(stream: FeedStream) -> list[dict[str, Any]]:
    entries = await stream.after("0", 10_000)
    return [orjson.loads(entry.body or b"{}") for entry in entries]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("lectern.") for event in events]


async def test_a_lecture_is_told_from_its_start_to_its_end(
    live: LiveRoomWorld, stream: FeedStream
) -> None:  # L30
    epoch = await live.start()
    question = await live.questions.ask(ROOM, "bo@example.org", "Bo", "why?", None)
    await live.questions.solve(ROOM, epoch, question)
    forwarder = Forwarder(live.redis, stream, "api-1")
    await forwarder.forward()
    _ = await live.rooms.end(ROOM, epoch, "presenter")
    await forwarder.forward()
    await forwarder.forward()
    events = await told(stream)
    assert kinds(events) == [
        "room.started",
        "question.asked",
        "question.solved",
        "room.ended",
    ]
    assert {event["type"] for event in events} <= TYPES
    assert {event["source"] for event in events} == {f"/lectures/{LECTURE}"}
    assert {event["subject"] for event in events} == {ROOM}
    assert len({event["id"] for event in events}) == 4
    assert [event["sequence"] for event in events] == sorted(event["sequence"] for event in events)
    assert events[1]["data"]["questionId"] == question
    assert events[-1]["data"] == {"reason": "presenter"}


async def test_two_processes_at_once_tell_each_event_once(
    live: LiveRoomWorld, stream: FeedStream
) -> None:
    await live.start()
    both = [Forwarder(live.redis, stream, f"api-{number}") for number in (1, 2)]
    for number in range(30):
        who = f"{number}@example.org"
        _ = await live.questions.ask(ROOM, who, "Bo", f"{number}?", None)
        if number % 7 == 0:
            await asyncio.gather(*(forwarder.forward() for forwarder in both))
    await asyncio.gather(*(forwarder.forward() for forwarder in both))
    asked = [event["data"]["content"] for event in (await told(stream))[1:]]
    assert asked == [f"{number}?" for number in range(30)]


async def test_another_process_goes_on_where_one_died(
    live: LiveRoomWorld, stream: FeedStream
) -> None:
    await live.start()
    for number in range(BATCH + 40):
        who = f"{number}@example.org"
        _ = await RedisQuestionStore(live.redis).ask(ROOM, who, "Bo", "why?", str(number))
    first = Forwarder(live.redis, stream, "api-1")
    pieces = 0
    put = stream.put

    async def dies(piece: Piece) -> int:
        nonlocal pieces
        pieces += 1
        if pieces == 3:
            raise ConnectionError
        return await put(piece)

    stream.put = dies  # type: ignore[method-assign]  # its process ends here
    with contextlib.suppress(ConnectionError):
        await first.forward()
    stream.put = put  # type: ignore[method-assign]
    await Forwarder(live.redis, stream, "api-2").forward()
    assert kinds(await told(stream)) == ["room.started", *["question.asked"] * (BATCH + 40)]


async def test_an_end_is_told_by_whoever_comes_after(
    live: LiveRoomWorld, stream: FeedStream
) -> None:
    epoch = await live.start()
    await Forwarder(live.redis, stream, "api-1").forward()
    _ = await live.rooms.end(ROOM, epoch, "service")
    await live.raw.delete(keys.DUE)
    await Forwarder(live.redis, stream, "api-2").forward()
    assert kinds(await told(stream)) == ["room.started", "room.ended"]
    assert await stream.cursor(LECTURE) == -1
    assert await stream.followed() == {}


async def test_a_lecture_that_came_and_went_between_two_looks_is_told(
    live: LiveRoomWorld, stream: FeedStream
) -> None:
    epoch = await live.start()
    _ = await live.questions.ask(ROOM, "bo@example.org", "Bo", "why?", None)
    _ = await live.rooms.end(ROOM, epoch, "presenter")
    await live.raw.delete(keys.DUE)
    forwarder = Forwarder(live.redis, stream, "api-1")
    await asyncio.gather(forwarder.bring(ROOM), forwarder.forward(), forwarder.bring(ROOM))
    assert kinds(await told(stream)) == ["room.started", "question.asked", "room.ended"]


async def test_a_second_lecture_of_the_same_code_is_another_source(
    live: LiveRoomWorld, stream: FeedStream
) -> None:
    epoch = await live.start()
    forwarder = Forwarder(live.redis, stream, "api-1")
    await forwarder.forward()
    _ = await live.rooms.end(ROOM, epoch, "presenter")
    await forwarder.forward()
    other = LectureId("b" * 32)
    _ = await live.rooms.claim(
        ROOM, other, EMAIL, "api/2", 6, seen=(0, None), relay=NodeId("relay-1")
    )
    await forwarder.forward()
    events = await told(stream)
    assert kinds(events) == ["room.started", "room.ended", "room.started"]
    assert events[-1]["source"] == f"/lectures/{other}"


async def test_a_room_whose_keys_are_deleted_is_not_followed_for_ever(
    live: LiveRoomWorld, stream: FeedStream
) -> None:
    await live.start()
    forwarder = Forwarder(live.redis, stream, "api-1")
    await forwarder.forward()
    await live.raw.delete(keys.room(ROOM), keys.events(ROOM), keys.DUE)
    await forwarder.forward()
    assert await stream.followed() == {}


async def test_everything_of_the_feed_has_an_end(live: LiveRoomWorld, stream: FeedStream) -> None:
    await live.start()
    await Forwarder(live.redis, stream, "api-1").forward()
    async for key in live.raw.scan_iter("{feed}*"):
        assert await live.raw.ttl(key) > 0


async def test_who_comes_and_goes_is_told_once_each(
    live: LiveRoomWorld, stream: FeedStream, clock: ManualClock
) -> None:  # L30: user_connection, user_disconnection
    epoch = await live.start()
    announcer = Announcer(stream, clock)
    member = {"id": "m1", "name": "Bo", "kind": "STUDENT", "role": "student"}
    announcer.came(ROOM, "tab-1", member)
    announcer.came(ROOM, "tab-1", member)  # its /lecture socket, after its offer
    announcer.came(ROOM, "tab-2", member)
    await announcer.open()
    await eventually(lambda: told(stream), 2)
    _ = await live.rooms.end(ROOM, epoch, "presenter")
    announcer.went(ROOM, "tab-1")
    announcer.went(ROOM, "tab-1")
    announcer.went(ROOM, "another")
    await announcer.close()
    events = await told(stream)
    assert kinds(events) == ["member.joined", "member.joined", "member.left"]
    assert {event["source"] for event in events} == {f"/lectures/{LECTURE}/members"}
    assert events[0]["data"] == member


async def test_comings_wait_while_redis_is_away(
    redis_server: RedisServer, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.feed.announcer.RETRY_SECONDS", 0.1)
    redis = Redis(redis_server.url)
    await redis.open()
    raw = driver.Redis.from_url(redis_server.url)
    live, stream = LiveRoomWorld(redis, raw), FeedStream(redis)
    await live.start()
    announcer = Announcer(stream, clock)
    await announcer.open()
    redis_server.stop()
    announcer.came(ROOM, "tab-1", {"name": "Bo"})
    await asyncio.sleep(0.3)
    redis_server.start()
    await eventually(lambda: told(stream), 1)
    await announcer.close()
    await raw.aclose()
    await redis.close()


async def eventually(look: Callable[[], Awaitable[list[Any]]], count: int) -> None:
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(Unavailable):
                if len(await look()) >= count:
                    return
            await asyncio.sleep(0.05)
