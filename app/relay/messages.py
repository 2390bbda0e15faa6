"""Commands that an api process sends to a relay, and the relay's answers: closed unions, as JSON.

A command travels in an envelope of ``cluster.commands`` (request id, deadline, one answer).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.core.ids import PeerId, RoomId

Source = Literal["microphone", "camera", "screen"]
"""Where a presenter's track comes from; a participant's section asks for one."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OpenPeer(_Message):
    """Answer an offer. A known ``peer`` restarts its ICE; a new presenter replaces the old one."""

    op: Literal["open"] = "open"
    room: RoomId
    peer: PeerId
    role: Literal["presenter", "participant"]
    sdp: str
    sources: dict[str, Source] = Field(default_factory=dict)
    """mid → source, where the client says so; otherwise by kind and order of the sections."""
    epoch: int = 0
    """Of a presenter: an older epoch than the room's current one is refused as stale."""


class ClosePeer(_Message):
    """Free one peer. Answered ``done`` whether or not it existed."""

    op: Literal["close"] = "close"
    room: RoomId
    peer: PeerId


class CloseRoom(_Message):
    """Free a room with all its peers. Answered ``done`` whether or not it existed."""

    op: Literal["close_room"] = "close_room"
    room: RoomId


class DescribeRoom(_Message):
    """Ask what a room's media does; answered by ``RoomDescribed``."""

    op: Literal["describe"] = "describe"
    room: RoomId


Command = Annotated[OpenPeer | ClosePeer | CloseRoom | DescribeRoom, Field(discriminator="op")]


class Candidate(_Message):
    """One ICE candidate in the browser's own shape (RTCIceCandidateInit)."""

    candidate: str
    sdpMid: str  # noqa: N815 (the browser's spelling)
    sdpMLineIndex: int  # noqa: N815


class PeerOpened(_Message):
    op: Literal["opened"] = "opened"
    sdp: str
    """The answer, with the relay's candidates inside."""
    candidates: list[Candidate]
    """The same candidates, for clients that wait for them as events."""


class Done(_Message):
    op: Literal["done"] = "done"


class TrackDescribed(_Message):
    source: Source
    codec: str
    packets: int
    bytes: int
    active: bool
    """A packet came in the last two seconds."""


class RoomDescribed(_Message):
    op: Literal["room"] = "room"
    participants: int
    connected: int
    tracks: list[TrackDescribed]
    packets_forwarded: int


class Refused(_Message):
    """``code`` is one of core.errors; the caller raises that error again."""

    op: Literal["refused"] = "refused"
    code: str
    message: str


Answer = Annotated[PeerOpened | Done | RoomDescribed | Refused, Field(discriminator="op")]

COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)
ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)
