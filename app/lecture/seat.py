"""Who sits where: what a connection is, once a live room has let it in."""

from dataclasses import dataclass
from typing import Literal

from app.auth.permissions import EVERYTHING, Permission
from app.core.ids import ConnectionId, Email, RoomId

AudienceKind = Literal["STUDENT", "GUEST", "MEMBER"]
"""A member was let in by a service's ticket."""


@dataclass(frozen=True, slots=True)
class PresenterSeat:
    """A presenter's connection. Its writes count while ``epoch`` is the room's current one."""

    room: RoomId
    connection: ConnectionId
    email: Email
    name: str
    epoch: int
    """0: the owner is here, but another connection holds the slot; every write is stale."""
    member: str = ""
    """Of one who presents in a service's room: its identity, which is not the room's owner's."""
    permission: Permission = EVERYTHING
    p2p: bool = False
    """Media in the room goes from browser to browser, by no relay."""

    @property
    def identity(self) -> str:
        """What tells it from everybody else."""
        return self.member or self.email


@dataclass(frozen=True, slots=True)
class AudienceSeat:
    """A participant's connection. Two tabs of one account are two seats (X13)."""

    room: RoomId
    connection: ConnectionId
    kind: AudienceKind
    identity: str
    """The e-mail of an account, a guest's id, or a member's identity."""
    name: str
    permission: Permission = EVERYTHING
    p2p: bool = False


Seat = PresenterSeat | AudienceSeat
