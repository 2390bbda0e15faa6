"""What one process says of itself: how full it is, and whether it takes anything new."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from app.cluster.node import NodeInfo, NodeState
from app.cluster.usage import MEMORY_FILE, Totals, UsageMeter, resident_bytes
from app.core.clock import Clock

log = structlog.get_logger(__name__)

CALM_SHARE: Final = 0.05
"""A full process is ready again this far below its maximal load, so that it does not flap."""

OVERLOAD_SHARE: Final = 0.98
"""From here on a line is logged; what the process has, it keeps (seed row O19)."""

PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class Condition:
    """Describes this process for each heartbeat.

    ``base`` is what does not change. ``load`` returns how full it is by its own measure, 0 to 1;
    CPU (of one core) and memory (of ``memory_cap_bytes``) count too, and the fullest is the load.
    Being full keeps new work away and touches nothing that is there.
    """

    def __init__(
        self,
        base: NodeInfo,
        clock: Clock,
        load: Callable[[], float],
        *,
        media: Callable[[], tuple[int, int]] = lambda: (0, 0),
        memory_cap_bytes: int,
    ) -> None:
        """``media`` returns the (packets, bytes) sent so far."""
        self._base = base
        self._clock = clock
        self._load = load
        self._media = media
        self._memory_cap_bytes = memory_cap_bytes
        self._is_open = False
        self._is_draining = False
        self._is_full = False
        self._is_overloaded = False
        self._meter = UsageMeter(clock.now(), self._totals())

    def measured_by(self, load: Callable[[], float]) -> None:
        """Take another measure of how full the process is, once there is one."""
        self._load = load

    def opened(self) -> None:
        """Take work from now on: clients reach this process."""
        self._is_open = True

    def drain(self) -> None:
        """Take nothing new from now on."""
        self._is_draining = True

    @property
    def is_draining(self) -> bool:
        return self._is_draining

    def describe(self) -> NodeInfo:
        """Return the process as it is now; before ``opened`` it reports no load (seed row O8)."""
        if not self._is_open:
            state = NodeState.DRAINING if self._is_draining else NodeState.INITIALIZING
            return replace(self._base, load=None, state=state)
        memory = resident_bytes(MEMORY_FILE.read_text, PAGE_BYTES)
        usage = self._meter.read(self._totals(), memory, self._clock.now())
        share = max(self._load(), usage.cpu, memory / self._memory_cap_bytes)
        self._note(share)
        return replace(
            self._base, load=round(share * self._base.capacity, 4), state=self._state, usage=usage
        )

    def _totals(self) -> Totals:
        times = os.times()
        return Totals(times.user + times.system, *self._media())

    def _note(self, share: float) -> None:
        most = self._base.max_load
        was_full = self._is_full
        self._is_full = share >= (most - CALM_SHARE if was_full else most)
        if self._is_full != was_full:
            log.info("full" if self._is_full else "not full any more", share=round(share, 2))
        was_overloaded, self._is_overloaded = self._is_overloaded, share > OVERLOAD_SHARE
        if self._is_overloaded and not was_overloaded:
            log.warning("overloaded: nothing new comes, what is here stays", share=round(share, 2))

    @property
    def _state(self) -> NodeState:
        if self._is_draining:
            return NodeState.DRAINING
        return NodeState.FULL if self._is_full else NodeState.READY
