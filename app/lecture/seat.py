"""Who sits where: what a connection is, once a live room has let it in."""

from dataclasses import dataclass
from typing import Literal

from app.core.ids import ConnectionId, Email, RoomId

AudienceKind = Literal["STUDENT", "GUEST"]


@dataclass(frozen=True, slots=True)
class PresenterSeat:
    """A presenter's connection. Its writes count while ``epoch`` is the room's current one."""

    room: RoomId
    connection: ConnectionId
    email: Email
    name: str
    epoch: int
    """0: the owner is here, but another connection holds the slot; every write is stale."""


@dataclass(frozen=True, slots=True)
class AudienceSeat:
    """A participant's connection. Two tabs of one account are two seats (X13)."""

    room: RoomId
    connection: ConnectionId
    kind: AudienceKind
    identity: str
    """The e-mail of an account, or a guest's id."""
    name: str


Seat = PresenterSeat | AudienceSeat
