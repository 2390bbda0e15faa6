"""Participants: entering, coming back without an offer, leaving."""

import asyncio

import pytest

from app.auth.principal import Account, guest
from app.core.errors import Ended, NotFound, NotJoined, NotStarted, Unauthorized, Unavailable
from app.core.ids import ConnectionId, Email, RoomId
from app.lecture.model import Offer
from app.lecture.seat import AudienceSeat, PresenterSeat
from app.whiteboard.model import IDENTITY, Board
from tests.integration.lecture.live_world import OFFER, OWNER, ROOM, STUDENT, World

TAB1, TAB2, TAB3 = ConnectionId("tab1"), ConnectionId("tab2"), ConnectionId("tab3")
ROOM_KEY = f"room:{{{ROOM}}}"


async def test_a_late_joiner_gets_the_newest_board(world: World) -> None:  # B0, B4, X2
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    await world.one.boards.edit(ROOM, seat.epoch, Board(b"strokes", IDENTITY, 1.0, 800, 600))
    panned = (1.5, 0, 0, 1.5, 10, 20)
    await world.one.boards.edit(ROOM, seat.epoch, Board(b"", panned, 2.0, 801, 601))

    entered = await world.two.lectures.enter(STUDENT, TAB2, ROOM, OFFER)

    assert entered.board == Board(b"strokes", panned, 2.0, 801, 601)
    assert entered.presenter_present
    assert entered.start_time.encode() == await world.raw.hget(ROOM_KEY, "startTime")
    assert world.catalogue.attended == [("a" * 32, "sam@example.org")]
    assert await world.raw.hget("user:sam@example.org", "type") == b"STUDENT"
    node, command = world.relay.opened[-1]
    assert (node, command.role, command.peer) == ("relay-1", "participant", entered.peer)


async def test_a_joiner_before_the_first_board_gets_the_empty_one(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    who = guest("conn-1")
    entered = await world.one.lectures.enter(who, TAB2, ROOM, OFFER)
    assert entered.board == Board()
    assert entered.seat == AudienceSeat(ROOM, TAB2, "GUEST", "conn-1", who.name)
    assert await world.raw.hget("user:conn-1", "type") == b"GUEST"
    await world.one.lectures.lost(seat)
    again = await world.one.lectures.enter(STUDENT, TAB3, ROOM, OFFER)
    assert not again.presenter_present


async def test_a_room_that_is_not_live_refuses_with_its_reason(world: World) -> None:  # B4
    with pytest.raises(NotFound):
        await world.one.lectures.enter(STUDENT, TAB2, RoomId("123456"), OFFER)
    with pytest.raises(NotStarted):
        await world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER)
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    await world.one.lectures.end(seat)
    with pytest.raises(Ended):
        await world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER)
    assert len(world.relay.opened) == 1


async def test_an_entry_that_fails_after_the_relay_frees_its_peer(world: World) -> None:
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)

    async def away(*_: object) -> None:
        raise Unavailable("SQL is away")

    world.catalogue.attend = away
    with pytest.raises(Unavailable):
        await world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER)
    async with asyncio.timeout(5):
        while not world.relay.closed:
            await asyncio.sleep(0.01)
    assert world.relay.closed == [world.relay.opened[-1][1].peer]


async def test_an_expired_token_is_good_for_a_return_alone(world: World) -> None:  # row 27
    late = Account(STUDENT.email, "Sam", expired=True)
    owner = Account(OWNER.email, "Ada", expired=True)
    with pytest.raises(Unauthorized):
        await world.one.lectures.start(owner, TAB1, ROOM, OFFER)
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    for act in (
        lambda: world.one.lectures.enter(late, TAB2, ROOM, OFFER),
        lambda: world.one.lectures.resume(late, TAB2, ROOM),
    ):
        with pytest.raises(Unauthorized):
            await act()
    await world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER)
    await world.one.lectures.enter(late, TAB3, ROOM, OFFER)
    assert await world.one.lectures.resume(late, TAB2, None) == AudienceSeat(
        ROOM, TAB2, "STUDENT", STUDENT.email, "Sam"
    )
    back = await world.one.lectures.start(owner, TAB3, ROOM, OFFER)
    await world.one.lectures.end(back.seat)
    with pytest.raises(Unauthorized):
        await world.one.lectures.resume(late, TAB2, ROOM)


async def test_resume_needs_an_entry(world: World) -> None:  # X4
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    with pytest.raises(NotJoined):
        await world.one.lectures.resume(STUDENT, TAB2, ROOM)
    with pytest.raises(NotJoined):
        await world.one.lectures.resume(guest("ada@example.org"), TAB2, RoomId("123456"))
    await world.one.lectures.enter(guest("conn-1"), TAB2, ROOM, OFFER)
    assert isinstance(await world.two.lectures.resume(guest("conn-1"), TAB3, None), AudienceSeat)


async def test_the_same_connection_keeps_its_slot(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    assert await world.one.lectures.resume(OWNER, TAB1, ROOM) == seat
    assert await world.events() == []


async def test_another_connection_waits_until_the_slot_is_free(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    waiting = await world.two.lectures.resume(OWNER, TAB2, None)
    assert waiting == PresenterSeat(ROOM, TAB2, OWNER.email, "Ada", 0)
    assert await world.two.lectures.try_claim(waiting) is None

    await world.one.lectures.lost(seat)
    claimed = await world.two.lectures.try_claim(waiting)
    assert claimed == PresenterSeat(ROOM, TAB2, OWNER.email, "Ada", 2)
    assert [kind for kind, _ in await world.events()] == ["presenter_away", "presenter_back"]

    await world.force("lease", 1)  # its process died, and nobody has swept yet
    again = await world.one.lectures.resume(OWNER, TAB3, None)
    assert again.epoch == 3


async def test_two_tabs_and_two_rooms_are_kept_apart(world: World) -> None:  # X13
    other_room = RoomId("777777")
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    one = await world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER)
    two = await world.one.lectures.enter(STUDENT, TAB3, ROOM, OFFER)
    assert one.peer != two.peer
    await world.one.rooms.remember(STUDENT.email, "STUDENT", other_room)
    assert await world.raw.hget("user:sam@example.org", "roomId") == b"777777"

    await world.one.lectures.leave(one.seat, one.peer)
    assert world.relay.closed == [one.peer]
    resumed = await world.one.lectures.resume(STUDENT, ConnectionId("tab4"), ROOM)
    assert isinstance(resumed, AudienceSeat)
    await world.one.rooms.forget(STUDENT.email, other_room)
    assert await world.raw.hgetall("user:sam@example.org") == {
        b"type": b"STUDENT", b"roomId": ROOM.encode(), b"room:004217": b"STUDENT",
    }  # fmt: skip


async def test_a_presenter_who_also_listens_stays_the_presenter(world: World) -> None:  # X13
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await world.one.lectures.enter(OWNER, TAB2, ROOM, OFFER)
    assert isinstance(await world.one.lectures.resume(OWNER, TAB1, ROOM), PresenterSeat)


async def test_leaving_after_the_end_forgets(world: World) -> None:  # B0: removed at end
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    entered = await world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER)
    await world.one.lectures.end(seat)
    for _ in range(2):
        await world.one.lectures.leave(entered.seat, entered.peer)
    assert await world.raw.keys("user:s*") == []


async def test_a_dead_relay_is_replaced_once_and_told(world: World) -> None:
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await world.one.registry.withdraw("relay", "relay-1")
    await world.announce_relay("relay-2")
    await world.announce_relay("relay-3")
    await asyncio.gather(
        *(
            process.lectures.enter(Account(Email(f"s{n}@example.org"), "S"), TAB2, ROOM, OFFER)
            for n, process in enumerate((world.one, world.two, world.one))
        )
    )
    assert [kind for kind, _ in await world.events()] == ["media_moved"]
    assert {node for node, _ in world.relay.opened[1:]} == {"relay-2"}


async def test_the_watch_notices_a_dead_relay_once(world: World) -> None:  # P5, O18
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    world.two.lectures.present(ROOM, TAB2)
    await world.look()
    await world.one.registry.withdraw("relay", "relay-1")
    await world.look()
    assert [kind for kind, _ in await world.events()] == ["media_moved"]
    assert await world.raw.hget(ROOM_KEY, "relay") == b""

    await world.announce_relay("relay-2")
    back = await world.one.lectures.start(OWNER, TAB1, ROOM, Offer("v=0 again"))
    assert back.returned is not None
    assert await world.raw.hget(ROOM_KEY, "relay") == b"relay-2"
    assert [kind for kind, _ in await world.events()] == ["media_moved"]
