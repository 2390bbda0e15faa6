"""Why nothing was placed: OWT's own sentences (seed row O16), each with a word for machines.

The classes are those of ``core.errors`` underneath, so every edge already knows what to answer.
"""

from typing import ClassVar

from app.core.errors import BadRequest, NotFound, Unavailable


class AllFull(Unavailable):
    """Nobody takes anything new: all are full, draining, or have not reported yet."""

    reason: ClassVar[str] = "all_full"

    def __init__(self) -> None:
        super().__init__("No worker available, all in full load.")


class NoMatch(Unavailable):
    """Somebody takes something new, but nobody whom the preference admits."""

    reason: ClassVar[str] = "no_match"

    def __init__(self) -> None:
        super().__init__("No worker matches the preference.")


class NoScheduler(BadRequest):
    """Nothing of this purpose is ever placed."""

    reason: ClassVar[str] = "no_scheduler"

    def __init__(self, purpose: str) -> None:
        super().__init__(f"No scheduler for purpose: {purpose}")


class NotReady(Unavailable):
    """Assignments cannot be read or written now: Redis is away."""

    reason: ClassVar[str] = "not_ready"

    def __init__(self) -> None:
        super().__init__("cluster manager is not ready.")


class SchedulingFailed(Unavailable):
    """Nobody was found within the time that the caller waited."""

    reason: ClassVar[str] = "scheduling_failed"

    def __init__(self, purpose: str, why: str) -> None:
        super().__init__(f"Failed in scheduling {purpose} worker, reason: {why}")


class NoSuchTask(NotFound):
    """The task is assigned to nobody."""

    reason: ClassVar[str] = "no_such_task"

    def __init__(self) -> None:
        super().__init__("No such a task")


class NoSuchWorker(NotFound):
    """No live process has this id."""

    reason: ClassVar[str] = "no_such_worker"

    def __init__(self, node: str) -> None:
        super().__init__(f"Worker [{node}] does NOT exist.")
