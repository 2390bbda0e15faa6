"""B0: the eight facts that a lecture keeps in Redis, one test each."""

from datetime import datetime

from app.auth.principal import guest
from app.core.ids import ConnectionId
from app.whiteboard.model import IDENTITY, Board
from tests.integration.lecture.live_world import OFFER, OWNER, ROOM, STUDENT, World

TAB1, TAB2, TAB3 = ConnectionId("tab1"), ConnectionId("tab2"), ConnectionId("tab3")
KEY = f"room:{{{ROOM}}}"


async def test_b0_1_each_client_has_its_type_and_room(world: World) -> None:
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER)
    await world.one.lectures.enter(guest("conn-9"), TAB3, ROOM, OFFER)
    for identity, kind in (
        (OWNER.email, b"PRESENTER"),
        (STUDENT.email, b"STUDENT"),
        ("conn-9", b"GUEST"),
    ):
        record = await world.raw.hmget(f"user:{identity}", "type", "roomId")
        assert record == [kind, ROOM.encode()]


async def test_b0_2_the_room_has_its_facts(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    await world.one.lectures.init_board(seat, Board(b"x", IDENTITY, 0, 800, 600))
    fields = await world.raw.hmget(KEY, "presenterEmail", "startTime", "currentWhiteboardData")
    assert fields[0] == b"ada@example.org"
    assert (
        fields[2]
        == b'{"viewport":[1.0,0.0,0.0,1.0,0.0,0.0],"eventTime":0,"width":800,"height":600}'
    )


async def test_b0_3_the_start_time_is_read_back(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    entered = await world.two.lectures.enter(STUDENT, TAB2, ROOM, OFFER)
    back = await world.two.lectures.start(OWNER, TAB3, ROOM, OFFER)
    assert back.returned is not None
    assert back.returned.start_time == entered.start_time
    assert (await world.one.lectures.snapshot(seat)).start_time == entered.start_time
    began = datetime.fromisoformat(entered.start_time).timestamp()
    seconds, _ = await world.raw.time()
    assert abs(seconds - began) < 10


async def test_b0_4_the_board_is_refreshed_on_every_change(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    for n in range(1, 4):
        board = Board(b"stroke %d" % n, IDENTITY, n, 800, 600)
        await world.one.boards.edit(ROOM, seat.epoch, board)
        assert await world.two.lectures.board(ROOM) == board


async def test_b0_5_each_entrant_gets_the_newest_board(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    for n, tab in ((1, TAB2), (2, TAB3)):
        board = Board(b"stroke %d" % n, IDENTITY, n, 800, 600)
        await world.one.boards.edit(ROOM, seat.epoch, board)
        assert (await world.two.lectures.enter(STUDENT, tab, ROOM, OFFER)).board == board


async def test_b0_6_the_room_is_removed_at_the_end(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    await world.one.questions.ask(ROOM, "sam", "Sam", "why?", "c1")
    await world.one.lectures.end(seat)
    assert not await world.raw.exists(KEY, f"{KEY}:asked", f"question:{{{ROOM}}}")
    assert 0 < await world.raw.ttl("user:" + OWNER.email) <= 600  # who comes back late hears why


async def test_b0_7_questions_wait_in_a_stream_for_the_presenter(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    await world.one.lectures.lost(seat)
    question = await world.two.questions.ask(ROOM, "sam", "Sam", "why?", None)
    pending = await world.raw.xpending_range(
        f"question:{{{ROOM}}}", f"{ROOM}-group", "-", "+", 10, OWNER.email
    )
    assert [entry["message_id"].decode() for entry in pending] == [question]


async def test_b0_8_everything_lives_a_day_from_its_last_write(world: World) -> None:
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    await world.one.questions.ask(ROOM, "sam", "Sam", "why?", "c1")
    names = [KEY, f"{KEY}:asked", f"{KEY}:events", f"question:{{{ROOM}}}"]
    for name in names:
        await world.raw.expire(name, 60)
    await world.one.boards.edit(ROOM, seat.epoch, Board(b"x"))
    for name in (*names, f"user:{OWNER.email}"):
        assert 86_000 < await world.raw.ttl(name) <= 86_400
