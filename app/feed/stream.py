"""The feed in Redis: one stream of events, read from anywhere or by groups that acknowledge."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.ids import LectureId, RoomId
from app.feed.model import FeedEvent
from app.store import keys
from app.store.redis import Redis

KEPT = 100_000
"""Events that the stream keeps, about: some 50 MB. Who reads later than that has missed some."""

TTL_MS = keys.TTL_SECONDS * 1000

ENDED_MS = 3_600_000
"""For which the feed remembers that it has a lecture's end; the room's log is gone by then."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive entries of one room's log, and what others are told of them."""

    lecture: LectureId
    room: RoomId
    start: int
    """The cursor of a lecture that the feed has not seen yet."""
    base: int
    """The ``seq`` before the piece."""
    last: int
    """The last ``seq`` of it."""
    ended: bool
    events: Sequence[FeedEvent]


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as it stands in the stream. ``body`` is None when it was trimmed before it was
    read."""

    id: str
    source: str
    type: str
    body: bytes | None


class FeedStream:
    """Reads and writes of the feed. Every method raises Unavailable while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def put(self, piece: Piece) -> int:
        """Store a piece of a lecture's log that is not there yet; return where to go on.

        Whoever does this, and however often: each event is stored once, in order. A piece that
        would leave a gap is not taken, and the answer is the cursor; -1: the lecture's end is
        there.
        """
        words: list[str | bytes | int] = [KEPT, TTL_MS, piece.lecture, piece.room]
        words += [piece.start, piece.base, piece.last, int(piece.ended)]
        for event in piece.events:
            words += [event.seq, event.source, event.type, event.body]
        return int(await self._redis.script("feed_put", [keys.FEED, keys.FEED_CURSORS], words))

    async def add(self, events: Sequence[FeedEvent]) -> None:
        """Store events that are in no room's log."""
        words: list[str | bytes | int] = [KEPT, TTL_MS]
        for event in events:
            words += [event.source, event.type, event.body]
        await self._redis.script("feed_add", [keys.FEED], words)

    async def lecture_of(self, room: RoomId) -> LectureId | None:
        """Return the lecture that a live room is."""
        (raw,) = await self._redis.fields(keys.room(room), "lectureId")
        return None if raw is None else LectureId(raw.decode())

    async def nodes_told(self) -> dict[str, str]:
        """Return ``<kind>:<state>`` of each process, as it was told last."""
        found = await self._redis.hash(keys.FEED_NODES)
        return {node.decode(): state.decode() for node, state in found.items()}

    async def tell_node(self, node: str, before: str, now: str, event: FeedEvent) -> bool:
        """Store what became of a process (now: "" when it is gone); False when somebody did."""
        words: list[str | bytes | int] = [KEPT, TTL_MS, node, before, now]
        words += [event.source, event.type, event.body]
        both = [keys.FEED, keys.FEED_NODES]
        return bool(await self._redis.script("feed_node", both, words))

    async def after(self, entry: str, count: int) -> list[Entry]:
        """Return up to ``count`` events after the one of that id; "0" begins at the oldest."""
        return _entries(await self._redis.script("feed_after", [keys.FEED], [entry, count]))

    async def begin(self, group: str) -> None:
        """Make a group, which hears of what happens from now on; one that is there stays."""
        await self._redis.script("feed_group", [keys.FEED], [group, TTL_MS])

    async def take(self, group: str, consumer: str, count: int, *, old: bool) -> list[Entry]:
        """Return what the group has to do next. A group begins with what comes after it was made.

        ``old``: first what was given out before and never acknowledged, also to another consumer;
        so only one consumer may take at a time (a ``Lease``).
        """
        words: list[str | bytes | int] = [group, consumer, count, "$", int(old)]
        return _entries(await self._redis.script("feed_take", [keys.FEED], words))

    async def acknowledge(self, group: str, entries: Sequence[str]) -> None:
        """The group is done with these."""
        if entries:
            await self._redis.script("feed_ack", [keys.FEED], [group, *entries])

    async def drop(self, group: str) -> None:
        """The group reads no more."""
        await self._redis.script("feed_drop_group", [keys.FEED], [group])

    async def followed(self) -> dict[LectureId, RoomId]:
        """Return the lectures whose end the feed does not have yet."""
        flat = await self._redis.script("feed_rooms", [keys.FEED_CURSORS], [ENDED_MS])
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return {LectureId(one.decode()): RoomId(code.decode()) for one, code in pairs}

    async def cursor(self, lecture: LectureId) -> int | None:
        """Return the last ``seq`` that the feed has of a lecture; None when it has none of it;
        -1 when it has its end."""
        (raw,) = await self._redis.fields(keys.FEED_CURSORS, lecture)
        if raw is None:
            return None
        words = raw.split(b":")
        return -1 if words[1] == b"ended" else int(words[1])


def _entries(reply: Sequence[Sequence[object]]) -> list[Entry]:
    found = []
    for name, flat in reply:
        assert isinstance(name, bytes)
        words = flat if isinstance(flat, list) else []
        fields = dict(zip(words[::2], words[1::2], strict=True))
        source, kind = fields.get(b"source", b""), fields.get(b"type", b"")
        found.append(Entry(name.decode(), source.decode(), kind.decode(), fields.get(b"event")))
    return found
