"""The only place that creates background tasks: each has an owner, a name and a crash policy."""

import asyncio
import enum
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)

RESTART_DELAY = 0.5
"""Seconds between a crash and the next try of a task whose policy is ``RESTART``."""

CLOSE_TIMEOUT = 5.0
"""Seconds that ``close`` gives cancelled tasks before it stops waiting for them."""


class OnCrash(enum.Enum):
    """What happens when a task ends with an exception."""

    LOG = "log"
    """Log it with its traceback and let the task be gone."""

    RESTART = "restart"
    """Log it, wait ``RESTART_DELAY`` and call the function again."""


class Tasks:
    """The background tasks of one owner.

    Guarantees that no task outlives ``close`` by more than ``CLOSE_TIMEOUT``, that no exception
    is lost, and that the number of live tasks can be seen (``len``). The owner calls ``close``.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._tasks)

    def start(
        self,
        name: str,
        run: Callable[[], Coroutine[Any, Any, None]],
        on_crash: OnCrash = OnCrash.LOG,
    ) -> asyncio.Task[None]:
        """Run ``run()`` in the background as ``owner.name``. Raises RuntimeError once closed."""
        if self._closed:
            raise RuntimeError(f"{self._owner} is closed")
        task = asyncio.create_task(
            self._supervise(name, run, on_crash), name=f"{self._owner}.{name}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _supervise(
        self, name: str, run: Callable[[], Awaitable[None]], on_crash: OnCrash
    ) -> None:
        while True:
            try:
                await run()
            except Exception:
                log.exception("task crashed", owner=self._owner, task=name)
                if on_crash is OnCrash.LOG:
                    return
                await asyncio.sleep(RESTART_DELAY)
            else:
                return

    async def close(self) -> None:
        """Cancel every task and wait for their ends. Safe to call twice."""
        self._closed = True
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT)
            for task in late:
                log.error("task did not end", task=task.get_name())
