"""Brings every room's log into the feed: one process at a time, from the cursor on."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import orjson
import structlog

from app.core import metrics
from app.core.errors import Unavailable
from app.core.ids import LectureId, RoomId, is_room_id
from app.core.tasks import OnCrash, Tasks
from app.feed.model import FeedEvent, Logged, room_event, room_started
from app.feed.stream import FeedStream, Piece
from app.store import keys
from app.store.lease import Lease
from app.store.redis import Redis

log = structlog.get_logger(__name__)

ROUND_SECONDS = 0.5
"""Between two looks at the live rooms: how late an event may be in the feed."""

LEASE_SECONDS = 4.0
"""After which another process goes on for one that died."""

BATCH = 500


class Forwarder:
    """Guarantees that what a room's log has and the feed should, gets there once and in order, as
    long as some process runs this before the log is trimmed (ten minutes at least; the lecture's
    end included). Which process does it, and how often it is interrupted, makes no difference: the
    cursor moves in the script that stores.
    """

    def __init__(self, redis: Redis, stream: FeedStream, holder: str) -> None:
        self._redis = redis
        self._stream = stream
        self._lease = Lease(redis, "feed", holder, LEASE_SECONDS)
        self._tasks = Tasks("feed")
        self._seen: dict[RoomId, tuple[LectureId, int]] = {}

    async def open(self) -> None:
        """Begin, also while Redis is away."""
        _ = self._tasks.start("forward", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop, and let another process go on at once. Safe to call twice."""
        await self._tasks.close()
        await self._lease.release()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            try:
                if await self._lease.hold():
                    await self.forward()
                else:
                    self._seen.clear()
            except Unavailable as error:
                log.debug("the feed waits", reason=error.message)

    async def forward(self) -> None:
        """Bring every room up to date. Raises Unavailable."""
        rooms = {RoomId(raw.decode()) for raw in await self._redis.sorted_members(keys.DUE)}
        followed = await self._stream.followed()
        rooms.update(followed.values())
        for room in sorted(rooms):
            if is_room_id(room):
                await self._bring(room)
        for lecture, room in followed.items():
            if self._seen.get(room, (None, 0))[0] != lecture:
                await self._give_up(room, lecture)
        for gone in set(self._seen) - rooms:
            del self._seen[gone]

    async def _give_up(self, room: RoomId, lecture: LectureId) -> None:
        """Follow no longer what left no trace: its keys were deleted, or are another lecture's."""
        cursor = await self._stream.cursor(lecture)
        if cursor is not None and cursor >= 0:
            log.warning("a lecture left no end for the feed", room=room)
            _ = await self._stream.put(Piece(lecture, room, cursor, cursor, cursor, True, ()))

    async def bring(self, room: RoomId) -> None:
        """Bring one room up to date, whoever has the lease. Raises Unavailable."""
        await self._bring(room)

    async def _bring(self, room: RoomId) -> None:
        wanted = ("lectureId", "seq", "logFirst", "startTime")
        lecture_raw, seq, first, started = await self._redis.fields(keys.room(room), *wanted)
        if lecture_raw is None:
            await self._bring_ended(room)
            return
        lecture, newest = LectureId(lecture_raw.decode()), int(seq or 0)
        if self._seen.get(room) == (lecture, newest):
            return
        before = int(first or 1) - 1
        cursor = await self._stream.cursor(lecture)
        if cursor is None:
            cursor = await self._begin(room, lecture, before, _ms(started))
        await self._follow(room, lecture, cursor)

    async def _bring_ended(self, room: RoomId) -> None:
        """Finish a room whose keys are gone: its log's last entry says which lecture it was."""
        self._seen.pop(room, None)
        last = await self._redis.last_entry(keys.events(room))
        if last is None or b"lectureId" not in last[1]:
            return
        lecture = LectureId(last[1][b"lectureId"].decode())
        cursor = await self._stream.cursor(lecture)
        if cursor is None:  # it came and went between two looks: its log is all there is of it
            ((entry, fields),) = await self._redis.stream_after(keys.events(room), 0, 1)
            first = _logged(entry, fields)
            cursor = await self._begin(room, lecture, first.seq - 1, first.at_ms)
        await self._follow(room, lecture, cursor)

    async def _begin(self, room: RoomId, lecture: LectureId, before: int, at_ms: int) -> int:
        """Tell that a lecture started; return where its log goes on."""
        started = room_started(room, lecture, at_ms, before)
        return await self._stream.put(
            Piece(lecture, room, before, before, before, ended=False, events=[started])
        )

    async def _follow(self, room: RoomId, lecture: LectureId, cursor: int) -> None:
        while cursor >= 0:
            entries = await self._redis.stream_after(keys.events(room), cursor, BATCH)
            if not entries:
                break
            logged = [_logged(entry, fields) for entry, fields in entries]
            first, last = logged[0].seq, logged[-1].seq
            if first > cursor + 1:  # the log was trimmed before anybody came to it
                metrics.QUEUE_DROPS.labels("feed_log").inc(first - cursor - 1)
                log.error("events never reached the feed", room=room, count=first - cursor - 1)
            ended = logged[-1].type == "ended"
            events = _told(room, lecture, logged)
            piece = Piece(lecture, room, cursor, cursor, last, ended, events)
            cursor = await self._stream.put(piece)
        if cursor >= 0:
            self._seen[room] = (lecture, cursor)


def _told(room: RoomId, lecture: LectureId, logged: Sequence[Logged]) -> list[FeedEvent]:
    found = (room_event(room, lecture, entry) for entry in logged)
    return [event for event in found if event is not None]


def _logged(entry: bytes, fields: dict[bytes, bytes]) -> Logged:
    seq = int(entry.partition(b"-")[0])
    at_ms = int(fields.get(b"at", b"0"))
    return Logged(seq, at_ms, fields[b"type"].decode(), orjson.loads(fields[b"data"]))


def _ms(started: bytes | None) -> int:
    if started is None:
        return 0
    return round(datetime.fromisoformat(started.decode()).timestamp() * 1000)
