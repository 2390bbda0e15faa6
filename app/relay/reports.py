"""A relay's notices as room events: who speaks and how loud, and what a member's own media does."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

import orjson
import structlog

from app.core import metrics
from app.core.errors import LecternError
from app.core.ids import PeerId, RoomId
from app.core.tasks import OnCrash, Tasks
from app.relay.notices import (
    BandwidthAlert,
    LayerChanged,
    LayersWanted,
    Levels,
    Notice,
    PeerLeft,
    SectionBound,
    SpeakerChanged,
    SpeakerConnected,
    TrackBegan,
)
from app.store.redis import Redis

log = structlog.get_logger(__name__)

ROUND_SECONDS = 0.34
"""Between two reports of a room: at most three a second."""

LEVEL_ROUNDS = 3
"""Levels go with every third report: a class is told them once a second."""

SILENCE_DBOV = -80
"""What is no louder is not told; where nobody is louder, the list is empty."""

MAX_PENDING = 4_000
"""Notes of one kind of one room that wait for the next report; more are dropped and counted."""

FIRST = 300
"""Notes of one kind in one report."""

MAX_ROOMS = 2_000
"""Rooms of which is remembered whether they were silent."""

MAX_PUBLISHERS = 10_000
"""Peers of which is remembered that they sent something; the oldest are forgotten first."""

_Key = tuple[PeerId, str]
_Notes = dict[_Key, list[object]]


@dataclass(slots=True)
class _Pending:
    """The newest of each thing that a room is to be told."""

    speaker: PeerId | None = None
    has_speaker: bool = False
    levels: tuple[tuple[PeerId, int], ...] | None = None
    left: dict[PeerId, None] = field(default_factory=dict)
    connected: dict[PeerId, None] = field(default_factory=dict)
    bindings: _Notes = field(default_factory=dict)
    layers: _Notes = field(default_factory=dict)
    alerts: _Notes = field(default_factory=dict)
    wanted: _Notes = field(default_factory=dict)

    def kinds(self) -> dict[str, _Notes]:
        return {
            "bindings": self.bindings,
            "layers": self.layers,
            "alerts": self.alerts,
            "wanted": self.wanted,
        }


class Reports:
    """Collects notices and tells Redis. ``notice`` is the relay's ``Observer``.

    What cannot be told while Redis is away waits, the newest of each kind; media goes on.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._tasks = Tasks("reports")
        self._rooms: dict[RoomId, _Pending] = {}
        self._sounding: OrderedDict[RoomId, bool] = OrderedDict()
        self._publishers: OrderedDict[PeerId, None] = OrderedDict()
        self._round = 0

    async def open(self) -> None:
        """Begin to report."""
        _ = self._tasks.start("report", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop. What was not told is dropped. Safe to call twice."""
        await self._tasks.close()

    def notice(self, notice: Notice) -> None:
        """Keep what members must hear of."""
        match notice:
            case SpeakerChanged():
                pending = self._pending(notice.room)
                pending.speaker, pending.has_speaker = notice.peer, True
            case Levels():
                self._take_levels(notice)
            case SpeakerConnected():
                self._pending(notice.room).connected[notice.peer] = None
            case TrackBegan():
                self._publishers[notice.peer] = None
                if len(self._publishers) > MAX_PUBLISHERS:
                    self._publishers.popitem(last=False)
            case PeerLeft():
                # Of those who only listen nobody needs to hear.
                if notice.peer in self._publishers:
                    del self._publishers[notice.peer]
                    self._pending(notice.room).left[notice.peer] = None
            case SectionBound() | LayerChanged() | BandwidthAlert() | LayersWanted():
                self._take_note(notice)
            case _:
                pass

    def _pending(self, room: RoomId) -> _Pending:
        return self._rooms.setdefault(room, _Pending())

    def _take_levels(self, notice: Levels) -> None:
        """Of one microphone alone only its silence is news: who hears it, hears how loud it is."""
        heard = tuple(pair for pair in notice.levels if pair[1] > SILENCE_DBOV)
        was_sounding = self._sounding.get(notice.room, False)
        self._sounding[notice.room] = bool(heard)
        self._sounding.move_to_end(notice.room)
        if len(self._sounding) > MAX_ROOMS:
            self._sounding.popitem(last=False)
        if len(notice.levels) > 1 or bool(heard) != was_sounding:
            self._pending(notice.room).levels = heard

    def _take_note(
        self, notice: SectionBound | LayerChanged | BandwidthAlert | LayersWanted
    ) -> None:
        pending = self._pending(notice.room)
        name, key, note = _note_of(notice)
        notes = pending.kinds()[name]
        if key not in notes and len(notes) >= MAX_PENDING:
            metrics.QUEUE_DROPS.labels(name).inc()
            return
        notes[key] = note

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            await self.report()

    async def report(self) -> None:
        """Tell what is pending, of each room at once."""
        self._round += 1
        for room in list(self._rooms):
            pending = self._rooms.pop(room)
            if pending.levels is not None and self._round % LEVEL_ROUNDS:
                self._pending(room).levels = pending.levels
                pending.levels = None
            try:
                await self._tell(room, pending)
            except LecternError as error:
                log.debug("a report waits", room=room, reason=error.message)
                self._keep(room, pending)

    def _keep(self, room: RoomId, pending: _Pending) -> None:
        newer = self._pending(room)
        for name, notes in newer.kinds().items():
            before = pending.kinds()[name]
            newest = {**before, **notes}
            notes.clear()
            notes.update(newest)
        if pending.has_speaker and not newer.has_speaker:
            newer.speaker, newer.has_speaker = pending.speaker, True
        if newer.levels is None:
            newer.levels = pending.levels
        newer.left = {**pending.left, **newer.left}
        newer.connected = {**pending.connected, **newer.connected}

    async def _tell(self, room: RoomId, pending: _Pending) -> None:
        note: dict[str, object] = {}
        if pending.has_speaker:
            note["speaker"] = pending.speaker or ""
        if pending.levels is not None:
            note["levels"] = pending.levels
        if pending.left:
            note["left"] = list(pending.left)
        if pending.connected:
            note["connected"] = list(pending.connected)
        waiting = {name: list(notes.values()) for name, notes in pending.kinds().items()}
        while note or any(waiting.values()):
            for name, notes in waiting.items():
                if notes:
                    note[name], waiting[name] = notes[:FIRST], notes[FIRST:]
            await self._redis.on_room("media_note", room, orjson.dumps(note))
            note = {}


def _note_of(
    notice: SectionBound | LayerChanged | BandwidthAlert | LayersWanted,
) -> tuple[str, _Key, list[object]]:
    """Return a notice's kind, what it is about, and itself as the script reads it."""
    match notice:
        case SectionBound():
            bound: list[object] = [notice.peer, notice.mid, notice.owner or "", notice.source or ""]
            return "bindings", (notice.peer, notice.mid), bound
        case LayerChanged():
            shown: list[object] = [notice.peer, notice.mid, notice.layer, notice.temporal]
            return "layers", (notice.peer, notice.mid), [*shown, notice.is_paused]
        case BandwidthAlert():
            alert: list[object] = [notice.peer, notice.mid, notice.is_short, notice.available_bps]
            return "alerts", (notice.peer, notice.mid), alert
        case LayersWanted():
            # As text: the script's JSON knows no empty list.
            rids = " ".join(rid or "*" for rid in notice.rids)
            return "wanted", (notice.peer, notice.source), [notice.peer, notice.source, rids]
