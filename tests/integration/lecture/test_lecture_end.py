"""The end of a lecture, and the clock work that leads to it: once, by anyone, retry safe."""

import asyncio

import pytest

from app.core.errors import Forbidden, NotFound, Unavailable
from app.core.ids import ConnectionId, RoomId
from tests.integration.lecture.live_world import OFFER, OTHER, OWNER, ROOM, STUDENT, World

TAB1, TAB2 = ConnectionId("tab1"), ConnectionId("tab2")
ROOM_KEY = f"room:{{{ROOM}}}"
LECTURE = "a" * 32
PAST = 1


async def both_sweep(world: World) -> None:
    await asyncio.gather(world.one.keeper.sweep(), world.two.keeper.sweep())


async def kinds(world: World) -> list[str]:
    return [kind for kind, _ in await world.events()]


async def test_the_presenter_ends_once_however_often_it_asks(world: World) -> None:  # B8
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    await asyncio.gather(*(world.one.lectures.end(seat) for _ in range(3)))
    await world.one.lectures.end(seat)

    assert await world.events() == [("ended", b'{"reason":"presenter"}')]
    assert world.catalogue.ends == [(LECTURE, None)]
    assert world.relay.closed_rooms == [ROOM]
    keys = sorted(key.decode() for key in await world.raw.keys("*") if b"node" not in key)
    keys.remove(f"user:{OWNER.email}")  # for ten minutes
    keys.remove("clock:correction")
    assert keys == [f"room:{{{ROOM}}}:events", "rooms:due"] or keys == [f"room:{{{ROOM}}}:events"]
    assert await world.raw.zrange("rooms:due", 0, -1) == []
    # A day at most: ten minutes once the archive has it.
    assert 0 < await world.raw.ttl(f"room:{{{ROOM}}}:events") <= 86_400


async def test_a_dead_process_lets_go_and_the_grace_runs_out(world: World) -> None:  # X5
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await world.force("lease", PAST)  # nobody renewed it: the process is dead

    await both_sweep(world)
    assert await kinds(world) == ["presenter_away"]
    assert (await world.raw.hget(ROOM_KEY, "status")) == b"AWAY"
    now, _ = await world.raw.time()
    deadline = int(await world.raw.hget(ROOM_KEY, "deadline")) / 1000
    assert 298 < deadline - now < 302

    await world.force("deadline", PAST)
    await both_sweep(world)
    await both_sweep(world)
    assert await kinds(world) == ["presenter_away", "ended"]
    assert (await world.events())[1] == ("ended", b'{"reason":"grace"}')
    assert world.catalogue.ends == [(LECTURE, None)]


async def test_a_return_in_the_last_second_of_the_grace_resumes(world: World) -> None:  # B7
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    await world.one.lectures.lost(seat)
    seconds, _ = await world.raw.time()
    await world.force("deadline", (seconds + 1) * 1000)
    await both_sweep(world)

    back = await world.two.lectures.start(OWNER, TAB2, ROOM, OFFER)
    assert back.returned is not None
    await both_sweep(world)
    assert (await world.raw.hget(ROOM_KEY, "status")) == b"LIVE"
    assert world.catalogue.ends == []


async def test_renewals_keep_the_slot_and_a_paused_process_takes_it_up_again(world: World) -> None:
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await world.one.keeper.renew()
    await both_sweep(world)
    assert await kinds(world) == []

    await world.force("lease", PAST)
    await world.two.keeper.sweep()
    await world.one.keeper.renew()
    assert await kinds(world) == ["presenter_away", "presenter_back"]
    assert (await world.raw.hget(ROOM_KEY, "epoch")) == b"1"

    await world.two.lectures.start(OWNER, TAB2, ROOM, OFFER)
    await world.one.keeper.renew()
    assert world.one.presence.held() == []


async def test_an_end_whose_process_died_is_finished_by_another(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    ended = await world.one.rooms.end(ROOM, seat.epoch, "presenter")
    assert ended is not None  # and here the process dies, before it told anyone

    await world.force_due()
    await both_sweep(world)
    assert world.catalogue.ends == []  # whoever ended it has ten seconds
    log = f"room:{{{ROOM}}}:events"
    (entry, fields), *_ = await world.raw.xrange(log)
    await world.raw.delete(log)
    await world.raw.xadd(log, {**fields, b"at": b"1"}, entry)
    await world.force_due()
    await world.two.keeper.sweep()

    assert world.catalogue.ends == [(LECTURE, None)]
    assert world.relay.closed_rooms == [ROOM]
    assert await world.raw.zrange("rooms:due", 0, -1) == []


async def test_an_end_while_sql_is_away_is_noted_later(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    world.catalogue.failing = Unavailable("SQL is away")
    await world.one.lectures.end(seat)
    assert await kinds(world) == ["ended"]
    assert await world.raw.zrange("rooms:due", 0, -1) == [ROOM.encode()]


async def test_a_lost_due_entry_comes_back(world: World) -> None:
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await world.raw.delete("rooms:due")
    await world.one.keeper.renew()
    assert await world.raw.zrange("rooms:due", 0, -1) == [ROOM.encode()]

    await world.raw.delete("rooms:due")
    for _ in range(30):
        await world.one.keeper.sweep()
    assert await world.raw.zrange("rooms:due", 0, -1) == [ROOM.encode()]


async def test_rest_ends_a_lecture_live_or_not(world: World) -> None:
    with pytest.raises(Forbidden):
        await world.one.lectures.end_by_owner(OTHER.email, ROOM)
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER)
    with pytest.raises(Forbidden):
        await world.one.lectures.end_by_owner(OTHER.email, ROOM)
    await world.two.lectures.end_by_service(ROOM, "a.ogg")
    assert await kinds(world) == ["ended"]
    await world.two.lectures.end_by_service(ROOM, "b.ogg")  # the recording comes after the end
    assert world.catalogue.ends == [(LECTURE, "a.ogg"), (LECTURE, "b.ogg")]
    with pytest.raises(NotFound):
        await world.two.lectures.end_by_owner(OWNER.email, ROOM)
    with pytest.raises(NotFound):
        await world.two.lectures.end_by_service(RoomId("123456"), None)


async def test_an_owner_ends_a_lecture_that_never_started(world: World) -> None:
    await world.one.lectures.end_by_owner(OWNER.email, ROOM)
    assert world.catalogue.ends == [(LECTURE, None)]


async def test_everything_expires(world: World) -> None:  # X6, B0, P10
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    await world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER)
    asked = await world.one.questions.ask(ROOM, "sam", "Sam", "why?", "c1")
    await world.one.questions.solve(ROOM, seat.epoch, asked)
    world.one.lectures.present(ROOM, TAB2)
    await world.one.keeper.publish_listeners()
    await world.one.keeper.sweep()
    keys = await world.raw.keys("*")
    parts = ("", ":asked", ":budgets", ":events", ":facts", ":listeners", ":roster", ":votes")
    wanted = {f"room:{{004217}}{part}".encode() for part in parts} | {b"question:{004217}"}
    people = {b"user:ada@example.org", b"user:sam@example.org"}
    assert wanted | people | {b"rooms:due", b"nodes:relay"} <= set(keys), keys
    lifetimes = {key: await world.raw.ttl(key) for key in keys}
    assert all(0 < seconds <= 86400 for seconds in lifetimes.values()), lifetimes

    room_keys = [key for key in keys if b"{004217}" in key]
    assert wanted <= set(room_keys)
    for key in room_keys:  # row 23: a lifetime that was forced low
        await world.raw.expire(key, 5)
    await world.one.keeper.renew()
    assert all([await world.raw.ttl(key) > 86000 for key in room_keys])

    await world.one.lectures.end(seat)
    left = {key: await world.raw.ttl(key) for key in await world.raw.keys("*")}
    assert all(0 < seconds <= 86400 for seconds in left.values()), left
    assert not await world.raw.exists(ROOM_KEY)


async def test_after_an_outage_holders_renew_before_anyone_is_away(world: World) -> None:  # P12
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await both_sweep(world)
    await world.force("lease", PAST)  # Redis was away for ten seconds: nobody could renew
    world.one.clock.advance(10)
    await world.one.keeper.sweep()
    await world.one.keeper.renew()
    world.one.clock.advance(2.9)
    await world.one.keeper.sweep()
    assert await kinds(world) == []

    await world.force("lease", PAST)  # and if the holder is gone, it is noticed a moment later
    for _ in range(2):
        world.one.clock.advance(1)
        await world.one.keeper.sweep()
    assert await kinds(world) == ["presenter_away"]
