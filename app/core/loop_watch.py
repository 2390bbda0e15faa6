"""How late the event loop runs: what every connection of the process feels at once."""

import asyncio
import time
from collections.abc import Callable

from app.core import metrics
from app.core.clock import Clock
from app.core.tasks import OnCrash, Tasks

TICK_SECONDS = 0.02
"""Between two looks. A stall is seen less by at most this much."""


class LoopWatch:
    """Measures the loop that opens it until it is closed.

    Two numbers per tick: the lag, which is what clients feel, also when another program has the
    core; and the stall, which is the part of it that this process spent computing in one piece,
    which is ours to answer for on any machine.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks = Tasks("loop")

    async def open(self) -> None:
        """Begin to measure."""
        metrics.TASKS.set_function(_count_tasks(asyncio.get_running_loop()))
        _ = self._tasks.start("watch", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop. Safe to call twice."""
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            due, spent = self._clock.now() + TICK_SECONDS, time.thread_time()
            await asyncio.sleep(TICK_SECONDS)
            lag = max(0.0, self._clock.now() - due)
            metrics.LOOP_LAG_SECONDS.observe(lag)
            metrics.LOOP_STALL_SECONDS.observe(min(lag, time.thread_time() - spent))


def _count_tasks(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    return lambda: float(len(asyncio.all_tasks(loop)))
