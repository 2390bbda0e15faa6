"""One event of a room, as it is published and as it stands in the room's log."""

from dataclasses import dataclass
from typing import Any, Literal, cast

import orjson

from app.core.ids import RoomId

Audience = Literal["room", "presenter", "staff"]
"""Staff: the presenter and the assistants."""


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """Something that happened in a room. ``seq`` counts a room's events without gaps."""

    room: RoomId
    seq: int
    type: str
    data: dict[str, Any]
    blob: bytes = b""
    """Of a ``board`` event: its objects; empty means that they did not change."""
    audience: Audience = "room"


def read_published(room: RoomId, message: bytes) -> RoomEvent:
    """Read what a script published: one line of JSON, a line feed, and the blob.

    Raises ValueError or KeyError for anything else, which only a defect or a stranger sends.
    """
    header, _, blob = message.partition(b"\n")
    fields = orjson.loads(header)
    return RoomEvent(
        room, int(fields["seq"]), fields["type"], fields["data"], blob, fields["audience"]
    )


def read_logged(room: RoomId, entry: bytes, fields: dict[bytes, bytes]) -> RoomEvent:
    """Read an entry of the log, which has no blob; the entry's id is ``<seq>-0``."""
    return RoomEvent(
        room,
        int(entry.partition(b"-")[0]),
        fields[b"type"].decode(),
        orjson.loads(fields[b"data"]),
        b"",
        cast("Audience", fields[b"audience"].decode()),
    )
