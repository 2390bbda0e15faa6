"""Who is at the other end of a connection: somebody with an account, a guest, or a member of a
service's room."""

import hashlib
from dataclasses import dataclass

from app.auth.permissions import Permission
from app.core.ids import Email, LectureId, RoomId


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who signed in.

    ``expired`` tells that the token which proved it is past its hour: such a principal may only
    return to a live room that it is already in, and is refused everywhere else.
    """

    email: Email
    username: str
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody without an account, known by the id of the connection it entered through."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody whom a service lets into one of its rooms, by a ticket or by what the ticket was
    exchanged for."""

    identity: str
    """The service's id and the user's name there; never shown to anybody."""
    name: str
    room: RoomId
    lecture: LectureId
    """Codes are given again; a lecture's id never is."""
    owner: Email
    """The service's own account: as this a member presents."""
    role: str
    permission: Permission
    issued_ms: int
    """When it was let in, by Redis' time; being removed ends what was issued before."""
    returning: bool = False
    """It shows what its ticket was exchanged for, which is good for coming back alone."""
    participant_limit: int = -1
    """Members that the room lets in at once; below 0: any number."""
    input_limit: int = -1
    """Members that may send media at once; below 0: as many as any lecture has."""
    notifying: bool = False
    """The room is told who comes and goes."""
    p2p: bool = False
    """Media in the room goes from browser to browser, by no relay."""
    isp: str | None = None
    region: str | None = None
    """Where it is, as its service says; None is unknown."""

    @property
    def account(self) -> Account:
        """The account as which it presents, under its own name."""
        return Account(self.owner, self.name)


Principal = Account | Guest | Member


def identity_of(who: Principal) -> str:
    """Return what tells ``who`` from everybody else: never shown to others."""
    if isinstance(who, Account):
        return who.email
    return who.id if isinstance(who, Guest) else who.identity


def guest(connection: str) -> Guest:
    """Return the guest of that connection, always under the same pseudonym (``"Guest 4821"``).

    The name is derived, not stored: a guest who comes back has the name it had, and the name
    gives nothing away about the id, which is the guest's only credential.
    """
    digest = hashlib.sha256(b"lectern guest:" + connection.encode()).digest()
    return Guest(connection, f"Guest {1000 + int.from_bytes(digest[:4], 'big') % 9000}")
