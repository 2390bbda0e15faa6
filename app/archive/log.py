"""The rooms' logs, as the archive reads them from Redis."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import orjson

from app.archive.board import BoardState
from app.archive.model import Entry
from app.core.ids import LectureId, RoomId, is_room_id
from app.store import keys
from app.store.redis import Redis

BATCH = 64
"""Entries read at once: a few hundred KiB as a rule, at most 32 MiB (draws of the largest size)."""

BATCH_OBJECTS = 8 * 1024 * 1024
"""Bytes of boards' objects in one batch; it ends before the board that would exceed them."""


@dataclass(frozen=True, slots=True)
class Glance:
    """Which lecture a room's log is of, and how far it goes."""

    lecture: LectureId
    seq: int
    first_seq: int
    """The first event of this lecture; 0 where the room does not say."""
    started_ms: int
    """0 where nothing says so."""
    over: bool


class RoomLogs:
    """Reads of rooms. Every method raises Unavailable while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def live(self) -> list[RoomId]:
        """Return the codes of the rooms that are live, or were a moment ago."""
        found = [member.decode() for member in await self._redis.sorted_members(keys.DUE)]
        return [RoomId(code) for code in found if is_room_id(code)]

    async def glance(self, room: RoomId) -> Glance | None:
        """Return whose log is there; None where there is none."""
        wanted = ("lectureId", "seq", "firstSeq", "logFirst", "startTime", "status")
        lecture, seq, first, log_first, started, status = await self._redis.fields(
            keys.room(room), *wanted
        )
        if lecture is not None and status is not None:
            begin = int(first or log_first or 0)
            return Glance(
                LectureId(lecture.decode()), int(seq or 0), begin, _ms(started), over=False
            )
        last = await self._redis.last_entry(keys.events(room))
        if last is None or last[1].get(b"type") != b"ended":
            return None
        entry, fields = last
        return Glance(
            LectureId(fields.get(b"lectureId", b"").decode()),
            _number(entry),
            int(fields.get(b"firstSeq") or 0),
            _ms(fields.get(b"startTime")),
            over=True,
        )

    async def read(self, room: RoomId, after: int) -> list[Entry]:
        """Return entries after ``after``, in order, with their objects; empty at the log's end."""
        found = await self._redis.stream_after(keys.events(room), after, BATCH)
        taken: list[tuple[int, dict[bytes, bytes], bool]] = []
        size = 0
        for ident, fields in found:
            expected = int(fields.get(b"blob", b"0"))
            size += expected
            if taken and size > BATCH_OBJECTS:
                break
            taken.append((_number(ident), fields, bool(expected)))
        objects = await self._objects(room, [seq for seq, _, has_objects in taken if has_objects])
        return [
            _entry(seq, fields, objects.get(seq), has_objects and seq not in objects)
            for seq, fields, has_objects in taken
        ]

    async def _objects(self, room: RoomId, boards: Sequence[int]) -> dict[int, bytes]:
        """Return the objects of those events, in order, of which there are any still."""
        if not boards:
            return {}
        found = await self._redis.stream_after(
            keys.blobs(room), boards[0] - 1, len(boards), last=boards[-1]
        )
        return {_number(ident): fields[b"blob"] for ident, fields in found if b"blob" in fields}

    async def board(self, room: RoomId, lecture: LectureId) -> BoardState | None:
        """Return the board as it stands; None when the room is not this lecture's any more."""
        reply = await self._redis.on_room("archive_state", room, lecture)
        if not isinstance(reply, list):
            return None
        seq, at_ms, rev, kind, page, view, objects, values = reply
        state = BoardState(
            seq=int(seq),
            at_ms=int(at_ms),
            kind="elements" if kind == b"elements" else "whole",
            rev=int(rev),
            page=int(page),
            view=orjson.loads(view) if view else None,
            objects=objects,
        )
        for value in values:
            state.put(orjson.loads(value.split(b":", 5)[5]))
        return state

    async def trim(self, room: RoomId, lecture: LectureId, seq: int) -> None:
        """Let go of the objects of what the archive has."""
        await self._redis.on_room("archive_trim", room, seq, lecture)

    async def done(
        self, room: RoomId, lecture: LectureId, stays: Literal["log", "end", "nothing"]
    ) -> None:
        """Let go of what waited of an ended lecture. ``stays``: what late readers find for some
        minutes, the log or only that it ended."""
        await self._redis.on_room("archive_done", room, lecture, stays)


def _entry(seq: int, fields: dict[bytes, bytes], objects: bytes | None, lost: bool) -> Entry:
    raw = fields.get(b"data", b"{}")
    try:
        data = orjson.loads(raw)
    except ValueError:
        data = None
    who = fields.get(b"who")
    return Entry(
        seq,
        int(fields.get(b"at", b"0")),
        fields.get(b"type", b"").decode(),
        data if isinstance(data, dict) else {},
        raw,
        objects,
        lost,
        who.decode() if who else None,
    )


def _number(ident: bytes) -> int:
    return int(ident.partition(b"-")[0])


def _ms(started: bytes | None) -> int:
    if not started:
        return 0
    try:
        return round(datetime.fromisoformat(started.decode()).timestamp() * 1000)
    except ValueError:
        return 0
