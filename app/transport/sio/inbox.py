"""What one client asked for and is not done yet: handled in order, one at a time, bounded.

Handlers wait for stores and relays. In the session's receive loop they would hold back the
client's own pongs (the session would be closed as silent), so the loop only files them here.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.core.clock import Clock
from app.core.errors import RateLimited, Unavailable
from app.core.tasks import Tasks

Run = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Job:
    run: Run
    expire: Callable[[Unavailable], None] | None
    size: int
    filed_at: float


class Inbox:
    """One client's line of jobs. A task exists only while there is something to do."""

    def __init__(
        self, tasks: Tasks, clock: Clock, max_jobs: int, max_bytes: int, max_age: float
    ) -> None:
        self._tasks = tasks
        self._clock = clock
        self._max_jobs = max_jobs
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._jobs: deque[_Job] = deque()
        self._bytes = 0
        self._running = False

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def is_busy(self) -> bool:
        """Something waits or is being handled."""
        return self._running

    def file(self, run: Run, size: int, expire: Callable[[Unavailable], None]) -> None:
        """Add an event. ``expire`` is called in place of ``run`` if it waits for too long.

        Raises RateLimited when as much waits as may.
        """
        if len(self._jobs) >= self._max_jobs or self._bytes > self._max_bytes:
            raise RateLimited("too much is waiting already: slow down")
        self._add(_Job(run, expire, size, self._clock.now()))

    def file_always(self, run: Run) -> None:
        """Add what must happen whatever waits before it (there are at most a few per client)."""
        self._add(_Job(run, None, 0, self._clock.now()))

    def _add(self, job: _Job) -> None:
        self._jobs.append(job)
        self._bytes += job.size
        if not self._running:
            self._running = True
            _ = self._tasks.start("inbox", self._work)

    async def _work(self) -> None:
        try:
            while self._jobs:
                job = self._jobs.popleft()
                self._bytes -= job.size
                if job.expire and self._clock.now() - job.filed_at > self._max_age:
                    job.expire(Unavailable("the server is slow to answer; try again"))
                else:
                    await job.run()
        finally:
            self._running = False
