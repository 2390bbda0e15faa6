"""The monitor's order of things, with parts that only note what is asked of them."""

import asyncio
import dataclasses
from pathlib import Path

from app.core.errors import Unavailable
from app.turn.choice import TurnServer
from app.turn.monitor import Monitor
from app.turn.usage import UsageBook
from tests.manual_clock import ManualClock
from tests.unit.turn.test_turn_configuration import CONFIG


class Parts:
    """A registry, a keyring and a child."""

    def __init__(self, *, away: bool = False) -> None:
        self.steps: list[str] = []
        self.away = away
        self.long_term = ""
        self.left_behind = False
        self.is_running = False
        self.died = asyncio.Event()

    async def announce(self, server: TurnServer) -> None:
        self.steps.append("announce")

    async def is_announced(self, server: str) -> bool:
        return self.left_behind

    async def withdraw(self, server: str) -> None:
        self._note("leave the registry")

    async def turn(self, wall: float) -> None:
        self._note("look")

    async def save(self) -> None:
        self._note("save")

    async def start(self) -> None:
        self.is_running = True
        self.steps.append("start")

    async def wait(self) -> int:
        await self.died.wait()
        self.is_running = False
        return -9

    async def stop(self, patience: float) -> bool:
        self.is_running = False
        self.steps.append("end the child")
        return True

    def kill(self) -> None:
        self.steps.append("kill")

    def _note(self, step: str) -> None:
        self.steps.append(step)
        if self.away:
            raise Unavailable("Redis cannot be reached")


class SlowRegistry(Parts):
    """One that takes its time to announce."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.arrives = asyncio.Event()

    async def announce(self, server: TurnServer) -> None:
        self.asked.set()
        await self.arrives.wait()
        await super().announce(server)


def monitor(parts: Parts, clock: ManualClock, folder: Path) -> Monitor:
    config = dataclasses.replace(CONFIG, folder=folder)
    return Monitor(
        config, parts, parts, parts, clock, door=None, book=UsageBook(), network=lambda: ""
    )


async def test_leaves_the_registry_saves_ends_the_child(
    clock: ManualClock, tmp_path: Path
) -> None:  # T9
    parts = Parts()
    watched = monitor(parts, clock, tmp_path)
    await watched.open()
    while "start" not in parts.steps:
        await asyncio.sleep(0)
    watched._is_announced = True
    parts.steps.clear()
    await watched.close()
    assert parts.steps == ["leave the registry", "save", "end the child"]


async def test_the_child_is_ended_while_redis_is_away(
    clock: ManualClock, tmp_path: Path
) -> None:  # T9
    parts = Parts(away=True)
    watched = monitor(parts, clock, tmp_path)
    await watched.open()
    watched._is_announced = True
    await watched.close()
    assert parts.steps[-3:] == ["leave the registry", "save", "end the child"]


async def test_nothing_that_was_announced_on_the_way_out_stays(
    clock: ManualClock, tmp_path: Path
) -> None:  # T9; a write that was sent arrives, whatever becomes of the task that sent it
    parts = SlowRegistry()
    watched = monitor(parts, clock, tmp_path)
    await watched.open()
    while "start" not in parts.steps:
        await asyncio.sleep(0)
    watched._heard = clock.now()
    beat = asyncio.ensure_future(watched._say())
    await parts.asked.wait()
    ending = asyncio.ensure_future(watched.close())
    for _ in range(5):
        await asyncio.sleep(0)
    parts.arrives.set()
    await asyncio.gather(ending, beat)
    assert parts.steps.index("announce") < parts.steps.index("leave the registry")
    await watched._say()
    assert parts.steps.count("announce") == 1


async def test_no_restart_while_it_ends(clock: ManualClock, tmp_path: Path) -> None:  # T8
    parts = Parts()
    watched = monitor(parts, clock, tmp_path)
    await watched.open()
    while "start" not in parts.steps:
        await asyncio.sleep(0)
    parts.died.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert watched.health().restarts == 1
    await watched.close()
    assert parts.steps.count("start") == 1
    assert not watched._tasks


async def test_a_death_leaves_the_registry_at_once(clock: ManualClock, tmp_path: Path) -> None:
    parts = Parts()
    watched = monitor(parts, clock, tmp_path)
    await watched.open()
    while "start" not in parts.steps:
        await asyncio.sleep(0)
    watched._is_announced = True
    parts.died.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert "leave the registry" in parts.steps
    await watched.close()


async def test_one_that_was_killed_stays_away_until_all_have_seen_it(
    clock: ManualClock, tmp_path: Path
) -> None:  # row 35
    parts = Parts()
    parts.left_behind = True
    watched = monitor(parts, clock, tmp_path)
    await watched.open()
    for _ in range(5):
        await asyncio.sleep(0)
    assert "leave the registry" in parts.steps
    assert "start" not in parts.steps
    await watched.close()
