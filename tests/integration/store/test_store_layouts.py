"""Live rooms of an older version: read as they are, brought up to date once, never back."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as driver

from app.core.errors import Unavailable
from app.core.ids import NodeId
from app.store.event_log import EventLog
from app.store.layout import upgrade_rooms
from app.store.redis import Redis
from app.whiteboard.model import EMPTY_HASH, Author, Board, Put
from app.whiteboard.store import read_board
from tests.integration.store.live_room import EMAIL, ROOM, LiveRoomWorld

FIXTURE = json.loads((Path(__file__).parent / "layouts" / "v1.json").read_text())
HASH = "room:{004217}"
NEW = {b"boardKind": b"whole", b"elements": b"0", b"boardHash": EMPTY_HASH.encode()}


def raw_value(value: Any) -> str | bytes:
    return value if isinstance(value, str) else base64.b64decode(value["base64"])


async def restore(raw: driver.Redis, room: str = "004217") -> None:
    """Put the room of layout 1 into Redis as the version before left it."""
    for name, kept in FIXTURE["keys"].items():
        key, value = name.replace("004217", room), kept["value"]
        if kept["type"] == "hash":
            await raw.hset(key, mapping={k: raw_value(v) for k, v in value.items()})
        else:
            await restore_stream(raw, key, value, room)
        await raw.expire(key, 3600)


async def restore_stream(raw: driver.Redis, key: str, value: Any, room: str) -> None:
    for ident, fields in value["entries"]:
        await raw.xadd(key, {k: raw_value(v) for k, v in fields.items()}, ident)
    for group in value["groups"]:
        name = group["name"].replace("004217", room)
        await raw.xgroup_create(key, name, "0")
        for consumer in group["consumers"]:
            await raw.xreadgroup(name, consumer, {key: ">"})
        done = {ident for ident, _ in value["entries"]} - set(group["pending"])
        if done:
            await raw.xack(key, name, *done)


async def test_a_room_of_layout_1_is_read_as_it_is(live: LiveRoomWorld) -> None:
    await restore(live.raw)
    room = await live.rooms.read(ROOM)
    assert room is not None
    assert (room.presenter, room.epoch, room.seq, room.listeners) == (EMAIL, 1, 9, 3)
    assert (room.board_kind, room.page, room.drawers) == ("whole", 0, "presenter")
    assert read_board(room.board_view, room.board_objects).viewport == (2, 0, 0, 2, -7.25, 3)
    assert await live.raw.hget(HASH, "v") == b"1"  # a plain read changes nothing


async def test_the_first_script_upgrades_and_loses_nothing(live: LiveRoomWorld) -> None:
    await restore(live.raw)
    before = await live.raw.hgetall(HASH)
    questions = await live.questions.pending(ROOM)
    assert [question.content for question in questions] == [
        "Question 0?",
        "Question 2?",
        "Question 3?",
    ]
    after = await live.raw.hgetall(HASH)
    assert after[b"v"] == b"2"
    assert after.items() >= NEW.items()
    assert {k: v for k, v in after.items() if k in before and k != b"v"} == {
        k: v for k, v in before.items() if k != b"v"
    }
    assert await live.raw.ttl(HASH) > 86_000
    # A return by cursor, over the entries of both versions.
    await live.boards.edit(ROOM, 1, Board(b"", width=4))
    missed = await EventLog(live.redis).after(ROOM, 7)
    assert [event.seq for event in missed] == [8, 9, 10]
    await live.boards.draw(ROOM, Author(EMAIL, 1), "1", [Put("a", 1, 1, 0, b'{"id":"a"}')])
    assert len((await live.boards.elements(ROOM)).elements) == 1


async def test_every_room_is_upgraded_once_whoever_asks(live: LiveRoomWorld) -> None:
    codes = [f"{n:06}" for n in range(1, 25)]
    for code in codes:
        await restore(live.raw, code)
    await live.raw.hset("room:{000003}:asked", "x", "y")  # no room: only its key looks like one
    others = [Redis(live.redis._connections.url) for _ in range(3)]
    counts = await asyncio.gather(*(upgrade_rooms(other) for other in others))
    counts.append(await upgrade_rooms(live.redis))
    assert counts == [24] * 4
    rooms = [await live.raw.hgetall(f"room:{{{code}}}") for code in codes]
    assert {room[b"v"] for room in rooms} == {b"2"}
    assert {room[b"seq"] for room in rooms} == {b"9"}  # an upgrade is no event
    for other in others:
        await other.close()


async def test_a_room_of_a_newer_version_is_left_alone(live: LiveRoomWorld) -> None:
    await restore(live.raw)
    await live.raw.hset(HASH, mapping={"v": "3"})
    before = await live.raw.hgetall(HASH)
    assert await upgrade_rooms(live.redis) == 0
    with pytest.raises(Unavailable):
        await live.boards.edit(ROOM, 1, Board(b"x"))
    assert await live.raw.hgetall(HASH) == before


async def test_a_room_that_ended_is_made_in_the_new_layout(live: LiveRoomWorld) -> None:
    await restore(live.raw)
    await live.rooms.end(ROOM, 1, "presenter")
    assert not await live.raw.exists(HASH)
    claim = await live.rooms.claim(
        ROOM,
        "b" * 32,
        EMAIL,
        "api/2",
        6,
        seen=(0, None),
        relay=NodeId("r"),  # type: ignore[arg-type]
    )
    assert claim is not None
    made = await live.raw.hgetall(HASH)
    assert (made[b"v"], made[b"logFirst"], made[b"seq"]) == (b"2", b"11", b"10")


async def test_migrate_upgrades_what_is_live(live: LiveRoomWorld, tmp_path: Path) -> None:
    await restore(live.raw)
    environment = {
        **os.environ,
        "REDIS_URL": live.redis._connections.url,
        "LECTERN_DATA_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/lectern.db",
    }
    command = [sys.executable, "-m", "app", "migrate"]
    runs = [
        await asyncio.create_subprocess_exec(*command, env=environment, stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]
    async with asyncio.timeout(60):
        assert [await run.wait() for run in runs] == [0, 0]
    assert await live.raw.hget(HASH, "v") == b"2"
    environment["REDIS_URL"] = "redis://127.0.0.1:1/0"  # away: rooms are upgraded when touched
    run = await asyncio.create_subprocess_exec(*command, env=environment)
    async with asyncio.timeout(60):
        assert await run.wait() == 0
