"""What keeps live rooms alive and ends those whose time has come; runs in every api process."""

from collections.abc import Awaitable, Callable

import structlog

from app.core.clock import Clock
from app.core.errors import Unavailable
from app.core.ids import NodeId
from app.core.tasks import OnCrash, Tasks
from app.lecture.copying import Copying
from app.lecture.ending import Endings
from app.lecture.model import LectureConfig
from app.lecture.rounds import repeat
from app.rooms.copies import Copies
from app.rooms.model import EndedRoom, holder
from app.rooms.presence import HeldSlot, Presence
from app.rooms.store import RoomStore

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 1.0
LISTENERS_SECONDS = 1.0

COPIES_SECONDS = 0.25
"""Between two looks whether a room's keys were deleted; an unchanged room is only asked for its
``seq``. ``Copying`` copies as soon as something happens."""

RENEWALS_PER_LEASE = 3
"""Two of three renewals may fail before the slot is lost."""

LISTENERS_REFRESH = 5
"""Rounds of ``publish_listeners`` after which unchanged counts are said again too."""

LISTENERS_GOOD_FOR = 20.0
"""Seconds that a count is good for; those of a process that died are gone then."""

OUTAGE_SECONDS = 3.0
"""Between two sweeps: longer than that, and Redis was away. Then leases ran out that nobody could
renew, so the holders get one round of renewals before anybody is marked away."""

LOOK_AGAIN = 30
"""Sweeps after which the rooms that this process serves are looked at even if ``rooms:due`` does
not name them: that is how a lost entry comes back."""


class Keeper:
    """Renews, counts, sweeps and watches. Each method is one round, which ``open`` repeats.

    Any number of keepers may run: each room's outcome is decided once, in its script.
    """

    def __init__(
        self,
        rooms: RoomStore,
        presence: Presence,
        endings: Endings,
        node: NodeId,
        clock: Clock,
        config: LectureConfig | None = None,
        copies: Copies | None = None,
        copying: Copying | None = None,
    ) -> None:
        self._copies = copies
        self._copying = copying
        self._rooms = rooms
        self._presence = presence
        self._endings = endings
        self._node = node
        self._clock = clock
        self._config = config or LectureConfig()
        self._sweeps = 0
        self._swept_at = clock.now()
        self._patient_until = float("-inf")
        self._listener_rounds = 0
        self._tasks = Tasks("keeper")

    async def open(self) -> None:
        """Begin all rounds, also while Redis is away."""
        renew_seconds = self._config.lease_seconds / RENEWALS_PER_LEASE
        self._repeat("sweep", SWEEP_SECONDS, self.sweep)
        self._repeat("renew", renew_seconds, self.renew)
        if self._copies is not None:
            self._repeat("copies", COPIES_SECONDS, self.copy_rooms)
        self._repeat("listeners", LISTENERS_SECONDS, self.publish_listeners)

    async def close(self) -> None:
        """Stop. The slots that are held stay held until their leases end. Safe to call twice."""
        await self._tasks.close()

    def _repeat(self, name: str, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        _ = self._tasks.start(name, repeat(name, seconds, work), OnCrash.RESTART)

    async def renew(self) -> None:
        """Lengthen the leases that this process holds, and with them all TTLs of their rooms."""
        for slot in self._presence.held():
            name = holder(self._node, slot.connection)
            if await self._rooms.renew(slot.room, name, slot.epoch, self._config.lease_seconds):
                continue
            if not await self._restore(slot):
                self._presence.drop(slot)

    async def copy_rooms(self) -> None:
        """Copy the rooms whose presenters this process holds, and write back what was deleted."""
        if self._copies is None:
            return
        held = self._presence.held()
        self._copies.retain({slot.room for slot in held})
        if self._copying is not None:
            await self._copying.follow()
        for slot in held:
            if not await self._copies.refresh(slot.room):
                await self._restore(slot)

    async def _restore(self, slot: HeldSlot) -> bool:
        """Write a deleted room back, if this process has a copy; its presenter is told."""
        if self._copies is None:
            return False
        name, lease = holder(self._node, slot.connection), self._config.lease_seconds
        due = await self._copies.restore(slot, name, lease)
        if not due:
            return False
        log.error("a live room's keys were deleted; it was written back", room=slot.room)
        await self._rooms.restored(slot.room, due)
        return True

    async def sweep(self) -> None:
        """Do what is due in any room: a dead lease, a passed deadline, an end left unfinished."""
        rooms = set(await self._rooms.due())
        if self._is_patient():
            return
        self._sweeps += 1
        if self._sweeps % LOOK_AGAIN == 0:
            rooms |= self._presence.rooms()
        for room in sorted(rooms):
            verdict = await self._rooms.look(room, self._config.grace_seconds)
            if isinstance(verdict, EndedRoom):
                await self._endings.finish(room, verdict)

    def _is_patient(self) -> bool:
        now = self._clock.now()
        if now - self._swept_at > OUTAGE_SECONDS:
            self._patient_until = now + self._config.lease_seconds / RENEWALS_PER_LEASE + 1.0
        self._swept_at = now
        return now < self._patient_until

    async def publish_listeners(self) -> None:
        """Tell Redis how many listeners this process serves, where that changed or gets old."""
        changed = set(self._presence.take_changed())
        self._listener_rounds += 1
        if self._listener_rounds % LISTENERS_REFRESH == 0:
            changed.update(self._presence.listening())
        while changed:
            room = changed.pop()
            try:
                _ = await self._rooms.set_listeners(
                    room, self._node, self._presence.count(room), LISTENERS_GOOD_FOR
                )
            except Unavailable:
                for left in (room, *changed):
                    self._presence.mark_changed(left)
                raise
