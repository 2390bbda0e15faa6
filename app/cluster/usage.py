"""How much of the machine this process uses, from counters that only grow."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app.cluster.node import Usage

SPAN_SECONDS: Final = 0.5
"""A rate is taken over at least this long."""

MEMORY_FILE: Final = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Totals:
    """What a process has used since it started."""

    cpu_seconds: float
    packets: int = 0
    bytes: int = 0
    """Of media, sent."""


class UsageMeter:
    """Turns totals into rates; ``smoothing`` of each new reading counts, so that a burst of joins
    does not pass for a full process."""

    def __init__(self, now: float, totals: Totals, smoothing: float = 0.4) -> None:
        self._mark = (now, totals)
        self._smoothing = smoothing
        self._usage = Usage()

    def read(self, totals: Totals, memory_bytes: int, now: float) -> Usage:
        """Return the usage at ``now``; its rates are those of the reading before if that was less
        than ``SPAN_SECONDS`` ago. A counter that went back is a new process: its rate is 0."""
        since, before = self._mark
        span = now - since
        if span < SPAN_SECONDS:
            return replace(self._usage, memory_bytes=memory_bytes)
        self._mark = (now, totals)
        old = self._usage
        self._usage = Usage(
            self._blend(old.cpu, (totals.cpu_seconds - before.cpu_seconds) / span),
            self._blend(old.packets_per_second, (totals.packets - before.packets) / span),
            memory_bytes,
            self._blend(old.network_bps, 8 * (totals.bytes - before.bytes) / span),
        )
        return self._usage

    def _blend(self, old: float, new: float) -> float:
        return round((1 - self._smoothing) * old + self._smoothing * max(0.0, new), 4)


def resident_bytes(read: Callable[[], str], page_bytes: int) -> int:
    """Return the resident memory that ``/proc/<pid>/statm`` tells; 0 where there is none."""
    try:
        return int(read().split()[1]) * page_bytes
    except (OSError, IndexError, ValueError):
        return 0
