"""What the three namespaces share: the services they call and the rules they have in common."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from app.auth.principal import Account, Guest, Member, Principal, identity_of
from app.core.clock import Clock
from app.core.errors import (
    BadOffer,
    Ended,
    Forbidden,
    NotFound,
    NotJoined,
    RateLimited,
    StalePresenter,
    TooLarge,
    Unauthorized,
    WrongOrder,
)
from app.core.ids import ConnectionId, RoomId
from app.core.tasks import Tasks
from app.lecture.seat import PresenterSeat, Seat
from app.transport.sio import messages
from app.transport.sio.config import SioConfig
from app.transport.sio.connection import Connection, Done, Seated
from app.transport.sio.hub import RoomHub
from app.transport.sio.ice_servers import IceServers
from app.transport.sio.ports import BoardsPort, GuestsPort, LecturesPort, QuestionsPort, TokensPort
from app.transport.sio.sketches import Sketches
from app.transport.sio.tickets import TicketOffice
from app.transport.sio.trail import QuestionTrail

Fields = dict[str, Any]
"""What an accepted request's acknowledgement says besides ``ok``."""


@dataclass(frozen=True, slots=True)
class Route:
    """One event that clients may send: how it is read, and what it does."""

    message: type[Any]
    handle: Callable[[Connection, Any], Awaitable[Fields]]


class Namespace(Protocol):
    """One Socket.IO namespace."""

    @property
    def name(self) -> str: ...

    @property
    def routes(self) -> dict[str, Route]: ...

    async def admit(
        self, connection: Connection, credentials: messages.Credentials, sid: str
    ) -> None:
        """Let the connection in under the socket id ``sid``. Raises what it is refused with."""

    async def welcome(self, connection: Connection) -> None:
        """Say what one who was let in has to hear first."""

    def left(self, connection: Connection) -> None:
        """Note that the connection is in this namespace no more."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The services, by their ports."""

    config: SioConfig
    lectures: LecturesPort
    boards: BoardsPort
    questions: QuestionsPort
    guests: GuestsPort
    tokens: TokensPort
    hub: RoomHub
    sketches: Sketches
    clock: Clock
    tasks: Tasks
    trail: QuestionTrail
    ice: IceServers
    probe: Callable[[ConnectionId], Awaitable[bool]]
    """Asks a connection of this process for a sign of life."""
    office: TicketOffice

    def account(self, token: str) -> Account:
        """Return whose token it is. Raises Unauthorized."""
        return self.tokens.read(token, self.clock.wall())

    async def resume(self, connection: Connection, who: Principal, room: RoomId | None) -> Seat:
        """Seat one who returns without an offer. Raises as ``Lectures.resume`` does."""
        if isinstance(who, Guest):
            await self.guests.come_back(who.id, connection.id, self.probe)
        seat = await self.lectures.resume(who, connection.id, room)
        connection.who = who
        connection.place = Seated(seat, None, returned=True)
        if isinstance(who, Guest):
            connection.visitor = who
        return seat

    async def admit_late(self, connection: Connection, who: Account, room: RoomId | None) -> Seat:
        """Let in an expired token: only back into a live room that it is in."""
        if connection.seat is not None and is_of(connection.seat, who):
            return connection.seat
        try:
            return await self.resume(connection, who, room)
        except (NotJoined, NotFound, Unauthorized) as fault:
            raise Unauthorized("this token has expired: sign in again") from fault


def note_abilities(connection: Connection, credentials: messages.Credentials) -> None:
    """Note what a client says that it can do; what it said once stays."""
    if credentials.elements or credentials.cursor is not None:
        connection.knows_elements = True


def note_peer(connection: Connection, credentials: messages.Credentials) -> None:
    """Note the media that one who returned made on an earlier connection, if it names it. What was
    offered on this connection counts more."""
    place = connection.place
    if isinstance(place, Seated) and place.peer is None and not place.seat.p2p:
        connection.place = replace(place, peer=credentials.peer)


def is_of(seat: Seat, who: Principal) -> bool:
    """Tell whether ``who`` is the one that sits there."""
    if identity_of(who) != seat.identity:
        return False
    if isinstance(seat, PresenterSeat):
        return isinstance(who, Member) if seat.member else isinstance(who, Account)
    kinds = {"GUEST": Guest, "MEMBER": Member, "STUDENT": Account}
    return isinstance(who, kinds[seat.kind])


def seat_in(connection: Connection, room: RoomId) -> Seat:
    """Return the seat, if it is in that room. Raises NotJoined, or Ended once it is over."""
    if isinstance(connection.place, Done):
        raise Ended("the lecture is over")
    seat = connection.seat
    if seat is None or seat.room != room:
        raise NotJoined("this connection is not in that lecture")
    return seat


def presenter_in(connection: Connection, room: RoomId) -> PresenterSeat:
    """Return the seat of a presenter with the slot. Raises Forbidden, StalePresenter too."""
    seat = seat_in(connection, room)
    if not isinstance(seat, PresenterSeat):
        raise Forbidden("only the presenter may do that")
    if seat.epoch == 0:
        raise StalePresenter("another connection presents")
    return seat


def check_offer(connection: Connection, room: RoomId, presents: bool, now: float) -> None:
    """Let a connection make another offer only where it sits already, and not too often.

    Raises WrongOrder, RateLimited.
    """
    if not connection.budgets.offers.take(now):
        raise RateLimited("too many offers: slow down")
    connection.candidates = 0
    seat = connection.seat
    if seat is None:
        return
    if seat.room != room or isinstance(seat, PresenterSeat) != presents:
        raise WrongOrder("this connection is in a lecture already: leave it first")


def check_media(who: Principal, message: messages.OfferMessage) -> None:
    """Have an offer made where media goes by a relay, and none where it does not (seed row L37).

    Raises BadOffer, Forbidden.
    """
    is_p2p = isinstance(who, Member) and who.p2p
    if is_p2p and message.SDP is not None:
        raise Forbidden("media goes from browser to browser in this room: enter without SDP")
    if not is_p2p and message.SDP is None:
        raise BadOffer("SDP: Field required")


def note_candidate(connection: Connection, limit: int) -> None:
    """Count a client's candidate. Raises TooLarge beyond ``limit`` per offer.

    It is not passed on: a relay is ICE-lite (RFC 8445 §2.5) and learns addresses from checks.
    """
    connection.candidates += 1
    if connection.candidates > limit:
        raise TooLarge(f"at most {limit} candidates per offer")
