"""Engine.IO's pings, for all sessions at once: one timer, no task per session."""

import asyncio
from collections import deque
from typing import Protocol

from app.core.clock import Clock

TICK_SECONDS = 0.05
"""Pings that are due within this time of each other go out together."""


AT_ONCE = 500
"""Pings in one turn of the event loop: a class that came back at once is pinged at once."""


class Pinged(Protocol):
    """A session that wants a ping."""

    def ping(self, now: float) -> None: ...


class Pings:
    """Sessions in the order in which their next ping is due: the interval is the same for all."""

    def __init__(self, clock: Clock, interval_seconds: float) -> None:
        self._clock = clock
        self._interval = interval_seconds
        self._due: deque[tuple[float, Pinged]] = deque()

    def __len__(self) -> int:
        return len(self._due)

    def file(self, session: Pinged) -> None:
        """Ping ``session`` once, an interval from now."""
        self._due.append((self._clock.now() + self._interval, session))

    def send(self) -> bool:
        """Ping those who are due, ``AT_ONCE`` at most; True when that was not all."""
        now = self._clock.now()
        for _ in range(AT_ONCE):
            if not self._due or self._due[0][0] > now:
                return False
            _, session = self._due.popleft()
            session.ping(now)
        return True

    async def run(self) -> None:
        """Ping whoever is due, for ever."""
        while True:
            if self.send():
                await asyncio.sleep(0)  # the others in the next turn
                continue
            wait = self._due[0][0] - self._clock.now() if self._due else self._interval
            await asyncio.sleep(max(TICK_SECONDS, min(wait, self._interval)))
