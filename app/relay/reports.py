"""A relay's notices as room events: who speaks, and which section carries whose track."""

import asyncio
from dataclasses import dataclass, field

import orjson
import structlog

from app.core import metrics
from app.core.errors import LecternError
from app.core.ids import PeerId, RoomId
from app.core.tasks import OnCrash, Tasks
from app.relay.notices import Notice, SectionBound, SpeakerChanged
from app.store.redis import Redis

log = structlog.get_logger(__name__)

ROUND_SECONDS = 0.34
"""Between two reports of a room: at most three a second."""

MAX_BINDINGS = 4_000
"""Of one room that wait for the next report; more are dropped and counted."""

FIRST = 300
"""Bindings in one report."""


@dataclass(slots=True)
class _Pending:
    speaker: PeerId | None = None
    has_speaker: bool = False
    bindings: dict[tuple[PeerId, str], tuple[PeerId | None, str | None]] = field(
        default_factory=dict
    )


class Reports:
    """Collects notices and tells Redis. ``notice`` is the relay's ``Observer``.

    What cannot be told while Redis is away waits, the newest of each kind; media goes on.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._tasks = Tasks("reports")
        self._rooms: dict[RoomId, _Pending] = {}

    async def open(self) -> None:
        """Begin to report."""
        _ = self._tasks.start("report", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop. What was not told is dropped. Safe to call twice."""
        await self._tasks.close()

    def notice(self, notice: Notice) -> None:
        """Keep what members must hear of."""
        if isinstance(notice, SpeakerChanged):
            pending = self._rooms.setdefault(notice.room, _Pending())
            pending.speaker, pending.has_speaker = notice.peer, True
        elif isinstance(notice, SectionBound):
            pending = self._rooms.setdefault(notice.room, _Pending())
            if len(pending.bindings) >= MAX_BINDINGS:
                metrics.QUEUE_DROPS.labels("bindings").inc()
                return
            pending.bindings[notice.peer, notice.mid] = (notice.owner, notice.source)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            await self.report()

    async def report(self) -> None:
        """Tell what is pending, of each room at once."""
        for room in list(self._rooms):
            pending = self._rooms.pop(room)
            try:
                await self._tell(room, pending)
            except LecternError as error:
                log.debug("a report waits", room=room, reason=error.message)
                self._keep(room, pending)

    def _keep(self, room: RoomId, pending: _Pending) -> None:
        newer = self._rooms.setdefault(room, _Pending())
        newer.bindings = {**pending.bindings, **newer.bindings}
        if pending.has_speaker and not newer.has_speaker:
            newer.speaker, newer.has_speaker = pending.speaker, True

    async def _tell(self, room: RoomId, pending: _Pending) -> None:
        note: dict[str, object] = {}
        if pending.has_speaker:
            note["speaker"] = pending.speaker or ""
        pairs = list(pending.bindings.items())
        for start in range(0, max(1, len(pairs)), FIRST):
            part = pairs[start : start + FIRST]
            note["bindings"] = [
                [peer, mid, owner or "", source or ""] for (peer, mid), (owner, source) in part
            ]
            await self._redis.on_room("media_note", room, orjson.dumps(note))
            note = {}
