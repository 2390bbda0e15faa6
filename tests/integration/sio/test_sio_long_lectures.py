"""What only a long or a busy lecture meets: a log that is full, a member of more than a day."""

import json

import pytest

from app.core.ids import RoomId
from app.lecture.model import LectureConfig
from app.store import keys
from app.whiteboard.model import Author, Put
from app.whiteboard.store import RedisBoardStore
from tests.integration.sio.conftest import OWNER, STUDENT, Client, Stack
from tests.integration.sio.test_sio_elements import element, new_student, put, viewed

ENTER, LECTURE = "/enter-room", "/lecture"
LOG_BYTES = 64 << 20
STROKE_BYTES = 60_000


@pytest.fixture
def lecture_config() -> LectureConfig:
    """A presenter who is away for as long as the log takes to fill on a slow machine."""
    return LectureConfig(grace_seconds=300.0, lease_seconds=2.0)


async def come_back(stack: Stack, room: str, cursor: int) -> Client:
    client, token = stack.client(), stack.token(STUDENT)
    await client.join(ENTER, token, roomId=room)
    await client.join(LECTURE, token, roomId=room, cursor=cursor)
    await client.event("state")
    return client


async def test_a_log_beyond_64_mib_lets_its_oldest_go_and_a_return_gets_a_snapshot(
    stack: Stack,
) -> None:
    room = await stack.room()
    presenter = await stack.presenter(room)
    student = await new_student(stack, room)
    await put(presenter, room, "first", element("a"))
    cursor = (await student.event("drawn"))["seq"]
    await student.drop()
    await presenter.drop()  # who would be sent all of it
    boards, author = RedisBoardStore(stack.redis), Author(OWNER, 1)
    text = "x" * STROKE_BYTES
    written, version = 0, 1
    while written < LOG_BYTES + (10 << 20):
        version += 1
        strokes = [
            element(f"e{n}", version, text=text) for n in range(8)
        ]  # as much as a client may draw at once
        ops = [Put(s["id"], version, 5, 0, json.dumps(s).encode()) for s in strokes]
        drawn = await boards.draw(RoomId(room), author, f"d{version}", ops)
        written += sum(len(op.text) for op in ops)
    (kept,) = await stack.redis.fields(keys.room(RoomId(room)), "logFirst")
    assert int(kept or 0) > cursor + 1
    back = await come_back(stack, room, cursor)
    state = await back.event("state")
    assert (state["resumed"], state["board"]["hash"]) == (False, drawn.hash)
    first = await back.event("snapshot")
    await back.until(lambda: len(back.all("snapshot")) == first["parts"])
    assert back.all("drawn") == []
    assert viewed(back).hash() == drawn.hash


async def test_who_is_connected_for_a_day_is_known_when_it_comes_back(stack: Stack) -> None:
    room = await stack.room()
    await stack.presenter(room)
    student = await new_student(stack, room)
    user = keys.user(STUDENT)
    assert await stack.redis.lengthen(user, 30)  # all but the last half minute of a day is over
    await stack.server.keep_members()
    left = await stack.redis._connections.raw("TTL", user)
    assert left > keys.TTL_SECONDS - 60
    await student.drop()
    back = await come_back(stack, room, 0)
    assert (await back.event("state"))["roomId"] == room
    assert not await stack.redis.lengthen(keys.user("nobody@example.org"), 30)
