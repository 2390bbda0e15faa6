"""What becomes of rooms whose relay dies or drains; runs in every api process."""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from app.cluster.node import NodeInfo, NodeState
from app.cluster.placement import Absences
from app.cluster.registry import Registry
from app.cluster.scheduler import Scheduler
from app.core.clock import Clock
from app.core.errors import Unavailable
from app.core.ids import NodeId, RoomId
from app.core.tasks import OnCrash, Tasks
from app.lecture.media import PURPOSE, Media
from app.lecture.rounds import repeat
from app.rooms.presence import Presence
from app.rooms.store import RoomStore

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 0.5
"""Two looks confirm a death, so this is most of what a class waits for (promise P5)."""

FULL_LOOK: Final = 10
"""Looks after which all rooms of this process are looked at, though no relay is missing: one may
have died before this process saw it."""

MOVES: Final = 10
"""Rooms that one look takes off draining relays: their clients all come at once."""

TIDY_LOOKS: Final = 20
"""Looks between two rounds that drop the assignments of processes that are gone."""


class RelayWatch:
    """Takes rooms off relays that are gone, and gives those of draining ones to others.

    Either way the room's clients are told once (``media_moved``) and offer again; room and
    questions are untouched. Any number of processes may watch: each room's outcome is decided
    once, in its script.
    """

    def __init__(
        self,
        rooms: RoomStore,
        presence: Presence,
        media: Media,
        registry: Registry,
        scheduler: Scheduler,
        clock: Clock,
    ) -> None:
        self._rooms = rooms
        self._presence = presence
        self._media = media
        self._registry = registry
        self._scheduler = scheduler
        self._clock = clock
        self._absences = Absences()
        self._known: set[NodeId] = set()
        self._absent: set[NodeId] = set()
        self._looks = 0
        self._tasks = Tasks("relay-watch")

    async def open(self) -> None:
        """Begin, also while Redis is away."""
        _ = self._tasks.start("look", repeat("relays", LOOK_SECONDS, self.look), OnCrash.RESTART)

    async def close(self) -> None:
        """Stop. Safe to call twice."""
        await self._tasks.close()

    async def look(self) -> None:
        """Look once. Raises Unavailable, after which no relay is taken for dead for a while."""
        try:
            relays = {node.id: node for node in await self._registry.alive(PURPOSE)}
            self._looks += 1
            await self._look_at(relays)
            if self._looks % TIDY_LOOKS == 0:
                await self._tidy(set(relays))
        except Unavailable:
            self._absences.blind()
            raise

    async def _look_at(self, relays: Mapping[NodeId, NodeInfo]) -> None:
        draining = {node.id for node in relays.values() if node.state is NodeState.DRAINING}
        is_full_look = self._looks % FULL_LOOK == 1
        if not draining and self._known <= relays.keys() and not is_full_look:
            _ = self._absences.lost((), relays, self._clock.now())
            return
        placed = await self._placed()
        used = self._known | set(placed.values())
        lost = self._absences.lost(used, relays, self._clock.now())
        self._known = (used | relays.keys()) - lost
        for relay in sorted(lost):
            await self._leave_dead(relay, placed)
        if draining:
            await self._leave_draining(draining, placed)

    async def _placed(self) -> dict[RoomId, NodeId]:
        """Return the relay of each room that this process serves."""
        rooms = sorted(self._presence.rooms())
        found = await asyncio.gather(*(self._rooms.relay_of(room) for room in rooms))
        return {room: relay for room, relay in zip(rooms, found, strict=True) if relay is not None}

    async def _rooms_on(self, relay: NodeId, placed: Mapping[RoomId, NodeId]) -> list[RoomId]:
        """Return the rooms of a relay, this process' own first, also those that nobody serves."""
        ours = [room for room, where in placed.items() if where == relay]
        known = await self._scheduler.tasks_of(PURPOSE, relay)
        return ours + [RoomId(room) for room in known if RoomId(room) not in placed]

    async def _leave_dead(self, relay: NodeId, placed: Mapping[RoomId, NodeId]) -> None:
        self._media.died(relay)
        rooms = await self._rooms_on(relay, placed)
        say = log.warning if rooms else log.info
        say("a relay is gone", relay=relay, rooms=len(rooms))
        moved = await asyncio.gather(*(self._rooms.media_moved(room, relay) for room in rooms))
        for room, is_ours in zip(rooms, moved, strict=True):
            if is_ours:
                log.warning("a room's relay is gone", room=room, relay=relay)
        await self._leave_branch(relay, placed, drains=False)
        await self._scheduler.unschedule(PURPOSE, relay, rooms)
        _ = await self._registry.bury(PURPOSE, relay)

    async def _leave_draining(self, draining: set[NodeId], placed: Mapping[RoomId, NodeId]) -> None:
        left = MOVES
        for relay in sorted(draining):
            for room in (await self._rooms_on(relay, placed))[:left]:
                left -= 1
                await self._move(room, relay)
            await self._leave_branch(relay, placed, drains=True)

    async def _leave_branch(
        self, relay: NodeId, placed: Mapping[RoomId, NodeId], *, drains: bool
    ) -> None:
        """Tell the rooms that are on a relay, too, but whose presenter is elsewhere."""
        for room, first in sorted(placed.items()):
            if first != relay and await self._rooms.relay_lost(room, relay, drains=drains):
                log.warning("a room leaves a relay", room=room, relay=relay, drains=drains)

    async def _move(self, room: RoomId, relay: NodeId) -> None:
        """Give a room to another relay, if one takes it; its clients leave when they have it."""
        if await self._rooms.relay_of(room) != relay:
            await self._scheduler.unschedule(PURPOSE, relay, [room])
            return
        target = await self._media.relay_for(room, relay)
        if target != relay and await self._rooms.place(room, relay, target) == target:
            log.info("a room leaves a draining relay", room=room, relay=relay, target=target)

    async def _tidy(self, alive: set[NodeId]) -> None:
        """Drop assignments that are over, and those of whoever is missing for the second time."""
        absent = {task.node for task in await self._scheduler.tasks(PURPOSE)} - alive
        gone, self._absent = absent & self._absent, absent
        _ = await self._scheduler.tidy(PURPOSE, lambda node: node in gone)
