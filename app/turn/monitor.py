"""``python -m app turn``: runs one coturn, and tells the others whether and how far it is there."""

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

import structlog

from app.core.clock import Clock
from app.core.errors import Unavailable
from app.core.tasks import OnCrash, Tasks
from app.turn import coturn, probe
from app.turn.choice import TurnServer
from app.turn.config import TurnConfig
from app.turn.door import RedisDoor
from app.turn.figures import Health
from app.turn.keyring import Keyring
from app.turn.restarts import Restarts
from app.turn.traffic import SAMPLE_SECONDS, TrafficMeter, read_totals
from app.turn.usage import UsageBook

log = structlog.get_logger(__name__)

BEAT_SECONDS = 1.0

STARTING_SECONDS = 5.0
"""Since its start; coturn has answered by then, or something is wrong."""

STARTING_BEAT_SECONDS = 0.1
"""Between two beats until a coturn that was just started answers."""

SILENT_SECONDS = 3.0
"""Without an answer to STUN for this long, a coturn that runs is offered to nobody."""

HUNG_SECONDS = 15.0
"""Without one for this long it is ended, to be started again."""

STOP_SECONDS = 4.0
"""coturn has nothing to save: it ends within a second, or is killed."""

UNSEEN_SECONDS = 2.5
"""For which a server stays away whose monitor was killed a moment ago: every api process looks
each second and must see it gone, since whoever used it needs another one now."""

LOG_BYTES = 5_000_000
"""At which coturn's own log begins anew; strangers can make it write."""


class ChildPort(Protocol):
    """``app.child.Child``."""

    @property
    def is_running(self) -> bool: ...
    async def start(self) -> None: ...
    async def wait(self) -> int: ...
    async def stop(self, patience: float) -> bool: ...
    def kill(self) -> None: ...


class Registry(Protocol):
    """The part of ``store.TurnStore`` that says who is there."""

    async def announce(self, server: TurnServer) -> None: ...
    async def is_announced(self, server: str) -> bool: ...
    async def withdraw(self, server: str) -> None: ...


class Monitor:
    """One coturn, from its configuration to its end. Opened and closed once.

    Guarantees that coturn is in the registry only while it runs and answers; that it is started
    again after it died, and never once ``close`` was called; and that ``close`` leaves the
    registry first, then saves, then ends coturn.
    """

    def __init__(
        self,
        config: TurnConfig,
        registry: Registry,
        keyring: Keyring,
        child: ChildPort,
        clock: Clock,
        *,
        door: RedisDoor | None,
        book: UsageBook,
        network: Callable[[], str],
    ) -> None:
        self._config = config
        self._registry = registry
        self._keyring = keyring
        self._child = child
        self._clock = clock
        self._door = door
        self._book = book
        self._network = network
        self._meter = TrafficMeter(config.capacity_bps)
        self._sampled = float("-inf")
        self._heard = float("-inf")
        self._began = float("-inf")
        self._restarts = 0
        self._is_announced = False
        self._complained = False
        self._closing = False
        self._announcing = asyncio.Lock()
        self._tasks = Tasks("turn")

    async def open(self) -> None:
        """Start coturn. Raises OSError when its folder or the door's port is not to be had."""
        if self._door is not None:
            await self._door.open()
        coturn.write(self._config, None if self._door is None else self._door.address)
        await self._beat_keyring()
        _ = self._tasks.start("child", self._keep_running, OnCrash.RESTART)
        _ = self._tasks.start("beat", self._beat, OnCrash.RESTART)

    async def close(self) -> None:
        """Leave the registry, save, end coturn. Safe to call twice, and while Redis is away."""
        self._closing = True
        async with self._announcing:  # one that is under way would arrive after we have left:
            pass  # cancelling a beat does not call back the write that it has sent
        await self._tasks.close()  # first, so that nothing is started again
        await self._withdraw()
        try:
            await self._keyring.save()
        except Unavailable as error:
            log.warning("the secrets could not be saved", reason=error.message)
        if not await self._child.stop(STOP_SECONDS):
            log.warning("coturn did not end in time and was killed")
        if self._door is not None:
            await self._door.close()

    def health(self) -> Health:
        """Return what is to be reported now."""
        return Health(self._is_up(), self._meter.free, self._restarts)

    def _is_up(self) -> bool:
        return self._child.is_running and self._clock.now() - self._heard < SILENT_SECONDS

    async def _keep_running(self) -> None:
        restarts = Restarts()
        await self._end_of_an_earlier_life()
        while True:
            self._began = self._clock.now()
            await self._child.start()
            code = await self._child.wait()
            self._heard = float("-inf")
            self._book.child_ended()
            self._restarts += 1
            delay = restarts.delay(self._clock.now() - self._began)
            log.warning("coturn ended", code=code, restart_seconds=delay, why=self._last_words())
            await self._withdraw()
            await asyncio.sleep(delay)

    async def _end_of_an_earlier_life(self) -> None:
        """Leave the registry for one that was killed and could not."""
        try:
            self._is_announced = await self._registry.is_announced(self._config.id)
        except Unavailable:
            return
        if self._is_announced:
            await self._withdraw()
            await asyncio.sleep(UNSEEN_SECONDS)

    def _last_words(self) -> str:
        try:
            text = (self._config.folder / coturn.LOG_FILE).read_text(errors="replace")
        except OSError:
            return ""
        lines = [line for line in text.splitlines() if "ERROR" in line or "Cannot" in line]
        return lines[-1] if lines else ""

    async def _beat(self) -> None:
        while True:
            began = self._clock.now()
            await self._listen()
            self._measure()
            await self._beat_keyring()
            await self._say()
            pause = STARTING_BEAT_SECONDS if self._is_starting() else BEAT_SECONDS
            await asyncio.sleep(max(0.05, pause - (self._clock.now() - began)))

    def _is_starting(self) -> bool:
        never = self._began == float("-inf")
        is_young = self._clock.now() - self._began < STARTING_SECONDS
        return (self._heard < self._began and is_young) or never

    async def _listen(self) -> None:
        if not self._child.is_running:
            return
        if await probe.is_answering(self._config.bind, self._config.port):
            self._heard = self._clock.now()
        elif self._clock.now() - max(self._heard, self._began) > HUNG_SECONDS:
            log.error("coturn runs but does not answer; it is ended")
            self._child.kill()

    def _measure(self) -> None:
        now = self._clock.now()
        if now - self._sampled < SAMPLE_SECONDS:
            return
        self._sampled = now
        self._meter.sample(read_totals(self._network(), self._config.interface), now)
        self._book.forget(now)
        path = self._config.folder / coturn.LOG_FILE
        if path.exists() and path.stat().st_size > LOG_BYTES:
            os.truncate(path, 0)

    async def _beat_keyring(self) -> None:
        try:
            await self._keyring.turn(self._clock.wall())
        except Unavailable as error:
            self._complain("the secrets could not be looked at", error)
        else:
            self._complained = False

    async def _say(self) -> None:
        if not self._is_up():
            await self._withdraw()
            return
        async with self._announcing:
            if self._closing:
                return
            self._is_announced = True  # before: a write without an answer may have arrived
            try:
                await self._registry.announce(self._server())
            except Unavailable as error:
                self._complain("no heartbeat", error)

    def _server(self) -> TurnServer:
        config = self._config
        return TurnServer(
            id=config.id,
            urls=config.urls,
            region=config.region,
            free_mbps=self._meter.free,
            rest_address=config.rest_address,
            long_term=self._keyring.long_term,
        )

    async def _withdraw(self) -> None:
        if not self._is_announced:
            return
        try:
            await self._registry.withdraw(self._config.id)
            self._is_announced = False
        except Unavailable as error:
            self._complain("could not withdraw", error)

    def _complain(self, what: str, error: Unavailable) -> None:
        if not self._complained:
            log.warning(what, reason=error.message)
        self._complained = True
