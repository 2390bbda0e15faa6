"""How late the event loop runs: what every connection of the process feels at once."""

import asyncio
import time
from collections.abc import Callable

from app.core import metrics
from app.core.clock import Clock

TICK_SECONDS = 0.02
"""Between two looks. A stall is seen less by at most this much."""


class LoopWatch:
    """Measures the loop that opens it until it is closed.

    Two numbers per tick: the lag, which is what clients feel, also when another program has the
    core; and the stall, which is the part of it that this process spent computing in one piece,
    which is ours to answer for on any machine.

    It ticks 50 times a second in every process, so a tick is a bare timer, no task that sleeps.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._due = self._spent = 0.0

    async def open(self) -> None:
        """Begin to measure."""
        loop = asyncio.get_running_loop()
        metrics.TASKS.set_function(_count_tasks(loop))
        self._wait(loop, self._clock.now(), time.thread_time())

    async def close(self) -> None:
        """Stop. Safe to call twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, loop: asyncio.AbstractEventLoop, now: float, spent: float) -> None:
        self._due, self._spent = now + TICK_SECONDS, spent
        self._timer = loop.call_later(TICK_SECONDS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now, spent = self._clock.now(), time.thread_time()
        lag = max(0.0, now - self._due)
        metrics.LOOP_LAG_SECONDS.observe(lag)
        metrics.LOOP_STALL_SECONDS.observe(min(lag, spent - self._spent))
        self._wait(loop, now, spent)


def _count_tasks(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    return lambda: float(len(asyncio.all_tasks(loop)))
