"""The relay processes of one machine, and one that waits to take the place of any of them."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from app.child import Child
from app.core.tasks import OnCrash, Tasks

log = structlog.get_logger(__name__)

RESPAWN_SECONDS: Final = 1.0
"""Before another spare is started: the one that was taken needs the core now."""


class RelayPool:
    """Starts relays. Most of a start is reading code, so a spare has done that already and waits to
    be told which relay it is: a relay that is killed is replaced at once (seed rows L33, M2).

    ``make`` returns a new child that waits for a line on its standard input.
    """

    def __init__(self, make: Callable[[], Child]) -> None:
        self._make = make
        self._spare: Child | None = None
        self._tasks = Tasks("pool")
        self._wanted = asyncio.Event()

    def prepare(self) -> None:
        """Keep a spare from now on."""
        self._wanted.set()
        _ = self._tasks.start("spare", self._keep_spare, OnCrash.RESTART)

    async def take(self) -> Child:
        """Return a child that runs and has not been told anything."""
        spare, self._spare = self._spare, None
        self._wanted.set()
        if spare is not None and spare.is_running:
            return spare
        child = self._make()
        await child.start()
        return child

    @property
    def has_spare(self) -> bool:
        """Tell whether a spare waits."""
        return self._spare is not None and self._spare.is_running

    async def close(self, patience: float) -> None:
        """Keep no spare any more. Safe to call twice."""
        await self._tasks.close()
        spare, self._spare = self._spare, None
        if spare is not None:
            _ = await spare.stop(patience)

    async def _keep_spare(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await asyncio.sleep(RESPAWN_SECONDS)
            if self._spare is None:
                child = self._make()
                await child.start()
                self._spare = child
                _ = self._tasks.start("watch", partial(self._watch, child))

    async def _watch(self, child: Child) -> None:
        """Have a spare that dies replaced."""
        code = await child.wait()
        if self._spare is child:
            log.warning("the spare relay ended", code=code)
            self._spare = None
            self._wanted.set()


class RelaySlot:
    """One relay of this machine, whichever process it is at the time: a ``Child`` to its keeper."""

    def __init__(self, index: int, core: int | None, pool: RelayPool) -> None:
        self.name = f"relay-{index}"
        self._line = f"{index} {'-' if core is None else core}\n".encode()
        self._pool = pool
        self._child: Child | None = None

    async def start(self) -> None:
        """Make a process this relay. Raises OSError when there is none to be had."""
        self._child = await self._pool.take()
        self._child.tell(self._line)

    async def wait(self) -> int:
        """Return the exit code of the running process; a signal is negative."""
        assert self._child is not None, "start() comes first"
        return await self._child.wait()

    async def stop(self, patience: float) -> bool:
        """End it as ``Child.stop`` does."""
        return self._child is None or await self._child.stop(patience)

    def kill(self) -> None:
        """End it at once."""
        if self._child is not None:
            self._child.kill()


def core_of(index: int, relays: int, cores: list[int]) -> int:
    """Return the core for relay ``index`` of ``relays``: in turn over all, but not the first one
    where there are cores for all without it; that one is for the api and Redis."""
    free = cores[1:] if len(cores) > relays else cores
    return free[index % len(free)]
