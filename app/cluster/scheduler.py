"""Who does what: tasks of a purpose, each assigned to one process.

Any process may schedule and none is special: the assignments are in Redis, each change is a
compare-and-set, and what is decided is decided by the pure functions of ``placement`` and
``assignment``. A scheduler that dies takes nothing with it (seed rows O20, O21).
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from app.cluster.assignment import (
    asked_again,
    is_hardly_newer,
    laid_down,
    picked_up,
    read_assignment,
    reserved,
    unscheduled,
)
from app.cluster.assignment_store import TRIES, AssignmentStore, read_turns, write_turns
from app.cluster.node import KINDS, NodeInfo
from app.cluster.placement import ANYWHERE, Preference, place
from app.cluster.refusals import NoScheduler, NoSuchTask, NotReady
from app.cluster.refusals import SchedulingFailed as Failed
from app.cluster.registry import Registry
from app.cluster.strategy import REMEMBERING, Strategy
from app.core.errors import Unavailable
from app.core.ids import NodeId

RESERVE_SECONDS: Final = 60.0
"""For which a task that nobody picks up stays with its process (seed rows O4, O11)."""

PAUSE_SECONDS: Final = 0.5
"""Between two tries while nobody takes anything; the reports come each second."""

STRATEGIES: Final[Mapping[str, Strategy]] = MappingProxyType(
    {"api": Strategy.LEAST_USED, "relay": Strategy.LEAST_USED}
)
"""By purpose, where the settings say nothing else (seed row O15). OWT's portals stick to the last
one used; ours all serve anybody, so the one with the most room does."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """Who does a task."""

    task: str
    node: NodeId
    is_executing: bool
    due_ms: int | None
    """By Redis' clock: when the reservation ends unless the process picks the task up."""


class Scheduler:
    """The assignments, as every process sees them.

    Every method raises NotReady while Redis is away, and NoScheduler for a purpose that is none.
    """

    def __init__(
        self,
        registry: Registry,
        strategies: Mapping[str, Strategy] = STRATEGIES,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = AssignmentStore(registry.redis)
        self._registry = registry
        self._strategies = {**STRATEGIES, **strategies}
        self._chance = chance

    async def schedule(
        self,
        purpose: str,
        task: str,
        preference: Preference = ANYWHERE,
        reserve_seconds: float = RESERVE_SECONDS,
        *,
        avoid: NodeId | None = None,
    ) -> NodeInfo:
        """Return the process for a task: the one that has it while that lives, else a new one.

        All who ask at once are told the same. ``avoid`` is a process that must not keep it: it
        drains, or does not answer. Raises AllFull, NoMatch.
        """
        _check(purpose)
        reserve_ms = round(reserve_seconds * 1000)
        for _ in range(TRIES):
            chosen = await self._try_schedule(purpose, task, preference, reserve_ms, avoid)
            if chosen is not None:
                return chosen
        raise Failed(purpose, "others came between too often")

    async def schedule_within(
        self,
        seconds: float,
        purpose: str,
        task: str,
        preference: Preference = ANYWHERE,
        reserve_seconds: float = RESERVE_SECONDS,
    ) -> NodeInfo:
        """As ``schedule``, trying again for so long. Raises SchedulingFailed (seed row O4)."""
        _check(purpose)
        why = NotReady().message
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        return await self.schedule(purpose, task, preference, reserve_seconds)
                    except Unavailable as error:
                        why = error.message
                    await asyncio.sleep(PAUSE_SECONDS)
        except TimeoutError:
            raise Failed(purpose, why) from None

    async def _try_schedule(
        self,
        purpose: str,
        task: str,
        preference: Preference,
        reserve_ms: int,
        avoid: NodeId | None,
    ) -> NodeInfo | None:
        """Decide by what stands, and set it; None when something else stands by then."""
        nodes = await self._alive(purpose)
        now_ms = await self._store.now_ms()
        (record,) = await self._store.records(purpose, [task])
        held = read_assignment(record, now_ms)
        owner = next((n for n in nodes if held and n.id == held.node and n.id != avoid), None)
        if held is not None and owner is not None:
            again = asked_again(held, reserve_ms, now_ms)
            if is_hardly_newer(again, held):
                return owner
            done = await self._store.put(purpose, [(task, record, again.write())])
            return owner if done[0] else None
        strategy = self._strategies[purpose]
        memory = await self._store.memory(purpose) if strategy in REMEMBERING else b""
        others = [node for node in nodes if node.id != avoid]
        chosen, turns = place(
            purpose, others, preference, strategy, read_turns(memory), self._chance()
        )
        new = reserved(chosen.id, reserve_ms, now_ms)
        remembered = write_turns(turns) if strategy in REMEMBERING else b""
        done = await self._store.put(purpose, [(task, record, new.write())], (memory, remembered))
        return chosen if done[0] else None

    async def _alive(self, purpose: str) -> list[NodeInfo]:
        try:
            return await self._registry.alive(purpose)
        except Unavailable:
            raise NotReady from None

    async def pick_up(self, purpose: str, node: NodeId, tasks: Sequence[str]) -> None:
        """Note that ``node`` executes tasks, whoever had them: the last to say so wins."""
        _check(purpose)
        reserve_ms = round(RESERVE_SECONDS * 1000)
        await self._store.change(purpose, tasks, lambda held, _: picked_up(held, node, reserve_ms))

    async def lay_down(self, purpose: str, node: NodeId, tasks: Sequence[str]) -> None:
        """Note that ``node`` executes tasks no more; they are reserved for it a while longer."""
        _check(purpose)
        await self._store.change(purpose, tasks, lambda held, now: laid_down(held, node, now))

    async def unschedule(self, purpose: str, node: NodeId, tasks: Sequence[str]) -> None:
        """Drop ``node``'s assignments of tasks; another's stay."""
        _check(purpose)
        await self._store.change(purpose, tasks, lambda held, _: unscheduled(held, node))

    async def scheduled(self, purpose: str, task: str) -> Scheduled:
        """Return who has a task. Raises NoSuchTask."""
        _check(purpose)
        now_ms = await self._store.now_ms()
        (record,) = await self._store.records(purpose, [task])
        held = read_assignment(record, now_ms)
        if held is None:
            raise NoSuchTask
        return Scheduled(task, held.node, held.is_executing, held.due_ms)

    async def tasks_of(self, purpose: str, node: NodeId) -> list[str]:
        """Return the tasks of one process, live or dead, in order."""
        return sorted(found.task for found in await self.tasks(purpose) if found.node == node)

    async def tasks(self, purpose: str) -> list[Scheduled]:
        """Return every task and who has it."""
        _check(purpose)
        now_ms = await self._store.now_ms()
        records = await self._store.all(purpose)
        pairs = ((task, read_assignment(record, now_ms)) for task, record in records.items())
        return [
            Scheduled(task, held.node, held.is_executing, held.due_ms)
            for task, held in pairs
            if held is not None
        ]

    async def tidy(self, purpose: str, gone: Callable[[NodeId], bool]) -> int:
        """Drop what is over, and the assignments of processes that are ``gone``; return how many.

        Any number of processes may tidy at once: what was changed meanwhile is left alone.
        """
        _check(purpose)
        now_ms = await self._store.now_ms()
        records = await self._store.all(purpose)
        found = {task: read_assignment(record, now_ms) for task, record in records.items()}
        drop = [task for task, held in found.items() if held is None or gone(held.node)]
        return sum(await self._store.put(purpose, [(task, records[task], b"") for task in drop]))


def _check(purpose: str) -> None:
    if purpose not in KINDS:
        raise NoScheduler(purpose)
