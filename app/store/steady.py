"""Redis' time without the jumps of its date: what deadlines in Redis are counted in.

A server's date is set by people, by NTP, by a failover to another machine. A process' monotonic
clock is not, and says between two looks at the date whether it jumped. By how much the date is
ahead of the time that has passed since is then taken off it, for all processes: the *correction*.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import structlog

from app.core.clock import Clock
from app.core.errors import LecternError

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
"""Between two looks at Redis' date, while anything is asked of it."""

SURE_SECONDS: Final = 0.5
"""A look that took longer says too little about when the date was read."""

JUMP_MS: Final = 1000.0
"""A smaller difference is the clocks' own, and is followed: no deadline is that near."""

DRIFT: Final = 500e-6
"""Of two clocks against each other: how far they may part without any having jumped."""


class Stamp(NamedTuple):
    """What a script is given to know the time by (``_clock.lua``)."""

    correction_ms: int
    """Added to Redis' date."""
    now_ms: int
    """The time when the command was sent."""


Read = Callable[[int | None, int | None], Awaitable[tuple[float, int]]]
"""(correction as known, correction wanted) → (Redis' date in ms, correction that stands).

The wanted one is set if the known one stands, or none."""


class SteadyClock:
    """One process' view of the time that all processes share.

    It goes on at the pace of the process' own monotonic clock, whatever becomes of Redis' date. The
    process that notices a jump first corrects for it; the others take its word. What is trusted is
    the monotonic clock: a machine that stood still as a whole while Redis' did not takes the time
    that it missed for a jump.
    """

    def __init__(self, read: Read, clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._base_ms = 0.0
        """The shared time less our monotonic clock."""
        self._correction: int | None = None
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()

    @property
    def correction_ms(self) -> int:
        """What Redis' date is behind the shared time; 0 before the first look."""
        return self._correction or 0

    @property
    def is_due(self) -> bool:
        """Tell whether it is time to look again, and nobody does."""
        return self._clock.now() - self._looked_at > LOOK_SECONDS and not self._looking.locked()

    @property
    def is_set(self) -> bool:
        """Tell whether there was a first look."""
        return self._correction is not None

    def stamp(self) -> Stamp:
        """Return the time now; only after a first look."""
        return Stamp(self.correction_ms, round(self._base_ms + self._clock.now() * 1000))

    async def begin(self) -> None:
        """Take the first look, unless there was one. Raises what ``read`` raises."""
        if not self.is_set:
            async with self._looking:
                if not self.is_set:
                    await self._look()

    async def look(self) -> None:
        """Look again; what cannot be read now is read next time."""
        async with self._looking:
            try:
                await self._look()
            except LecternError:
                self._looked_at = self._clock.now()

    async def _look(self) -> None:
        began = self._clock.now()
        date_ms, stands = await self._read(self._correction, None)
        ended = self._clock.now()
        if self._correction is not None and ended - began > SURE_SECONDS:
            return
        seen_ms = date_ms - (began + ended) * 500
        ahead_ms = seen_ms + stands - self._base_ms
        jump_ms = JUMP_MS + (ended - self._looked_at) * 1000 * DRIFT
        if stands == self._correction and abs(ahead_ms) > jump_ms:
            _, stands = await self._read(stands, stands - round(ahead_ms))
            log.warning("the date of Redis jumped", seconds=round(ahead_ms / 1000, 3))
        self._correction = stands
        self._base_ms = seen_ms + stands
        self._looked_at = ended
