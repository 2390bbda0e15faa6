"""Copies of live rooms that follow each event, so that little is lost when a room is deleted."""

import asyncio
from typing import Final, Protocol

import structlog

from app.core.clock import Clock
from app.core.errors import Unavailable
from app.core.ids import RoomId
from app.core.tasks import OnCrash, Tasks
from app.rooms.copies import Copies
from app.rooms.presence import Presence
from app.store.events import RoomEvent
from app.store.fanout import Sink

log = structlog.get_logger(__name__)

COPYING_SHARE: Final = 20
"""A room is left alone for so many times as long as its last copy took: copying takes Redis and
this process a twentieth of their time at most."""

MOST_SECONDS: Final = 0.25
"""And for no longer than this; the keeper copies as often, whatever happens."""


class FanOutPort(Protocol):
    """``store.fanout.FanOut``."""

    async def subscribe(self, room: RoomId, sink: Sink, after: int | None = None) -> int: ...

    def unsubscribe(self, room: RoomId, sink: Sink) -> None: ...


class Copying:
    """Copies a room whose presenter this process holds as soon as something happened in it.

    What was acknowledged before the last copy is in it. What was acknowledged in the milliseconds
    since is not: a copy begins when its event is heard, and no write waits for it. ``Keeper``
    notices that a room is gone, and writes it back.
    """

    def __init__(
        self, copies: Copies, presence: Presence, fanout: FanOutPort, clock: Clock
    ) -> None:
        self._copies = copies
        self._presence = presence
        self._fanout = fanout
        self._clock = clock
        self._followed: set[RoomId] = set()
        self._changed: set[RoomId] = set()
        self._not_before: dict[RoomId, float] = {}
        """When a room may be copied again; known once its last copy is made."""
        self._wake = asyncio.Event()
        self._tasks = Tasks("copying")

    async def open(self) -> None:
        """Begin."""
        _ = self._tasks.start("copy", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop. Safe to call twice."""
        await self._tasks.close()
        for room in self._followed:
            self._fanout.unsubscribe(room, self._heard)
        self._followed.clear()

    async def follow(self) -> None:
        """Follow the rooms whose presenters this process holds now, and no others.

        Raises Unavailable, and is called again.
        """
        held = {slot.room for slot in self._presence.held()}
        for room in self._followed - held:
            self._fanout.unsubscribe(room, self._heard)
            self._followed.discard(room)
            self._forget(room)
        for room in held - self._followed:
            _ = await self._fanout.subscribe(room, self._heard)
            self._followed.add(room)

    def _heard(self, event: RoomEvent) -> None:
        if event.type == "ended":  # after which the fan-out drops us
            self._followed.discard(event.room)
            self._forget(event.room)
        elif event.room not in self._changed:
            self._changed.add(event.room)
            self._wake.set()

    async def _run(self) -> None:
        while True:
            now = self._clock.now()
            for room in [room for room in self._changed if self._due(room) <= now]:
                await self._copy(room)
            waits = [self._due(room) - self._clock.now() for room in self._changed]
            self._wake.clear()
            try:
                async with asyncio.timeout(max(0.0, min(waits)) if waits else None):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _due(self, room: RoomId) -> float:
        return self._not_before.get(room, 0.0)

    async def _copy(self, room: RoomId) -> None:
        self._changed.discard(room)  # before it is copied: what comes meanwhile may be in no copy
        began = self._clock.now()
        try:
            _ = await self._copies.refresh(room)
        except Unavailable:
            rest = MOST_SECONDS
        else:
            rest = min((self._clock.now() - began) * COPYING_SHARE, MOST_SECONDS)
        if room in self._followed:
            self._not_before[room] = self._clock.now() + rest

    def _forget(self, room: RoomId) -> None:
        self._changed.discard(room)
        self._not_before.pop(room, None)
