"""Webhooks against a real receiver: signed, retried, in order, taken over, ended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from app.auth.sealing import Sealer
from app.core.clock import SystemClock
from app.core.errors import BadRequest, Conflict, NotFound
from app.core.ids import LectureId, RoomId
from app.feed import courier, webhooks
from app.feed.door import Door, check_url
from app.feed.hooks import MAX_HOOKS, Hooks
from app.feed.model import FeedEvent, Logged, room_event
from app.feed.stream import FeedStream
from app.feed.webhooks import Webhooks
from app.store.sql import Sql
from tests.integration.feed.receiver import Receiver, is_signed
from tests.integration.store.live_room import LiveRoomWorld

ANY: frozenset[str] = frozenset()
SERVICE = "5" * 32
THEIRS, OTHERS = LectureId("a" * 32), LectureId("b" * 32)


def event(number: int, lecture: LectureId = THEIRS, kind: str = "solved") -> FeedEvent:
    found = room_event(
        RoomId("004217"), lecture, Logged(number, 1_700_000_000_000, kind, {"number": number})
    )
    assert found is not None
    return found


async def owner_of(source: str) -> str | None:
    return SERVICE if source.endswith(THEIRS) else None


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.open()
    yield made
    await made.close()


MakeProcess = Callable[[str], Awaitable[Webhooks]]


@pytest.fixture
async def process(
    live: LiveRoomWorld, stream: FeedStream, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MakeProcess]:
    monkeypatch.setattr(webhooks, "ROUND_SECONDS", 0.1)
    monkeypatch.setattr(courier, "PAUSE_SECONDS", 0.02)
    monkeypatch.setattr("app.feed.retries.FIRST_SECONDS", 0.05)
    sql = Sql(sqlite_url)
    await sql.open()
    made: list[Webhooks] = []

    async def start(name: str) -> Webhooks:
        clock = SystemClock()
        sealer = Sealer("a server's secret of thirty-two bytes", "webhooks")
        hooks = Hooks(sql, sealer, clock, lambda address: check_url(address, private=True))
        door = Door(private=True)
        one = Webhooks(live.redis, hooks, stream, door, clock, owner_of, name)
        await one.open()
        made.append(one)
        return one

    yield start
    for one in made:
        await one.close()
    await sql.close()


async def test_an_event_arrives_signed_and_as_a_cloud_event(
    process: MakeProcess, stream: FeedStream, receiver: Receiver
) -> None:
    hook = await (await process("api-1")).create(None, receiver.url, ANY)
    await stream.add([event(1)])
    (call,) = await receiver.until(1)
    assert hook.secret is not None
    assert is_signed(call, hook.secret)
    assert not is_signed(call, "whsec_" + "A" * 44)
    assert call.headers["content-type"] == "application/cloudevents+json"
    assert call.headers["webhook-id"] == call.event["id"] == f"{THEIRS}:1"
    assert call.event["specversion"] == "1.0"
    assert call.event["type"] == "lectern.question.solved"
    assert call.event["data"] == {"number": 1}


async def test_a_refused_event_comes_again_before_the_later_ones_of_its_lecture(
    process: MakeProcess, stream: FeedStream, receiver: Receiver
) -> None:
    fails = {f"{THEIRS}:1": 3}

    def answer(call: object) -> int:
        unique = receiver_id(call)
        fails[unique] = fails.get(unique, 0) - 1
        return 500 if fails[unique] >= 0 else 200

    receiver.answer = answer
    _ = await (await process("api-1")).create(None, receiver.url, ANY)
    await stream.add([event(1), event(2), event(3), event(1, OTHERS)])
    calls = await receiver.until(7)
    ids = [call.event["id"] for call in calls]
    assert [one for one in ids if one.startswith(THEIRS)] == [
        *[f"{THEIRS}:1"] * 4,
        f"{THEIRS}:2",
        f"{THEIRS}:3",
    ]
    assert ids.index(f"{OTHERS}:1") < ids.index(f"{THEIRS}:2"), "another lecture waited"


def receiver_id(call: object) -> str:
    return str(getattr(call, "event")["id"])  # noqa: B009 the fixture's own type


async def test_a_service_hears_of_its_own_lectures_and_of_what_it_wants(
    process: MakeProcess, stream: FeedStream, receiver: Receiver
) -> None:
    types = frozenset({"lectern.question.solved"})
    _ = await (await process("api-1")).create(SERVICE, receiver.url, types)
    await stream.add([event(1, OTHERS), event(2, kind="ended"), event(3)])
    calls = await receiver.until(1)
    await asyncio.sleep(0.2)
    assert [call.event["id"] for call in calls] == [f"{THEIRS}:3"]


async def test_another_process_takes_over_what_was_not_acknowledged(
    process: MakeProcess, stream: FeedStream, receiver: Receiver
) -> None:
    receiver.answer = lambda call: 503
    first = await process("api-1")
    _ = await first.create(None, receiver.url, ANY)
    await stream.add([event(number) for number in range(1, 6)])
    _ = await receiver.until(2)
    await first.close()
    receiver.calls.clear()
    receiver.answer = lambda call: 200
    _ = await process("api-2")
    calls = await receiver.until(5)
    assert [call.event["id"] for call in calls] == [f"{THEIRS}:{n}" for n in range(1, 6)]


async def test_two_processes_call_once(
    process: MakeProcess, stream: FeedStream, receiver: Receiver
) -> None:
    first = await process("api-1")
    _ = await process("api-2")
    _ = await first.create(None, receiver.url, ANY)
    await stream.add([event(number) for number in range(1, 21)])
    calls = await receiver.until(20)
    await asyncio.sleep(0.3)
    assert [call.event["id"] for call in calls] == [f"{THEIRS}:{n}" for n in range(1, 21)]


async def test_a_receiver_that_comes_back_hears_what_it_missed(
    process: MakeProcess, stream: FeedStream, receiver: Receiver
) -> None:
    _ = await (await process("api-1")).create(None, receiver.url, ANY)
    await receiver.close()
    await stream.add([event(1), event(2)])
    await asyncio.sleep(0.3)
    await receiver.open()
    calls = await receiver.until(2)
    assert [call.event["id"] for call in calls] == [f"{THEIRS}:1", f"{THEIRS}:2"]


async def test_gone_means_gone(
    process: MakeProcess, stream: FeedStream, receiver: Receiver, live: LiveRoomWorld
) -> None:
    receiver.answer = lambda call: 410
    one = await process("api-1")
    hook = await one.create(None, receiver.url, ANY)
    await stream.add([event(1)])
    _ = await receiver.until(1)

    async with asyncio.timeout(10):
        while (await one.of(None))[0].ended_at is None:
            await asyncio.sleep(0.05)
    await stream.add([event(2)])
    await asyncio.sleep(0.3)
    assert len(receiver.calls) == 1
    assert (await one.of(None))[0].id == hook.id
    assert "410" in ((await one.of(None))[0].ended_why or "")


async def test_one_that_was_removed_is_not_called(
    process: MakeProcess, stream: FeedStream, receiver: Receiver, live: LiveRoomWorld
) -> None:
    one = await process("api-1")
    hook = await one.create(SERVICE, receiver.url, ANY)
    with pytest.raises(NotFound):
        await one.remove(None, hook.id)
    await one.remove(SERVICE, hook.id)
    await stream.add([event(1)])
    await asyncio.sleep(0.4)
    assert receiver.calls == []
    assert await live.raw.xinfo_groups("{feed}:events") == []


async def test_bounds_and_unknown_types(process: MakeProcess, receiver: Receiver) -> None:
    one = await process("api-1")
    with pytest.raises(BadRequest, match="no lectern"):
        await one.create(None, receiver.url, frozenset({"lectern.nonsense"}))
    for _ in range(MAX_HOOKS):
        await one.create(SERVICE, receiver.url, ANY)
    with pytest.raises(Conflict):
        await one.create(SERVICE, receiver.url, ANY)
    _ = await one.create(None, receiver.url, ANY)


async def test_private_addresses_are_not_connected_to(receiver: Receiver) -> None:
    door = Door(private=False)
    for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "0.0.0.0"):
        with pytest.raises(ConnectionError, match="private"):
            await door.post(f"http://{host}:{receiver.port}/", [], b"{}")
    await door.close()
    assert receiver.calls == []
