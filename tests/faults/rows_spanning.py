"""A lecture on several relays, one of which dies or drains: who hears, and who must do anything."""

import signal
import time
from collections.abc import Iterator

import pytest

from app.core.ids import PeerId, relay_in
from tests.faults.classroom import Classroom, Listener
from tests.faults.rows import Row
from tests.faults.world import Process, World, until

LISTENERS = 18
PEERS = 10
"""Of one relay, so that the class needs three: from 85 % on it takes nobody new."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Four small relays and two api processes."""
    world = World(apis=2, relays=4)
    for relay in world.relays:
        relay.environment["LECTERN_MAX_PEERS"] = str(PEERS)
    with world:
        yield world


async def processes(row: Row) -> dict[str, Process]:
    """Return the relay processes by the name that they go by now."""
    found = {}
    for name in await row.raw.zrange("nodes:relay", 0, -1):
        address = (await row.raw.hget(f"node:relay:{name.decode()}", "address")).decode()
        port = address.rpartition(":")[2]
        for relay in row.world.relays:
            if relay.environment["LECTERN_MEDIA_PORT"] == port:
                found[name.decode()] = relay
    return found


def by_relay(room: Classroom) -> dict[str, list[Listener]]:
    found: dict[str, list[Listener]] = {}
    for one in room.listeners:
        found.setdefault(str(relay_in(PeerId(one.answer["peerId"]))), []).append(one)
    return found


async def spread(row: Row) -> tuple[Classroom, str, dict[str, list[Listener]]]:
    """Fill a class; return it, its first relay, and who is where."""
    await until(lambda: all_there(row), 30, "all relays are registered")
    room = Classroom(row)
    await room.fill(LISTENERS)
    first = (await row.raw.hget(f"room:{{{row.room}}}", "relay")).decode()
    where = by_relay(room)
    assert first in where
    assert len(where) >= 2
    row.figure("relays", float(len(where)))
    return room, first, where


async def all_there(row: Row) -> bool:
    return len(await processes(row)) == len(row.world.relays)


async def test_row_10b_a_relay_beside_the_first_killed(row: Row) -> None:
    """Its listeners hear again by themselves, nobody else is told or moves."""
    room, first, where = await spread(row)
    victim = next(name for name in where if name != first)
    others = [one for name, those in where.items() if name != victim for one in those]
    room.forget()
    process = (await processes(row))[victim]
    row.killed.append(process)
    process.kill()
    began = time.monotonic()
    await until(lambda: all(one.moves for one in where[victim]), 15, "those are told")
    row.figure("told after", time.monotonic() - began)
    await room.all_hear(20)
    row.figure("hear again", max(one.silence() for one in where[victim]), most=5.0)
    row.figure("others' longest silence", max(one.silence() for one in others), most=1.0)
    assert not any(one.moves for one in others)
    assert not room.voice.moves
    assert victim.encode() not in await row.raw.hkeys(f"room:{{{row.room}}}:relays")
    await row.settled()


async def test_row_10c_the_first_of_several_killed(row: Row) -> None:
    """Everybody hears again; the room is on a relay that lives."""
    room, first, _ = await spread(row)
    room.forget()
    process = (await processes(row))[first]
    row.killed.append(process)
    process.kill()
    await until(lambda: all(one.moves for one in room.listeners), 15, "all are told")
    await room.all_hear(20)
    row.figure("hear again, p99", room.p99(), most=5.0)
    assert (await row.raw.hget(f"room:{{{row.room}}}", "relay")).decode() != first
    await row.settled()


async def test_row_36b_a_relay_beside_the_first_drains(row: Row) -> None:
    """Its listeners are moved once and it ends; the others notice nothing."""
    room, first, where = await spread(row)
    victim = next(name for name in where if name != first)
    others = [one for name, those in where.items() if name != victim for one in those]
    room.forget()
    process = (await processes(row))[victim]
    row.killed.append(process)
    process.signal(signal.SIGTERM)
    await until(lambda: not process.is_running, 25, "it has ended")
    await room.all_hear(20)
    row.figure("longest silence of the moved", max(o.silence() for o in where[victim]), most=5.0)
    assert not any(one.moves for one in others)
    assert all(len(one.heard("media_moved")) == 1 for one in where[victim])
    await row.settled()
