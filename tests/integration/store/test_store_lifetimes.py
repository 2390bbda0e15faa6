"""Every write of a room refreshes the lifetime of all its keys, in the same script."""

from collections.abc import Awaitable, Callable

import pytest

from app.core.ids import NodeId
from app.questions.model import Caller
from app.rooms.streams import StreamStore
from app.whiteboard.model import Author, Board, Delete, Drawing, Put
from tests.integration.store.live_room import EMAIL, ROOM, LiveRoomWorld

R1 = NodeId("relay-1")
ADA = Caller("presenter", EMAIL, "Ada", 1)
SAM = Caller("student", "sam", "Sam")
DAY = 86_400

WRITES: dict[str, Callable[[LiveRoomWorld], Awaitable[object]]] = {
    "ask": lambda live: live.questions.ask(ROOM, "sam", "Sam", "why?", "c2"),
    "upvote": lambda live: live.questions.upvote(ROOM, SAM, live.asked),
    "answer": lambda live: live.questions.answer(ROOM, ADA, live.asked, "because"),
    "hide": lambda live: live.questions.hide(ROOM, ADA, live.asked),
    "claim": lambda live: live.questions.claim(ROOM, ADA, live.asked),
    "appoint": lambda live: live.questions.appoint(ROOM, ADA, "eve@example.org"),
    "moderate": lambda live: live.questions.moderate(ROOM, ADA, on=True),
    "pending": lambda live: live.questions.pending(ROOM),
    "edit": lambda live: live.boards.edit(ROOM, 1, Board(b"x")),
    "draw": lambda live: live.boards.draw(ROOM, Author(EMAIL, 1), "2", [Delete("a", 2)]),
    "drawing": lambda live: live.boards.set_drawing(ROOM, 1, Drawing("everyone")),
    "page": lambda live: live.boards.set_page(ROOM, 1, 2),
    "init_board": lambda live: live.boards.begin(ROOM, 1, Board(b"x")),
    "renew": lambda live: live.rooms.renew(ROOM, "api/1", 1, 6),
    "release": lambda live: live.rooms.release(ROOM, "api/1", 1, 300),
    "try_claim": lambda live: live.rooms.try_claim(ROOM, EMAIL, "api/1", 6),
    "listeners": lambda live: live.rooms.set_listeners(ROOM, R1, 3, 20),
    "sources": lambda live: live.rooms.set_sources(ROOM, 1, {"camera": True}),
    "data": lambda live: StreamStore(live.rooms.redis).say(ROOM, 1, "", b"1"),
    "attributes": lambda live: StreamStore(live.rooms.redis).describe(ROOM, 1, "", b"{}"),
    "media_moved": lambda live: live.rooms.media_moved(ROOM, R1),
    "place": lambda live: live.rooms.place(ROOM, R1, NodeId("relay-2")),
    "snapshot": lambda live: live.rooms.snapshot(ROOM, questions=True),
}


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_refreshes_all(live: LiveRoomWorld, write: str) -> None:  # X6, B0, P10
    await live.start()
    live.asked = await live.questions.ask(ROOM, "sam", "Sam", "first", "c1")
    element = Put("a", 1, 1, 0, b'{"id":"a"}')
    await live.boards.draw(ROOM, Author(EMAIL, 1), "1", [element, Delete("b", 1)])
    for key in await live.raw.keys("*{004217}*"):
        await live.raw.expire(key, 60)
    await WRITES[write](live)
    lifetimes = {key: await live.raw.ttl(key) for key in await live.raw.keys("*{004217}*")}
    assert len(lifetimes) >= 6
    assert all(DAY - 100 < seconds <= DAY for seconds in lifetimes.values()), lifetimes


async def test_solving_refreshes_all(live: LiveRoomWorld) -> None:
    await live.start()
    question = await live.questions.ask(ROOM, "sam", "Sam", "why?", None)
    for key in await live.raw.keys("*{004217}*"):
        await live.raw.expire(key, 60)
    await live.questions.solve(ROOM, 1, question)
    lifetimes = [await live.raw.ttl(key) for key in await live.raw.keys("*{004217}*")]
    assert min(lifetimes) > DAY - 100


async def test_the_first_question_has_a_lifetime(live: LiveRoomWorld) -> None:
    await live.start()
    await live.questions.ask(ROOM, "sam", "Sam", "why?", "c1")
    assert all([await live.raw.ttl(key) > 0 for key in await live.raw.keys("*")])
