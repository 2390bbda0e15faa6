"""A live room as its hash holds it, and what a look at it may decide."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from app.core.ids import ConnectionId, Email, LectureId, NodeId, PeerId

Status = Literal["LIVE", "AWAY"]
Kind = Literal["PRESENTER", "STUDENT", "GUEST", "MEMBER"]
EndReason = Literal["presenter", "grace", "service"]


def holder(node: NodeId, connection: ConnectionId) -> str:
    """Return the name under which one connection of one process holds the presenter's slot."""
    return f"{node}/{connection}"


def iso(milliseconds: int) -> str:
    """Return a moment, in ms since the epoch, as ISO 8601 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


@dataclass(frozen=True, slots=True)
class LiveRoom:
    """One reading of a live room. The board is left as it stands; the whiteboard reads it."""

    lecture: LectureId
    presenter: Email
    start_time: str
    status: Status
    epoch: int
    seq: int
    relay: NodeId | None
    deadline_ms: int | None
    """A date."""
    listeners: int
    sources: dict[str, bool]
    board_view: bytes
    board_objects: bytes
    floor: dict[str, Any] | None = None
    """Hands, speakers and mutes (``floor.lua``); None before the first hand."""
    whip: PeerId | None = None
    """The WHIP session that carries the presenter's media."""
    board_kind: str = "whole"
    board_hash: str = ""
    rev: int = 0
    page: int = 0
    drawers: str = "presenter"
    drawers_list: tuple[str, ...] = ()
    recording: dict[str, Any] | None = None
    """``recording.lua``'s; None before it was ever switched on."""


def read_room(
    fields: Mapping[bytes, bytes], date_ms: Callable[[int], int] = int
) -> LiveRoom | None:
    """Return the room that a hash holds, or None when it holds none.

    ``date_ms`` tells the date of a moment in the time that deadlines are counted in.
    """
    status = fields.get(b"status")
    if status is None:
        return None
    return LiveRoom(
        lecture=LectureId(fields[b"lectureId"].decode()),
        presenter=Email(fields[b"presenterEmail"].decode()),
        start_time=fields[b"startTime"].decode(),
        status=cast("Status", status.decode()),
        epoch=int(fields[b"epoch"]),
        seq=int(fields[b"seq"]),
        relay=NodeId(fields.get(b"relay", b"").decode()) or None,
        deadline_ms=date_ms(int(fields[b"deadline"])) if b"deadline" in fields else None,
        listeners=int(fields.get(b"listeners", b"0")),
        sources=json.loads(fields.get(b"sources", b"{}")),
        board_view=fields.get(b"currentWhiteboardData", b""),
        board_objects=fields.get(b"whiteboardObjects", b""),
        floor=json.loads(fields[b"floor"]) if b"floor" in fields else None,
        whip=PeerId(fields[b"whip"].decode()) if b"whip" in fields else None,
        # Absent where no script of this version has touched the room yet (layout 1).
        board_kind=fields.get(b"boardKind", b"whole").decode(),
        board_hash=fields.get(b"boardHash", b"").decode(),
        rev=int(fields.get(b"rev", b"0")),
        page=int(fields.get(b"page", b"0")),
        drawers=fields.get(b"drawers", b"presenter").decode(),
        drawers_list=tuple(filter(None, fields.get(b"drawersList", b"").decode().split("\n"))),
        recording=json.loads(fields[b"recording"]) if b"recording" in fields else None,
    )


@dataclass(frozen=True, slots=True)
class Membership:
    """What ``user:<identity>`` says: the rooms somebody is in, and as what."""

    newest: str | None
    kinds: dict[str, Kind]


def read_membership(fields: Mapping[bytes, bytes]) -> Membership:
    """Return the record that a hash holds; an empty one when there is none."""
    kinds = {
        field.removeprefix(b"room:").decode(): cast("Kind", value.decode())
        for field, value in fields.items()
        if field.startswith(b"room:")
    }
    newest = fields.get(b"roomId")
    return Membership(newest.decode() if newest else None, kinds)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing happened now; look again at ``due_ms``. Also after a presenter was marked away."""

    due_ms: int
    went_away: bool = False


@dataclass(frozen=True, slots=True)
class EndedRoom:
    """The room is over, and the caller must tell SQL, the relay and the presenter's record."""

    lecture: LectureId
    relay: NodeId | None
    presenter: Email
    again: bool = False
    """False: this caller, and nobody else, ended it. True: it ended a while ago, and whoever ended
    it may have died before SQL was told; telling it again is harmless."""


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no such room, and nothing to do."""


Verdict = Wait | EndedRoom | Gone
