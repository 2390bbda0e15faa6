"""Brings every room's log to SQL: continuously, and to the end when the lecture is over."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from app.archive.board import BoardState, Keyframes
from app.archive.log import Glance, RoomLogs
from app.archive.model import BOARD_KINDS, Changes, Entry, Gap, Progress, with_gap
from app.archive.reduction import add_keyframe, reduce_log
from app.archive.store import ArchiveStore
from app.core import metrics
from app.core.errors import Unavailable
from app.core.ids import LectureId, RoomId
from app.core.tasks import OnCrash, Tasks
from app.store.lease import Lease
from app.store.redis import Redis

log = structlog.get_logger(__name__)

ROUND_SECONDS = 1.0
"""Between two looks at the live rooms."""

LEFT_EVERY = 5
"""Rounds between two looks for lectures that are over and not brought over whole."""

LEASE_SECONDS = 10.0
"""After which another process goes on with a room for one that died."""

ELSEWHERE_ROUNDS = 5
"""Between two looks at a room that another process archives, so that many do not all ask."""

LAZY_EVENTS = 200
"""Events that leave nothing in the archive (listeners, hands) before its cursor moves for them."""

IDLE_ROUNDS = 300
"""After so many rounds without an event a room's board is forgotten; the archive has it."""

Ended = Callable[[LectureId], Awaitable[None]]
"""What is done with a lecture that was brought over whole, before that is noted: so it is done
again if it fails, and must be safe to do twice."""


@dataclass(slots=True)
class _Followed:
    """One room's lecture, as this process follows it."""

    lecture: LectureId
    progress: Progress
    """As it is stored."""
    seq: int
    """As far as it was read."""
    board: BoardState
    keyframes: Keyframes
    idle: int = 0


class Archiver:
    """Guarantees that what a room's log has gets into the archive once and in order, whichever
    process does it and however often it is interrupted: what is stored and the cursor are one
    transaction, and what waits in Redis is let go of only after it. What was gone from the log
    before anybody came is noted as a gap.

    Any number of processes may run it; a lease for each room keeps them from doing work twice.
    """

    def __init__(
        self, redis: Redis, logs: RoomLogs, store: ArchiveStore, holder: str, finished: Ended
    ) -> None:
        self._redis = redis
        self._logs = logs
        self._store = store
        self._holder = holder
        self._finished = finished
        self._followed: dict[RoomId, _Followed] = {}
        self._leases: dict[RoomId, Lease] = {}
        self._elsewhere: dict[RoomId, int] = {}
        """Rooms that another process archives → the round in which they are looked at again."""
        self._left = Lease(redis, "archive:left", holder, LEASE_SECONDS)
        """One process looks for lectures that are over and not brought over whole."""
        self._rounds = 0
        self._tasks = Tasks("archive")

    async def open(self) -> None:
        """Begin, also while Redis or the database is away."""
        _ = self._tasks.start("follow", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop; another process goes on at once. Safe to call twice."""
        await self._tasks.close()
        for lease in (*self._leases.values(), self._left):
            await lease.release()
        self._leases.clear()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            try:
                await self.bring_all()
            except Unavailable as error:
                log.debug("the archive waits", reason=error.message)

    async def bring_all(self) -> None:
        """Bring every room up to date, once. Raises Unavailable."""
        live = await self._logs.live()
        self._forget_idle()
        self._elsewhere = {room: n for room, n in self._elsewhere.items() if n > self._rounds}
        for room in live:
            if room not in self._elsewhere:
                await self._guarded(room, self.bring(room))
        self._rounds += 1
        if self._rounds % LEFT_EVERY == 1 and await self._left.hold():
            for lecture, room, over in await self._store.unfinished():
                await self._guarded(room, self._bring_left(lecture, room, over))

    async def _guarded(self, room: RoomId, work: Awaitable[None]) -> None:
        """One room's fault must not hold the others up."""
        try:
            await work
        except Unavailable:
            raise
        except Exception:
            log.exception("a room was not archived", room=room)

    def _forget_idle(self) -> None:
        for room, followed in list(self._followed.items()):
            followed.idle += 1
            if followed.idle > IDLE_ROUNDS:
                del self._followed[room]
                self._leases.pop(room, None)

    async def _bring_left(self, lecture: LectureId, room: RoomId, over: bool) -> None:
        glance = await self._logs.glance(room)
        if glance is not None and glance.lecture == lecture:
            await self.bring(room)
        elif over:
            await self._close_without_end(lecture, room)

    async def bring(self, room: RoomId) -> None:
        """Bring one room up to date. Raises Unavailable."""
        glance = await self._logs.glance(room)
        if glance is None or not glance.lecture:
            return
        followed = self._followed.get(room)
        is_known = followed is not None and followed.lecture == glance.lecture
        if followed is not None and is_known and followed.seq == glance.seq and not glance.over:
            return
        lease = self._leases.setdefault(
            room, Lease(self._redis, f"archive:{room}", self._holder, LEASE_SECONDS)
        )
        if not await lease.hold():
            self._followed.pop(room, None)
            self._elsewhere[room] = self._rounds + ELSEWHERE_ROUNDS
            return
        try:
            followed = await self._follow(room, glance)
            if followed is not None:
                await self._read_on(room, glance, followed)
        except BaseException:
            # The board in memory may be ahead of what is stored: begin from there again.
            self._followed.pop(room, None)
            raise

    async def _follow(self, room: RoomId, glance: Glance) -> _Followed | None:
        followed = self._followed.get(room)
        if followed is not None and followed.lecture == glance.lecture:
            return followed
        first = glance.first_seq or 1
        progress = await self._store.begin(glance.lecture, room, first - 1, glance.started_ms)
        if progress is None or progress.finished:
            if glance.over:  # nobody will come for what is left in Redis
                await self._logs.done(
                    room, glance.lecture, "nothing" if progress is None else "log"
                )
            return None
        board, keyframes = await self._store.board(glance.lecture)
        followed = _Followed(glance.lecture, progress, progress.seq, board, keyframes)
        self._followed[room] = followed
        return followed

    async def _read_on(self, room: RoomId, glance: Glance, followed: _Followed) -> None:
        while True:
            entries = await self._logs.read(room, followed.seq)
            if entries and not await self._take(room, followed, entries):
                self._followed.pop(room, None)  # another process was there first
                return
            if not entries or entries[-1].type == "ended":
                break
        if glance.over:
            await self._finish(room, followed)

    async def _take(self, room: RoomId, followed: _Followed, entries: list[Entry]) -> bool:
        followed.idle = 0
        changes = await asyncio.to_thread(
            reduce_log, entries, followed.progress.started_ms, followed.board, followed.keyframes
        )
        gaps = _gaps(followed, entries, changes)
        last = entries[-1].seq
        if changes.diverged is not None or _touches_board(gaps, changes):
            gaps += await self._take_board(room, followed, entries, changes)
        ends = changes.ended_ms is not None
        is_idle = changes.is_empty and not gaps and not ends
        if is_idle and last - followed.progress.seq < LAZY_EVENTS:
            followed.seq = last
            return True
        known = followed.progress.gaps
        for gap in gaps:
            known = with_gap(known, gap)
            metrics.QUEUE_DROPS.labels("archive_log").inc()
            log.error("the archive has a gap", room=room, what=gap.what)
        after = replace(
            followed.progress,
            seq=last,
            gaps=known,
            ended_ms=changes.ended_ms or followed.progress.ended_ms,
        )
        if not await self._store.commit(followed.lecture, followed.progress.seq, after, changes):
            return False
        followed.progress, followed.seq = after, last
        if any(entry.objects for entry in entries):
            await self._logs.trim(room, followed.lecture, last)
        return True

    async def _take_board(
        self, room: RoomId, followed: _Followed, entries: list[Entry], changes: Changes
    ) -> list[Gap]:
        """Take the board as it stands, after changes that the archive could not follow."""
        state = await self._logs.board(room, followed.lecture)
        if state is None:
            return []
        skipped = list(changes.board)
        changes.board.clear()
        changes.keyframes.clear()
        followed.board = state
        await asyncio.to_thread(add_keyframe, changes, state, followed.keyframes)
        if not skipped:
            return []
        return [Gap(skipped[0]["seq"], state.seq, entries[0].at_ms, "board")]

    async def _finish(self, room: RoomId, followed: _Followed) -> None:
        lecture = followed.lecture
        is_personal = bool(await self._store.pending_erasures(lecture))
        await self._finished(lecture)
        await self._store.finish(lecture, followed.progress)
        self._followed.pop(room, None)
        await self._logs.done(room, lecture, "end" if is_personal else "log")
        lease = self._leases.pop(room, None)
        if lease is not None:
            await lease.release()
        log.info("a lecture is archived", room=room, gaps=len(followed.progress.gaps))

    async def _close_without_end(self, lecture: LectureId, room: RoomId) -> None:
        """Finish the archive of a lecture that is over and whose log is gone."""
        progress = await self._store.begin(lecture, room, 0, 0)
        if progress is None or progress.finished:
            return
        if progress.ended_ms is None:
            now_ms = await self._redis.now_ms()
            gap = Gap(progress.seq + 1, progress.seq + 1, now_ms, "end")
            progress = replace(progress, gaps=with_gap(progress.gaps, gap))
            log.error("a lecture's log was gone before its end was archived", room=room)
        await self._finished(lecture)
        await self._store.finish(lecture, progress)


def _touches_board(gaps: list[Gap], changes: Changes) -> bool:
    return any(gap.what != "unreadable" for gap in gaps) or any(
        entry.type in BOARD_KINDS for entry in changes.unreadable
    )


def _gaps(followed: _Followed, entries: list[Entry], changes: Changes) -> list[Gap]:
    """Return what is missing between the last entry that was read and these, and among these."""
    gaps: list[Gap] = []
    before = followed.seq
    for entry in entries:
        if entry.seq > before + 1:
            gaps.append(Gap(before + 1, entry.seq - 1, entry.at_ms, "log"))
        if entry.lost_objects:
            gaps.append(Gap(entry.seq, entry.seq, entry.at_ms, "objects"))
        before = entry.seq
    gaps += [Gap(entry.seq, entry.seq, entry.at_ms, "unreadable") for entry in changes.unreadable]
    return gaps
