"""The presenter's slot: who gets it, who loses it, and what a loser may still do."""

import asyncio
import json

import pytest

from app.core.errors import BadOffer, Ended, Forbidden, NotFound, StalePresenter, Unavailable
from app.core.ids import ConnectionId, LectureId, NodeId, RoomId
from app.lecture.model import Offer
from app.lecture.seat import PresenterSeat
from app.whiteboard.model import Board
from tests.integration.lecture.live_world import OFFER, OTHER, OWNER, ROOM, StoredLecture, World

TAB1, TAB2 = ConnectionId("tab1"), ConnectionId("tab2")
ROOM_KEY = f"room:{{{ROOM}}}"


async def test_a_first_start_makes_the_room(world: World) -> None:  # B2, B3
    started = await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)

    assert started.returned is None
    assert started.seat == PresenterSeat(ROOM, TAB1, OWNER.email, "Ada", 1)
    fields = await world.raw.hgetall(ROOM_KEY)
    assert fields[b"presenterEmail"] == b"ada@example.org"
    assert fields[b"startTime"].endswith(b"Z")
    assert fields[b"status"] == b"LIVE"
    assert fields[b"holder"] == b"api-1/tab1"
    assert fields[b"relay"] == b"relay-1"
    assert await world.raw.hgetall("user:ada@example.org") == {
        b"type": b"PRESENTER", b"roomId": ROOM.encode(), b"room:004217": b"PRESENTER",
    }  # fmt: skip
    groups = await world.raw.xinfo_groups(f"question:{{{ROOM}}}")
    assert [group["name"] for group in groups] == [b"004217-group"]
    assert world.catalogue.starts == ["a" * 32]
    node, command = world.relay.opened[0]
    assert (node, command.role, command.epoch) == ("relay-1", "presenter", 1)


async def test_only_the_owner_of_an_open_lecture_starts_it(world: World) -> None:  # X3
    with pytest.raises(Forbidden):
        await world.one.lectures.start(OTHER, TAB1, ROOM, OFFER)
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    with pytest.raises(Forbidden):
        await world.one.lectures.start(OTHER, TAB2, ROOM, OFFER)
    with pytest.raises(NotFound):
        await world.one.lectures.start(OWNER, TAB1, RoomId("999999"), OFFER)
    assert (await world.raw.hget(ROOM_KEY, "epoch")) == b"1"


async def test_a_reload_before_its_loss_was_noticed_resets_nothing(world: World) -> None:  # X8
    first = await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    board = Board(b"strokes", (2, 0, 0, 2, 5, 6), 42.0, 800, 600)
    await world.one.boards.edit(ROOM, first.seat.epoch, board)
    start_time = await world.raw.hget(ROOM_KEY, "startTime")

    second = await world.two.lectures.start(OWNER, TAB2, ROOM, OFFER)
    assert second.seat.epoch == 2
    assert second.returned is not None
    assert second.returned.board == board
    assert second.returned.start_time.encode() == start_time
    assert not await world.two.lectures.init_board(second.seat, Board(b"", width=1, height=1))
    assert await world.one.lectures.board(ROOM) == board
    assert (await world.raw.hget(ROOM_KEY, "startTime")) == start_time


async def test_a_stale_tab_writes_nothing(world: World) -> None:  # P9, row 33
    first = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    question = await world.one.questions.ask(ROOM, "sam", "Sam", "why?", None)
    await world.two.lectures.start(OWNER, TAB2, ROOM, OFFER)
    before = await world.raw.hgetall(ROOM_KEY)

    for write in (
        lambda: world.one.boards.edit(ROOM, first.epoch, Board(b"x")),
        lambda: world.one.lectures.init_board(first, Board(b"x")),
        lambda: world.one.questions.solve(ROOM, first.epoch, question),
        lambda: world.one.lectures.set_sources(first, {"camera": True}),
        lambda: world.one.lectures.end(first),
    ):
        with pytest.raises(StalePresenter):
            await write()
    assert await world.raw.hgetall(ROOM_KEY) == before


async def test_a_late_disconnect_of_the_old_tab_changes_nothing(world: World) -> None:  # X7
    first = await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await world.one.lectures.start(OWNER, TAB2, ROOM, OFFER)

    await world.one.lectures.lost(first.seat)

    assert (await world.raw.hget(ROOM_KEY, "status")) == b"LIVE"
    assert [slot.connection for slot in world.one.presence.held()] == [TAB2]


async def test_of_many_starts_at_once_one_has_the_slot_and_live_media(world: World) -> None:
    tabs = [ConnectionId(f"tab{n}") for n in range(3)]
    processes = (world.one, world.two, world.one)
    outcomes = await asyncio.gather(
        *(
            process.lectures.start(OWNER, tab, ROOM, OFFER)
            for process, tab in zip(processes, tabs, strict=True)
        )
    )
    epochs = sorted(outcome.seat.epoch for outcome in outcomes)
    assert epochs == [1, 2, 3]
    winner = max(outcomes, key=lambda outcome: outcome.seat.epoch)
    holder = await world.raw.hget(ROOM_KEY, "holder")
    assert holder.endswith(winner.seat.connection.encode())
    assert winner.peer not in world.relay.closed
    assert sum(outcome.returned is None for outcome in outcomes) == 1


@pytest.mark.parametrize("offer", [Offer("bad")])
async def test_a_refused_offer_leaves_a_working_tab_alone(world: World, offer: Offer) -> None:
    with pytest.raises(BadOffer):
        await world.one.lectures.start(OWNER, TAB1, ROOM, offer)
    assert not await world.raw.exists(ROOM_KEY)
    assert await world.raw.keys("user:*") == []

    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    with pytest.raises(BadOffer):
        await world.two.lectures.start(OWNER, TAB2, ROOM, offer)
    assert await world.one.boards.edit(ROOM, seat.epoch, Board(b"x")) == 1


async def test_an_absent_relay_leaves_a_working_tab_alone(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    world.relay.failing = Unavailable("no answer")
    with pytest.raises(Unavailable):
        await world.two.lectures.start(OWNER, TAB2, ROOM, OFFER)
    assert await world.one.boards.edit(ROOM, seat.epoch, Board(b"x")) == 1

    world.relay.failing = None
    await world.one.registry.withdraw("relay", NodeId("relay-1"))
    with pytest.raises(Unavailable):
        await world.two.lectures.start(OWNER, TAB2, ROOM, OFFER)


async def test_a_cancelled_start_frees_its_peer(world: World) -> None:
    world.relay.gate = asyncio.Event()
    start = asyncio.ensure_future(world.one.lectures.start(OWNER, TAB1, ROOM, OFFER))
    async with asyncio.timeout(5):
        while not world.relay.opened:
            world.relay.gate.set()
            await asyncio.sleep(0)
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start
        while not world.relay.closed:
            await asyncio.sleep(0.01)
    assert world.relay.closed == [world.relay.opened[0][1].peer]


async def test_loss_and_return_are_told_and_keep_questions(world: World) -> None:  # B7, P3
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    one = await world.one.questions.ask(ROOM, "sam", "Sam", "one", None)
    await world.one.lectures.lost(seat)
    assert (await world.raw.hget(ROOM_KEY, "status")) == b"AWAY"
    two = await world.two.questions.ask(ROOM, "sam", "Sam", "two, while away", None)

    back = await world.two.lectures.start(OWNER, TAB2, ROOM, OFFER)

    assert back.returned is not None
    assert [q.id for q in back.returned.questions] == [one, two]
    assert await world.raw.hget(ROOM_KEY, "deadline") is None
    kinds = [kind for kind, _ in await world.events()]
    asked = ["asked", "question"]
    assert kinds == [*asked, "presenter_away", *asked, "presenter_back"]
    away = json.loads((await world.events())[2][1])
    assert away["deadline"].endswith("Z")


async def test_an_ended_lecture_cannot_be_revived(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    await world.one.lectures.end(seat)
    with pytest.raises(Ended):
        await world.two.lectures.start(OWNER, TAB2, ROOM, OFFER)
    # SQL may not know yet: the room's log does.
    world.catalogue.lectures[ROOM] = StoredLecture(LectureId("a" * 32), ROOM, OWNER.email)
    with pytest.raises(Ended):
        await world.two.lectures.start(OWNER, TAB2, ROOM, OFFER)
    for late in (
        lambda: world.one.boards.edit(ROOM, seat.epoch, Board(b"x")),
        lambda: world.one.questions.ask(ROOM, "sam", "Sam", "late", None),
        lambda: world.one.lectures.try_claim(seat),
        lambda: world.one.lectures.snapshot(seat),
    ):
        with pytest.raises(Ended):
            await late()
    await world.one.lectures.lost(seat)
    assert not await world.one.rooms.renew(ROOM, "api-1/tab1", 1, 6)
    assert not await world.raw.exists(ROOM_KEY)


async def test_a_code_given_again_begins_a_new_log(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    await world.one.boards.edit(ROOM, seat.epoch, Board(b"x"))
    await world.one.lectures.end(seat)
    world.catalogue.lectures[ROOM] = StoredLecture(LectureId("b" * 32), ROOM, OTHER.email)

    started = await world.one.lectures.start(OTHER, TAB2, ROOM, OFFER)

    assert started.returned is None
    snapshot = await world.one.lectures.snapshot(started.seat)
    assert (snapshot.seq, snapshot.board, snapshot.questions) == (2, Board(), [])
    assert await world.events() == []


async def test_sources_and_listeners_are_told_once_per_change(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    for _ in range(2):
        await world.one.lectures.set_sources(seat, {"microphone": True})
    for tab in (TAB1, TAB2, TAB2):
        world.one.lectures.present(ROOM, tab)
    world.two.lectures.present(ROOM, TAB1)
    for process in (world.one, world.two, world.one):
        await process.keeper.publish_listeners()
    world.one.lectures.absent(ROOM, TAB1)
    await world.one.keeper.publish_listeners()

    assert await world.events() == [
        ("sources", b'{"camera":false,"microphone":true,"screen":false}'),
        ("listeners", b'{"count":2}'),
        ("listeners", b'{"count":3}'),
        ("listeners", b'{"count":2}'),
    ]
    snapshot = await world.two.lectures.snapshot(seat)
    assert snapshot.listeners == 2
    assert snapshot.sources == {"microphone": True, "camera": False, "screen": False}


async def test_a_room_that_its_relay_kept_from_before_is_no_obstacle(world: World) -> None:
    world.relay.epochs[ROOM] = 5  # the end of an earlier lecture under this code did not reach it
    started = await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    assert started.seat.epoch == 1
    assert world.relay.closed_rooms == [ROOM]


async def test_a_failed_ice_restart_leaves_the_peer_alone(world: World) -> None:
    started = await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await world.two.lectures.start(OWNER, TAB2, ROOM, OFFER)
    closed = list(world.relay.closed)

    async def away(*_: object, **__: object) -> None:
        raise Unavailable("Redis is away")

    world.one.rooms.claim = away
    with pytest.raises(Unavailable):
        await world.one.lectures.start(OWNER, TAB1, ROOM, Offer("v=0", peer=started.peer))
    await asyncio.sleep(0)
    assert world.relay.closed == closed
    assert world.relay.opened[-1][1].peer == started.peer
