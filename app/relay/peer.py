"""One peer connection as the shell keeps it: who it is, what it negotiated, its DTLS."""

import asyncio
import secrets
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.core.ids import PeerId, RoomId
from app.relay.answers import PeerOpened
from app.relay.core.media import IceCredentials, MediaPlan, Role
from app.relay.negotiation.answer import LocalTransport, signalled_candidates, write_answer
from app.relay.negotiation.plan import Negotiation

if TYPE_CHECKING:
    from app.relay.dtls import Association

_ALPHABET: Final = string.ascii_letters + string.digits
UFRAG_CHARACTERS: Final = 8
"""48 bits: unlikely to repeat in a process; the password is what authenticates."""
PASSWORD_CHARACTERS: Final = 24
"""RFC 8445 §5.3 asks for 128 bits: 22 characters of this alphabet."""


def new_credentials() -> IceCredentials:
    """Return fresh, unguessable ICE credentials of ours."""
    ufrag = "".join(secrets.choice(_ALPHABET) for _ in range(UFRAG_CHARACTERS))
    password = "".join(secrets.choice(_ALPHABET) for _ in range(PASSWORD_CHARACTERS))
    return IceCredentials(ufrag, password)


@dataclass(frozen=True, slots=True)
class Reach:
    """Where this relay is reached."""

    hosts: tuple[str, ...]
    port: int
    has_tcp: bool


class Peer:
    """A peer that the core knows. ``peers.Peers`` alone adds and drops it."""

    def __init__(self, room: RoomId, ident: PeerId, role: Role, negotiation: Negotiation) -> None:
        self.room = room
        self.id = ident
        self.role: Role = role
        self.plan: MediaPlan = negotiation.plan
        self.fingerprints = negotiation.fingerprints
        self.local = new_credentials()
        self.remote = negotiation.remote
        self.session = secrets.randbits(62)
        self.version = 1
        self.association: Association | None = None
        self.handshake: asyncio.Task[None] | None = None
        self.waits = False
        """A presenter's page that is heard when the program that sends now is gone."""
        self.is_program = False

    def is_restart(self, negotiation: Negotiation) -> bool:
        """Tell whether an offer asks for new credentials (RFC 8839 §4.4.1.1.1) or is a repeat."""
        return negotiation.remote != self.remote

    def restarted(self, negotiation: Negotiation, local: IceCredentials) -> None:
        """Take the credentials that the core has accepted."""
        self.renewed(negotiation.remote, local)

    def renewed(self, remote: IceCredentials, local: IceCredentials) -> None:
        """As ``restarted``, for credentials that came without an offer."""
        self.local = local
        self.remote = remote
        self.version += 1

    def transport(self, fingerprint: str, reach: Reach) -> LocalTransport:
        """Return our side of this peer's transport."""
        return LocalTransport(
            ice=self.local,
            fingerprint=fingerprint,
            hosts=reach.hosts,
            port=reach.port,
            has_tcp=reach.has_tcp,
            session=self.session,
            version=self.version,
        )

    def answer(self, negotiation: Negotiation, fingerprint: str, reach: Reach) -> PeerOpened:
        """Return the answer to an offer of this peer, whether its first or a later one."""
        local = self.transport(fingerprint, reach)
        return PeerOpened(
            sdp=write_answer(negotiation, self.plan, local),
            candidates=signalled_candidates(negotiation, local),
        )

    def close(self) -> asyncio.Future[None] | None:
        """Say goodbye by DTLS and end this peer's tasks; returns one that is still ending."""
        if self.handshake is not None and self.handshake is not asyncio.current_task():
            self.handshake.cancel()
        self.handshake = None
        return self.association.close() if self.association is not None else None
