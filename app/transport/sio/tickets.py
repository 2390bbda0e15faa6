"""Those whom a service lets in: by a ticket, once, and from then on by what that was exchanged
for."""

from app.auth.principal import Member
from app.auth.seat_tokens import SeatTokens
from app.auth.tickets import TicketMissing, Tickets
from app.core.clock import Clock
from app.transport.sio.connection import Connection
from app.transport.sio.messages import Credentials


class TicketOffice:
    """Takes tickets and seat tokens. Without ``tickets`` it knows neither."""

    def __init__(
        self, clock: Clock, tickets: Tickets | None = None, seats: SeatTokens | None = None
    ) -> None:
        self._clock = clock
        self._tickets = tickets
        self._seats = seats

    async def member(self, connection: Connection, credentials: Credentials) -> Member | None:
        """Return whom a ticket or a seat token is for; None for credentials of another kind.

        A seat token goes before a ticket: a client that comes back sends both. On one connection
        a ticket that was taken is good for the other namespaces too. Raises TicketRefused by its
        cause, Unauthorized, Unavailable.
        """
        if self._tickets is None or self._seats is None:
            return None
        wall = self._clock.wall()
        if self._seats.is_one(credentials.accessToken):
            return self._seats.read(credentials.accessToken, wall)
        if credentials.ticket is None:
            return None
        if not credentials.ticket.strip():
            raise TicketMissing("token: No token information")
        if connection.ticket is not None and connection.ticket[0] == credentials.ticket:
            return connection.ticket[1]
        member = await self._tickets.take(credentials.ticket.strip(), wall)
        connection.ticket = (credentials.ticket, member)
        return member

    def token(self, who: object) -> str | None:
        """Return a seat token for a member who has just been let in by a ticket."""
        if self._seats is None or not isinstance(who, Member):
            return None
        return self._seats.issue(who, self._clock.wall())
