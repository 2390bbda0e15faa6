"""Events for other systems, and which room events become which of them. Pure.

An event is a CloudEvent 1.0 in its JSON form (cloudevents/spec v1.0.2, JSON event format §2, §3.1):
``id`` is unique within ``source``, the same whenever the event is told again, so that a receiver
can drop what it has had; ``subject`` is the lecture's code; ``sequence`` (its extension of that
name) orders the events of one lecture. Seed rows L30, M6.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from app.core.ids import LectureId, NodeId, RoomId

PREFIX = "lectern."

ROOM_EVENTS: Mapping[str, str] = {
    "presenter_away": "room.presenter_away",
    "presenter_back": "room.presenter_back",
    "ended": "room.ended",
    "media_moved": "room.media_moved",
    "sources": "track.presenter",
    "tracks": "track.speakers",
    "whip": "track.whip",
    "asked": "question.asked",
    "answered": "question.answered",
    "claimed": "question.claimed",
    "hidden": "question.hidden",
    "solved": "question.solved",
    "moderation": "question.moderation",
    "assistants": "member.assistants",
    "removed": "member.removed",
    "recording": "recording.changed",
}
"""By the type in the room's log. Strokes, votes, captions, cursors and levels are not told: they
are many, and of use to nobody outside the lecture."""

OTHER_EVENTS = (
    "room.started",
    "member.joined",
    "member.left",
    "worker.joined",
    "worker.left",
    "worker.state",
)
"""Those that are in no room's log."""

TYPES = frozenset(PREFIX + name for name in (*ROOM_EVENTS.values(), *OTHER_EVENTS))
"""Every type there is."""


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event, ready to be stored."""

    source: str
    """``/lectures/<lecture id>`` or ``/nodes/<node id>``: whose order it keeps."""
    type: str
    body: bytes
    """The CloudEvent as JSON."""
    seq: int = 0
    """Its place in the room's log; 0 when it is in none."""


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry of a room's log, as far as it matters here."""

    seq: int
    at_ms: int
    type: str
    data: Mapping[str, Any]


def lecture_source(lecture: LectureId) -> str:
    """Return the source of a lecture's events."""
    return f"/lectures/{lecture}"


def room_event(room: RoomId, lecture: LectureId, entry: Logged) -> FeedEvent | None:
    """Return what others are told of a room's event; None for what they are not told."""
    name = ROOM_EVENTS.get(entry.type)
    if name is None:
        return None
    source = lecture_source(lecture)
    fields = {"subject": room, "sequence": f"{entry.seq:012d}"}
    return _event(source, str(entry.seq), name, entry.at_ms, entry.data, fields, entry.seq)


def room_started(room: RoomId, lecture: LectureId, at_ms: int, before: int) -> FeedEvent:
    """Return the first event of a lecture. ``before`` is the ``seq`` before its log begins."""
    fields = {"subject": room, "sequence": f"{before:012d}"}
    return _event(lecture_source(lecture), "start", "room.started", at_ms, {}, fields, before)


def member_event(
    room: RoomId,
    lecture: LectureId,
    unique: str,
    at_ms: int,
    *,
    joined: bool,
    member: Mapping[str, Any],
) -> FeedEvent:
    """Return the coming or going of one connection; ``unique`` is an id made for it."""
    name = "member.joined" if joined else "member.left"
    source = f"{lecture_source(lecture)}/members"
    return _event(source, unique, name, at_ms, member, {"subject": room}, 0)


def node_event(
    node: NodeId, name: str, unique: str, at_ms: int, data: Mapping[str, Any]
) -> FeedEvent:
    """Return what became of a process of ours: ``worker.joined``, ``.left`` or ``.state``."""
    return _event(f"/nodes/{node}", unique, name, at_ms, data, {}, 0)


def iso_of(at_ms: int) -> str:
    """Return RFC 3339 in UTC, with milliseconds."""
    instant = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def _event(
    source: str,
    unique: str,
    name: str,
    at_ms: int,
    data: Mapping[str, Any],
    fields: Mapping[str, str],
    seq: int,
) -> FeedEvent:
    kind = PREFIX + name
    document = {
        "specversion": "1.0",
        "id": f"{source.rpartition('/')[2]}:{unique}",
        "source": source,
        "type": kind,
        "time": iso_of(at_ms),
        **fields,
        "datacontenttype": "application/json",
        "data": dict(data),
    }
    return FeedEvent(source, kind, orjson.dumps(document), seq)
