"""Who is at the other end of a connection: somebody with an account, or a guest."""

import hashlib
from dataclasses import dataclass

from app.core.ids import Email


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


Principal = Account | Guest


def guest(connection: str) -> Guest:
    """Return the guest of that connection, always under the same pseudonym (``"Guest 4821"``).

    The name is derived, not stored: a guest who comes back has the name it had, and the name
    gives nothing away about the id, which is the guest's only credential.
    """
    digest = hashlib.sha256(b"lectern guest:" + connection.encode()).digest()
    return Guest(connection, f"Guest {1000 + int.from_bytes(digest[:4], 'big') % 9000}")
