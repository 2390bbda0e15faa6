"""Assignments in Redis: read, and changed by compare-and-set alone."""

import json
from collections.abc import Callable, Sequence
from typing import Final

from app.cluster.assignment import Assignment, read_assignment
from app.cluster.refusals import NotReady, SchedulingFailed
from app.cluster.strategy import Turns
from app.core.errors import Unavailable
from app.core.ids import NodeId
from app.store import keys
from app.store.redis import Redis

KEPT_MS: Final = keys.TTL_SECONDS * 1000

TRIES: Final = 20
"""Of one change that others keep coming between; each of theirs has succeeded then."""

Change = Callable[[Assignment | None, int], Assignment | None]
"""(what stands, now in ms) → what is to stand; None is nothing."""


class AssignmentStore:
    """The records of all purposes. Every method raises NotReady while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def now_ms(self) -> int:
        """Return the time that all processes share."""
        try:
            return await self._redis.steady_ms()
        except Unavailable:
            raise NotReady from None

    async def records(self, purpose: str, tasks: Sequence[str]) -> list[bytes]:
        """Return the records of tasks; empty for one that has none."""
        if not tasks:
            return []
        try:
            found = await self._redis.fields(keys.assignments(purpose), *tasks)
        except Unavailable:
            raise NotReady from None
        return [record or b"" for record in found]

    async def all(self, purpose: str) -> dict[str, bytes]:
        """Return every record of a purpose."""
        try:
            found = await self._redis.hash(keys.assignments(purpose))
        except Unavailable:
            raise NotReady from None
        return {task.decode(): record for task, record in found.items()}

    async def memory(self, purpose: str) -> bytes:
        """Return what the strategy of a purpose remembers (``read_turns``)."""
        try:
            return await self._redis.text(keys.strategy_memory(purpose))
        except Unavailable:
            raise NotReady from None

    async def put(
        self,
        purpose: str,
        changes: Sequence[tuple[str, bytes, bytes]],
        memory: tuple[bytes, bytes] = (b"", b""),
    ) -> list[bool]:
        """Set each (task, record seen, new record) that is still as it was seen; tell which were.

        ``memory`` is what was seen of the strategy's memory and what it becomes; where another
        stands by now, nothing is set.
        """
        if not changes:
            return []
        words = [word for change in changes for word in change]
        where = [keys.assignments(purpose), keys.strategy_memory(purpose)]
        try:
            reply = await self._redis.script("assign", where, [KEPT_MS, *memory, *words])
        except Unavailable:
            raise NotReady from None
        return [bool(done) for done in reply]

    async def change(self, purpose: str, tasks: Sequence[str], change: Change) -> None:
        """Apply a pure change to each task, again to those that others came between."""
        left = list(dict.fromkeys(tasks))
        for _ in range(TRIES):
            if not left:
                return
            now_ms = await self.now_ms()
            records = await self.records(purpose, left)
            wanted = [
                (task, record, written(change(read_assignment(record, now_ms), now_ms)))
                for task, record in zip(left, records, strict=True)
            ]
            wanted = [one for one in wanted if one[1] != one[2]]
            done = await self.put(purpose, wanted)
            left = [one[0] for one, good in zip(wanted, done, strict=True) if not good]
        raise SchedulingFailed(purpose, "others came between too often")


def written(assignment: Assignment | None) -> bytes:
    """Return an assignment's record; empty for none."""
    return b"" if assignment is None else assignment.write()


def read_turns(text: bytes) -> Turns:
    """Return what a strategy remembers; nothing where that cannot be read."""
    try:
        found = json.loads(text or b"{}")
        return Turns(found["last"], {NodeId(k): int(v) for k, v in found["weights"].items()})
    except (ValueError, KeyError, AttributeError, TypeError):
        return Turns()


def write_turns(turns: Turns) -> bytes:
    """Return what Redis keeps of a strategy's memory."""
    return json.dumps({"last": turns.last, "weights": dict(turns.weights)}).encode()
