"""Element boards in Redis: merged the same in every order, once each, within their limits."""

import asyncio
import json
from typing import Any

import pytest
import redis.asyncio as driver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import (
    BadRequest,
    Ended,
    Forbidden,
    NotStarted,
    StalePresenter,
    TooLarge,
)
from app.store.fanout import FanOut
from app.store.redis import Redis
from app.whiteboard.model import (
    EMPTY_HASH,
    Author,
    Board,
    Clear,
    Delete,
    Drawing,
    ElementBoard,
    Operation,
    Put,
)
from tests.board_replica import Element, Replica, board_hash
from tests.integration.store.live_room import EMAIL, ROOM, LiveRoomWorld
from tests.redis_server import RedisServer

ADA = Author(EMAIL, 1)
SAM = Author("sam@example.org")


def put(ident: str, version: int = 1, nonce: int = 7, page: int = 0, **more: Any) -> Put:
    element = {"id": ident, "version": version, "versionNonce": nonce, "page": page, **more}
    return Put(ident, version, nonce, page, json.dumps(element).encode())


def read(board: ElementBoard) -> dict[str, Element]:
    return {element["id"]: element for element in map(json.loads, board.elements)}


async def events(live: LiveRoomWorld) -> list[dict[str, Any]]:
    entries = await live.raw.xrange("room:{004217}:events")
    return [json.loads(f[b"data"]) for _, f in entries if f[b"type"] == b"drawn"]


async def test_a_draw_is_stored_and_told_with_its_hash(live: LiveRoomWorld) -> None:
    await live.start()
    drawn = await live.boards.draw(ROOM, ADA, "op1", [put("a", x=0.1), put("b", 2)])
    board = await live.boards.elements(ROOM)
    assert (drawn.rev, drawn.hash) == (board.rev, board.hash)
    assert board.hash == board_hash(list(read(board).values()))
    assert read(board)["a"]["x"] == 0.1
    (event,) = await events(live)
    assert (event["rev"], event["hash"]) == (drawn.rev, drawn.hash)
    assert event["ops"] == [{"put": read(board)[ident]} for ident in "ab"]


async def test_a_repeat_answers_as_the_first_did(live: LiveRoomWorld) -> None:
    await live.start()
    first = await live.boards.draw(ROOM, ADA, "op1", [put("a")])
    await live.boards.draw(ROOM, ADA, "op2", [put("a", 2)])
    again = await asyncio.gather(
        *(live.boards.draw(ROOM, ADA, "op1", [put("a")]) for _ in range(5))
    )
    assert {(one.rev, one.hash, one.first) for one in again} == {(first.rev, first.hash, False)}
    assert len(await events(live)) == 2
    stale = await live.boards.draw(ROOM, ADA, "op3", [put("a", 1)])  # loses: nobody is told
    assert (await live.boards.elements(ROOM)).hash == stale.hash
    assert len(await events(live)) == 2
    await live.boards.set_drawing(ROOM, 1, Drawing("everyone"))
    other = await live.boards.draw(ROOM, SAM, "op1", [put("b")])  # ids are each author's own
    assert other.first


async def test_at_equal_versions_a_removal_wins_then_the_lower_nonce(live: LiveRoomWorld) -> None:
    await live.start()
    await live.boards.draw(ROOM, ADA, "1", [put("a", 3, 9), put("b", 3, 9)])
    await live.boards.draw(ROOM, ADA, "2", [put("a", 3, 10), put("b", 3, 8)])
    board = read(await live.boards.elements(ROOM))
    assert (board["a"]["versionNonce"], board["b"]["versionNonce"]) == (9, 8)
    await live.boards.draw(ROOM, ADA, "3", [Delete("a", 2), Delete("b", 3)])
    await live.boards.draw(ROOM, ADA, "4", [put("b", 3, 1)])
    assert list(read(await live.boards.elements(ROOM))) == ["a"]


async def test_clearing_a_page_leaves_the_others(live: LiveRoomWorld) -> None:
    await live.start()
    await live.boards.draw(ROOM, ADA, "1", [put("a"), put("b", page=1), put("c", page=10)])
    await live.boards.draw(ROOM, ADA, "2", [Clear(1)])
    assert sorted(read(await live.boards.elements(ROOM))) == ["a", "c"]
    await live.boards.draw(ROOM, ADA, "3", [put("b", 1, page=1), Clear(), put("d")])
    board = await live.boards.elements(ROOM)
    assert list(read(board)) == ["d"]
    replica = Replica()
    for event in await events(live):
        replica.drawn(event)
    assert (replica.hash(), replica.differed) == (board.hash, 0)


async def test_others_draw_only_where_the_presenter_lets_them(live: LiveRoomWorld) -> None:
    await live.start()
    with pytest.raises(Forbidden):
        await live.boards.draw(ROOM, SAM, "1", [put("a")])
    await live.boards.set_drawing(ROOM, 1, Drawing("list", ("bob@example.org", SAM.identity)))
    await live.boards.draw(ROOM, SAM, "1", [put("a")])
    for identity in ("am@example.org", "sam@example.or", ""):
        with pytest.raises(Forbidden):
            await live.boards.draw(ROOM, Author(identity), "1", [put("b")])
    await live.boards.set_drawing(ROOM, 1, Drawing("everyone"))
    await live.boards.draw(ROOM, Author("eve"), "1", [put("b")])
    await live.boards.set_drawing(ROOM, 1, Drawing())
    with pytest.raises(Forbidden):
        await live.boards.draw(ROOM, SAM, "2", [put("c")])
    with pytest.raises(StalePresenter):
        await live.boards.set_drawing(ROOM, 0, Drawing("everyone"))


async def test_a_stale_presenter_and_no_room_are_refused(live: LiveRoomWorld) -> None:  # P9
    with pytest.raises(NotStarted):
        await live.boards.draw(ROOM, ADA, "1", [put("a")])
    await live.start()
    with pytest.raises(StalePresenter):
        await live.boards.draw(ROOM, Author(EMAIL, 2), "1", [put("a")])
    assert (await live.boards.elements(ROOM)).elements == ()
    await live.rooms.end(ROOM, 1, "presenter")
    with pytest.raises(Ended):
        await live.boards.draw(ROOM, ADA, "1", [put("a")])
    assert not [key for key in await live.raw.keys("*004217*") if b":events" not in key]


async def test_limits_refuse_a_draw_whole(live: LiveRoomWorld) -> None:
    await live.start()
    for start in range(0, 10_000, 500):
        ops = [put(f"e{n}") for n in range(start, start + 500)]
        await live.boards.draw(ROOM, ADA, f"op{start}", ops)
    full = await live.boards.elements(ROOM)
    assert len(full.elements) == 10_000
    with pytest.raises(TooLarge):
        await live.boards.draw(ROOM, ADA, "more", [put("e1", 2), put("new")])
    assert (await live.boards.elements(ROOM)).hash == full.hash
    await live.boards.draw(ROOM, ADA, "swap", [Delete("e1", 1), put("new")])
    with pytest.raises(TooLarge):
        await live.boards.draw(ROOM, ADA, "many", [put("e2", 2)] * 501)
    with pytest.raises(TooLarge):
        await live.boards.draw(ROOM, ADA, "big", [put("e2", 2, text="x" * 65536)])
    with pytest.raises(BadRequest):
        await live.boards.draw(ROOM, ADA, "none", [])


async def test_a_board_has_32_mib_at_most(live: LiveRoomWorld) -> None:  # P8
    await live.start()
    text = "x" * 65_000
    for start in range(0, 500, 100):
        ops = [put(f"e{n}", text=text) for n in range(start, start + 100)]
        await live.boards.draw(ROOM, ADA, f"{start}", ops)
    with pytest.raises(TooLarge):
        await live.boards.draw(ROOM, ADA, "full", [put(f"f{n}", text=text) for n in range(20)])
    await live.boards.draw(ROOM, ADA, "smaller", [put(f"e{n}", 2) for n in range(20)])
    await live.boards.draw(ROOM, ADA, "now", [put(f"f{n}", text=text) for n in range(20)])
    sizes = [len(text) for text in (await live.boards.elements(ROOM)).elements]
    assert int(await live.raw.hget("room:{004217}", "elementBytes")) == sum(sizes)


async def test_what_is_remembered_is_bounded(live: LiveRoomWorld) -> None:
    await live.start()
    for turn in range(4):
        for start in range(0, 9000, 500):
            ops: list[Operation] = [put(f"{turn}-{n}") for n in range(start, start + 500)]
            await live.boards.draw(ROOM, ADA, f"{turn}/{start}", ops)
        await live.boards.draw(ROOM, ADA, f"{turn}/clear", [Clear()])
    assert 10_000 <= await live.raw.hlen("room:{004217}:removed") <= 20_000
    await live.boards.draw(ROOM, ADA, "late", [put("3-1")])  # the newest removals still count
    board = await live.boards.elements(ROOM)
    assert (board.elements, board.hash) == ((), EMPTY_HASH)


async def test_a_whole_snapshot_replaces_the_elements_and_the_other_way_round(
    live: LiveRoomWorld,
) -> None:
    await live.start()
    await live.boards.begin(ROOM, 1, Board(b"old"))
    await live.boards.draw(ROOM, ADA, "1", [put("a")])
    room = await live.rooms.read(ROOM)
    assert room is not None
    assert (room.board_kind, room.board_objects) == ("elements", b"")
    await live.boards.edit(ROOM, 1, Board(b"", width=5))  # the view alone
    assert len((await live.boards.elements(ROOM)).elements) == 1
    assert not await live.boards.begin(ROOM, 1, Board(b"reset"))  # X8
    await live.boards.edit(ROOM, 1, Board(b"whole"))
    assert (await live.boards.elements(ROOM)).hash == EMPTY_HASH
    room = await live.rooms.read(ROOM)
    assert room is not None
    assert (room.board_kind, room.board_objects) == ("whole", b"whole")


async def test_a_reload_keeps_a_board_without_a_view(live: LiveRoomWorld) -> None:  # X8
    await live.start()
    await live.boards.draw(ROOM, ADA, "1", [put("a")])
    assert not await live.boards.begin(ROOM, 1, Board(b"reset"))
    assert len((await live.boards.elements(ROOM)).elements) == 1


async def test_pages_are_told_once(live: LiveRoomWorld) -> None:
    await live.start()
    assert await live.boards.set_page(ROOM, 1, 3)
    assert not await live.boards.set_page(ROOM, 1, 3)
    assert (await live.boards.elements(ROOM)).page == 3
    assert await live.event_kinds() == [b"page"]
    with pytest.raises(StalePresenter):
        await live.boards.set_page(ROOM, 2, 1)


NAMES = st.sampled_from("abc")
VERSIONS = st.integers(1, 4)
PUTS = st.builds(
    lambda ident, version, nonce: put(ident, version, nonce, by=f"{ident}{version}{nonce}"),
    NAMES,
    VERSIONS,
    st.integers(0, 2),
)
WRITES = st.lists(st.one_of(PUTS, st.builds(Delete, NAMES, VERSIONS)), min_size=1, max_size=12)


async def outcome(url: str, draws: list[list[Operation]]) -> tuple[dict[str, Element], str]:
    """Draw on an empty board; a viewer that hears only the events must agree with it."""
    redis, raw = Redis(url), driver.Redis.from_url(url)
    live, viewer = LiveRoomWorld(redis, raw), Replica()
    try:
        await raw.flushall()
        await live.start()
        for number, ops in enumerate(draws):
            await live.boards.draw(ROOM, ADA, str(number), ops)
        board = await live.boards.elements(ROOM)
        for event in await events(live):
            viewer.drawn(event)
            viewer.drawn(event)  # hearing one twice harms nothing
    finally:
        await raw.aclose()
        await redis.close()
    assert (viewer.differed, viewer.elements) == (0, read(board))
    assert viewer.hash() == board.hash
    return read(board), board.hash


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=WRITES, data=st.data())
def test_any_order_and_any_repetition_converge(
    shared_redis_server: RedisServer, writes: list[Operation], data: st.DataObject
) -> None:
    other = data.draw(st.permutations(writes + data.draw(st.lists(st.sampled_from(writes)))))
    cut = data.draw(st.integers(0, len(other)))
    one = asyncio.run(outcome(shared_redis_server.url, [[op] for op in writes]))
    two = asyncio.run(
        outcome(shared_redis_server.url, [ops for ops in (other[:cut], other[cut:]) if ops])
    )
    assert one == two


async def test_draws_at_once_are_all_told_in_order(live: LiveRoomWorld) -> None:
    await live.start()
    fanout = FanOut(live.redis)
    await fanout.open()
    viewer = Replica()
    await fanout.subscribe(ROOM, lambda event: viewer.drawn(event.data))
    await asyncio.gather(
        *(live.boards.draw(ROOM, ADA, f"{n}", [put(f"e{n % 7}", n, n)]) for n in range(60))
    )
    board = await live.boards.elements(ROOM)
    async with asyncio.timeout(5):
        while viewer.rev < board.rev:
            await asyncio.sleep(0.01)
    await fanout.close()
    assert (viewer.hash(), viewer.differed) == (board.hash, 0)
