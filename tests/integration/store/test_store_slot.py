"""The slot's scripts alone, raced: one winner each, and nothing on a room that is not there."""

import asyncio

import pytest

from app.core.errors import Ended, Forbidden, NotStarted, StalePresenter
from app.core.ids import Email, LectureId, NodeId
from app.rooms.model import EndedRoom, iso
from app.rooms.store import Claim
from tests.integration.store.live_room import EMAIL, ROOM, LiveRoomWorld

LECTURE = LectureId("a" * 32)
R1, R2 = NodeId("relay-1"), NodeId("relay-2")
KEY = "room:{004217}"


async def claim(
    live: LiveRoomWorld, holder: str, seen: tuple[int, NodeId | None], relay: NodeId = R1
) -> Claim | None:
    return await live.rooms.claim(ROOM, LECTURE, EMAIL, holder, 6, seen=seen, relay=relay)


async def test_of_first_claims_at_once_one_makes_the_room(live: LiveRoomWorld) -> None:
    claims = await asyncio.gather(*(claim(live, f"api/{n}", (0, None)) for n in range(10)))
    won = [made for made in claims if made is not None]
    assert [(made.first, made.epoch) for made in won] == [(True, 1)]
    winner = next(n for n, made in enumerate(claims) if made is not None)
    assert await live.raw.hget(KEY, "holder") == f"api/{winner}".encode()


async def test_of_later_claims_at_once_one_gets_the_next_epoch(live: LiveRoomWorld) -> None:
    await live.start()
    claims = await asyncio.gather(*(claim(live, f"api/{n}", (1, R1)) for n in range(10)))
    assert sorted(made.epoch for made in claims if made is not None) == [2]
    assert await claim(live, "api/x", (2, R2)) is None  # it saw another relay
    assert await claim(live, "api/x", (0, None)) is None  # it saw no room
    assert await live.raw.hget(KEY, "epoch") == b"2"


async def test_a_live_slot_that_is_taken_is_said_and_one_taken_anew_or_free_is_not(
    live: LiveRoomWorld,
) -> None:
    await live.start()
    assert await claim(live, "api/1", (1, R1))  # its holder's own new offer
    assert await live.event_kinds() == []
    assert await claim(live, "api/2", (2, R1))
    assert await live.event_kinds() == [b"displaced"]
    assert await live.rooms.release(ROOM, "api/2", 3, 300)
    assert await claim(live, "api/3", (3, R1))
    assert await live.event_kinds() == [b"displaced", b"presenter_away", b"presenter_back"]


async def test_another_lecture_or_account_cannot_claim_a_held_room(live: LiveRoomWorld) -> None:
    await live.start()
    for lecture, email in ((LectureId("b" * 32), EMAIL), (LECTURE, Email("eve@example.org"))):
        with pytest.raises(Forbidden):
            await live.rooms.claim(ROOM, lecture, email, "api/x", 6, seen=(1, R1), relay=R1)
    with pytest.raises(Forbidden):
        await live.rooms.try_claim(ROOM, Email("eve@example.org"), "api/x", 6)
    assert await live.raw.hget(KEY, "epoch") == b"1"


async def test_of_many_who_try_for_a_free_slot_one_gets_it(live: LiveRoomWorld) -> None:
    await live.start()
    assert await live.rooms.try_claim(ROOM, EMAIL, "api/2", 6) is None
    assert await live.rooms.release(ROOM, "api/1", 1, 300)
    tries = await asyncio.gather(
        *(live.rooms.try_claim(ROOM, EMAIL, f"api/{n}", 6) for n in range(2, 12))
    )
    assert [epoch for epoch in tries if epoch is not None] == [2]


async def test_release_and_renewal_are_fenced_by_holder_and_epoch(live: LiveRoomWorld) -> None:
    await live.start()  # X7
    for holder, epoch in (("api/2", 1), ("api/1", 2), ("", 1)):
        assert not await live.rooms.release(ROOM, holder, epoch, 300)
        assert not await live.rooms.renew(ROOM, holder, epoch, 6)
    assert await live.rooms.renew(ROOM, "api/1", 1, 6)
    released = await asyncio.gather(*(live.rooms.release(ROOM, "api/1", 1, 300) for _ in range(5)))
    assert sorted(released) == [False] * 4 + [True]
    assert not await live.rooms.renew(ROOM, "api/1", 1, 6)  # a renewal under way comes too late
    assert await live.event_kinds() == [b"presenter_away"]


async def test_of_many_ends_at_once_one_finishes(live: LiveRoomWorld) -> None:
    epoch = await live.start()
    with pytest.raises(StalePresenter):
        await live.rooms.end(ROOM, epoch + 1, "presenter")
    ends = await asyncio.gather(*(live.rooms.end(ROOM, epoch, "presenter") for _ in range(10)))
    assert [end for end in ends if end is not None] == [EndedRoom(LECTURE, R1, EMAIL)]
    assert await live.event_kinds() == [b"ended"]


async def test_a_room_is_placed_and_moved_once(live: LiveRoomWorld) -> None:
    await live.start()
    moved = await asyncio.gather(*(live.rooms.media_moved(ROOM, R1) for _ in range(5)))
    assert sorted(moved) == [False] * 4 + [True]
    placed = await asyncio.gather(
        *(live.rooms.place(ROOM, None, NodeId(f"relay-{n}")) for n in range(2, 7))
    )
    assert len(set(placed)) == 1
    assert not await live.rooms.media_moved(ROOM, R1)
    assert await live.event_kinds() == [b"media_moved"]


async def test_no_script_makes_or_revives_a_room(live: LiveRoomWorld) -> None:
    async def all_refuse(error: type[Exception]) -> None:
        for write in (
            lambda: live.rooms.try_claim(ROOM, EMAIL, "api/1", 6),
            lambda: live.rooms.place(ROOM, None, R1),
            lambda: live.rooms.set_sources(ROOM, 1, {"camera": True}),
            lambda: live.rooms.snapshot(ROOM, questions=True),
        ):
            with pytest.raises(error):
                await write()
        assert not await live.rooms.renew(ROOM, "api/1", 1, 6)
        assert not await live.rooms.release(ROOM, "api/1", 1, 300)
        assert not await live.rooms.media_moved(ROOM, R1)
        assert await live.rooms.set_listeners(ROOM, NodeId("api"), 3, 20) == 0

    await all_refuse(NotStarted)
    assert await live.raw.keys("*") == [b"clock:correction"]
    with pytest.raises(NotStarted):
        await live.rooms.end(ROOM, None, "service")

    await live.start()
    await live.rooms.end(ROOM, 1, "presenter")
    left = set(await live.raw.keys("*"))
    await all_refuse(Ended)
    with pytest.raises(Ended):
        await claim(live, "api/1", (0, None))
    assert await live.rooms.end(ROOM, None, "service") is None
    assert set(await live.raw.keys("*")) == left


async def test_counts_of_dead_processes_run_out(live: LiveRoomWorld) -> None:
    await live.start()
    assert await live.rooms.set_listeners(ROOM, NodeId("api-1"), 3, 0.001) == 3
    async with asyncio.timeout(5):
        while await live.rooms.set_listeners(ROOM, NodeId("api-2"), 2, 20) != 2:
            await asyncio.sleep(0.005)
    assert await live.rooms.set_listeners(ROOM, NodeId("api-2"), 0, 20) == 0
    assert not await live.raw.exists("room:{004217}:listeners")


async def test_a_moment_in_lua_is_the_moment_in_python(live: LiveRoomWorld) -> None:
    await live.start()
    assert await live.rooms.release(ROOM, "api/1", 1, 300)
    room = await live.rooms.read(ROOM)
    assert room is not None
    assert room.deadline_ms is not None
    ((_, fields),) = await live.raw.xrange("room:{004217}:events")
    assert fields[b"data"].decode() == f'{{"deadline":"{iso(room.deadline_ms)}"}}'
