"""A return with a cursor: what was missed, in order, once, from any process; else a snapshot."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio as driver

from app.lecture.model import LectureConfig
from app.store.sql import Sql
from app.transport.sio.config import SioConfig
from tests.integration.sio.conftest import OWNER, STRANGER, STUDENT, Client, Stack, running
from tests.integration.sio.test_sio_elements import element, new_student, put, viewed

ENTER, CREATE, LECTURE = "/enter-room", "/create-room", "/lecture"
NUMBERED = {"drawn", "asked", "solved", "page", "drawing", "sources", "update", "presenter_away",
            "presenter_back", "listeners", "media_moved"}  # fmt: skip


@pytest.fixture
async def other(
    redis_url: str, sql: Sql, sio_config: SioConfig, lecture_config: LectureConfig
) -> AsyncIterator[Stack]:
    async with running(redis_url, sql, "api-two", sio_config, lecture_config) as other:
        yield other


def heard(client: Client) -> list[int]:
    return [data["seq"] for _, name, data in client.got if name in NUMBERED]


async def back_to(stack: Stack, email: str, room: str, cursor: int, entry: str = ENTER) -> Client:
    """A page that lost its connection comes back by itself: no offer, its cursor."""
    client, token = stack.client(), stack.token(email)
    await client.join(entry, token, roomId=room)
    await client.join(LECTURE, token, roomId=room, cursor=cursor)
    await client.event("state")
    return client


async def fresh(stack: Stack, room: str) -> int:
    """Return the room's number now."""
    (seq,) = await stack.redis.fields(f"room:{{{room}}}", "seq")
    return int(seq or 0)


async def test_a_return_to_another_process_misses_nothing(
    stack: Stack, other: Stack
) -> None:  # L25, O23, X5
    room = await stack.room()
    presenter = await stack.presenter(room)
    student = await new_student(stack, room)
    await put(presenter, room, "1", element("a"))
    cursor = (await student.event("drawn"))["seq"]
    await student.drop()
    for number in range(250):
        await put(presenter, room, f"x{number}", element(f"e{number % 9}", number + 1, number))
        if number % 100 == 0:
            await asyncio.sleep(0.7)  # within the client's budget
    await presenter.ask(LECTURE, "page", {"roomId": room, "page": 4})
    back = await back_to(other, STUDENT, room, cursor)
    state = await back.event("state")
    assert (state["resumed"], state["seq"]) == (True, cursor)
    await put(presenter, room, "last", element("z"))
    await back.until(lambda: "z" in str(back.all("drawn")[-1:]))
    numbers = heard(back)
    assert numbers == list(range(cursor + 1, numbers[-1] + 1))
    assert back.all("snapshot") == back.all("update") == []
    student.got += back.got
    assert viewed(student).differed == 0
    assert viewed(student).elements["z"]["version"] == 1


async def test_returns_while_events_come_get_each_once(stack: Stack, other: Stack) -> None:
    """The replay and the subscription race with new events, many times over."""
    room = await stack.room()
    presenter = await stack.presenter(room)
    first = await new_student(stack, room)
    await put(presenter, room, "0", element("a"))
    cursor = (await first.event("drawn"))["seq"]
    done = asyncio.Event()

    async def draw_on() -> None:
        number = 0
        while not done.is_set():
            number += 1
            await put(presenter, room, f"n{number}", element("a", number + 1))
            await asyncio.sleep(0.008)

    drawing = asyncio.ensure_future(draw_on())
    returned = []
    try:
        for turn in range(12):
            client = await back_to((stack, other)[turn % 2], STUDENT, room, cursor)
            returned.append(client)
    finally:
        await asyncio.sleep(0.2)
        done.set()
        await drawing
    end = await fresh(stack, room)
    for client in [*returned, first]:
        # The listeners are counted once a second by each process: more may come after ``end``.
        await client.until(lambda c=client: heard(c)[-1:] >= [end])
    for client in returned:
        assert heard(client) == list(range(cursor + 1, heard(client)[-1] + 1))


async def test_a_cursor_before_the_log_gets_one_snapshot(stack: Stack, redis_url: str) -> None:
    room = await stack.room()
    presenter = await stack.presenter(room)
    for number in range(20):
        await put(presenter, room, f"{number}", element(f"e{number}"))
    student = await new_student(stack, room)
    cursor = 3
    raw = driver.Redis.from_url(redis_url)
    await raw.xtrim(f"room:{{{room}}}:events", maxlen=5, approximate=False)
    await raw.aclose()
    await student.drop()
    back = await back_to(stack, STUDENT, room, cursor)
    state = await back.event("state")
    await back.event("snapshot")
    assert state["resumed"] is False
    assert len(back.all("snapshot")) == 1
    assert back.all("drawn") == []
    assert viewed(back).hash() == state["board"]["hash"]
    last = await put(presenter, room, "after", element("after"))
    await back.event("drawn")
    assert viewed(back).hash() == last["hash"]


async def test_a_cursor_of_the_future_gets_a_snapshot(stack: Stack) -> None:
    room = await stack.room()
    presenter = await stack.presenter(room)
    await put(presenter, room, "1", element("a"))
    await (await new_student(stack, room)).drop()
    back = await back_to(stack, STUDENT, room, 10_000)
    assert (await back.event("state"))["resumed"] is False
    assert viewed(back).elements or await back.event("snapshot")


async def test_one_that_missed_nothing_is_sent_nothing(stack: Stack) -> None:
    room = await stack.room()
    presenter, student = await stack.presenter(room), await new_student(stack, room)
    await student.drop()
    cursor = await fresh(stack, room)
    back = await back_to(stack, STUDENT, room, cursor)
    await presenter.ask(LECTURE, "page", {"roomId": room, "page": 1})
    await back.event("page")
    assert [name for space, name, _ in back.got if space == LECTURE][:1] == ["state"]
    assert heard(back) == list(range(cursor + 1, heard(back)[-1] + 1))


async def test_a_presenter_hears_the_questions_it_missed_once(stack: Stack, other: Stack) -> None:
    room = await stack.room()
    presenter, student = await stack.presenter(room), await new_student(stack, room)
    cursor = await fresh(stack, room)
    await presenter.drop()
    first = await student.ask(LECTURE, "ask", {"roomId": room, "content": "One?"})
    await student.ask(LECTURE, "ask", {"roomId": room, "content": "Two?"})
    back = await back_to(other, OWNER, room, cursor, CREATE)
    await back.until(lambda: len(back.all("asked")) >= 2)
    assert [asked["content"] for asked in back.all("asked")] == ["One?", "Two?"]
    assert back.all("asked")[0]["questionId"] == first["questionId"]


async def test_a_dead_subscription_costs_five_seconds_at_most_and_nothing_else(
    stack: Stack, other: Stack, redis_url: str
) -> None:  # fault row 18
    room = await stack.room()
    presenter, student = await stack.presenter(room), await new_student(other, room)
    await put(presenter, room, "0", element("a"))
    await student.event("drawn")
    raw = driver.Redis.from_url(redis_url)
    await raw.client_kill_filter(_type="pubsub")
    await raw.aclose()
    for number in range(5):
        last = await put(presenter, room, f"deaf{number}", element("a", number + 2))
    await student.until(lambda: viewed(student).hash() == last["hash"], 5)
    numbers = heard(student)
    assert numbers == sorted(set(numbers))


async def test_two_tabs_of_one_account_have_a_cursor_each(stack: Stack) -> None:  # X13
    room = await stack.room()
    presenter = await stack.presenter(room)
    await new_student(stack, room)
    start = await fresh(stack, room)
    for number in range(4):
        await put(presenter, room, f"{number}", element("a", number + 1))
    one = await back_to(stack, STUDENT, room, start)
    two = await back_to(stack, STUDENT, room, start + 3)
    await put(presenter, room, "last", element("b"))
    end = await fresh(stack, room)
    for client, cursor in ((one, start), (two, start + 3)):
        await client.until(lambda c=client: heard(c)[-1:] >= [end])
        numbers = [n for n in heard(client) if n <= end]
        assert numbers == list(range(cursor + 1, end + 1))


async def test_a_late_goodbye_of_the_old_tab_changes_nothing(stack: Stack) -> None:  # X7
    room = await stack.room()
    old = await stack.presenter(room)
    await put(old, room, "1", element("a"))
    new = await stack.presenter(room)  # takes the slot with the next epoch
    await old.drop()
    answer: Any = await put(new, room, "2", element("b"))
    assert answer["ok"]
    assert new.all("presenter_away") == []


async def test_a_process_that_ends_sends_its_members_on_without_loss(
    stack: Stack, other: Stack
) -> None:  # X5, P13
    room = await stack.room()
    presenter = await other.presenter(room)
    student = await new_student(stack, room)
    await put(presenter, room, "1", element("a"))
    cursor = (await student.event("drawn"))["seq"]
    await stack.server.close()
    with contextlib.suppress(TimeoutError):
        await student.until(lambda: not student.sio.connected)
    await put(presenter, room, "2", element("b"))
    back = await back_to(other, STUDENT, room, cursor)
    await back.event("drawn")
    assert heard(back)[:1] == [cursor + 1]
    assert STRANGER not in str(back.got)
