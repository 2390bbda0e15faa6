"""One client's connection: its namespaces, where it stands, and how it is written to.

The connection is the identity (seed row X13): two tabs of one account are two connections, and a
late disconnect of an old one can say nothing about a new one (X7).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from app.auth.principal import Account, Member, Principal
from app.core import metrics
from app.core.errors import LecternError
from app.core.ids import ConnectionId, PeerId, RoomId
from app.lecture.seat import PresenterSeat, Seat
from app.transport.sio.inbox import Inbox
from app.transport.sio.outbox import Outbox
from app.transport.sio.packets import Decoder, Request, encode_ack, encode_event
from app.transport.sio.parcel import Parcel
from app.transport.sio.rate import Budgets

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outside:
    """In no lecture: it has sent no offer that was accepted, and returned to none."""


@dataclass(frozen=True, slots=True)
class Seated:
    """In a lecture."""

    seat: Seat
    peer: PeerId | None
    """Its media, where this connection made the offer."""
    returned: bool
    """It came back with its token alone, and needs everything that it may have missed."""
    shown: bytes = b""
    """Digest of the board that its answer carried."""


@dataclass(frozen=True, slots=True)
class Done:
    """The lecture ended, or it left."""

    room: RoomId | None
    dismissed: bool
    """The ``response`` to its ``leave`` has been sent."""


Place = Outside | Seated | Done


class Connection:
    """One Engine.IO session and what we know of it."""

    def __init__(
        self,
        ident: ConnectionId,
        outbox: Outbox,
        inbox: Inbox,
        budgets: Budgets,
        end: Callable[[], None],
    ) -> None:
        self.id = ident
        self.outbox = outbox
        self.inbox = inbox
        self.decoder = Decoder()
        self.budgets = budgets
        self.namespaces: dict[str, str] = {}
        """Joined namespace → the socket id that the client has there."""
        self.host: Account | Member | None = None
        """Who it is on ``/create-room``."""
        self.visitor: Principal | None = None
        """Who it is on ``/enter-room``."""
        self.ticket: tuple[str, Member] | None = None
        """The ticket that was taken on this connection, and whom it let in."""
        self.who: Principal | None = None
        """As whom it has its seat."""
        self.place: Place = Outside()
        self.candidates = 0
        self.knows_elements = False
        """It draws and shows element boards; an existing client is sent whole snapshots of them."""
        self.cursor: int | None = None
        """The last room event that the client has from an earlier connection."""
        self.follows: set[str] = set()
        """Streams whose data it wants (``sio.streams``)."""
        self.member = ""
        """Its id as others see it; "" until it was shown the questions."""
        self.is_assistant = False
        self.is_open = True
        self.asked_at = 0.0
        """When it last asked for anything, by the process' clock."""
        self._end = end

    @property
    def seat(self) -> Seat | None:
        return self.place.seat if isinstance(self.place, Seated) else None

    @property
    def epoch(self) -> int:
        """The presenter's epoch, or 0 for anybody else and for a presenter without the slot."""
        seat = self.seat
        return seat.epoch if isinstance(seat, PresenterSeat) else 0

    def emit(self, namespace: str, event: str, payload: dict[str, Any]) -> None:
        """Send an event, unless the client has left the namespace."""
        if namespace in self.namespaces:
            self.send(Parcel(encode_event(namespace, event, payload)))

    def send(self, parcel: Parcel) -> None:
        """Write what is encoded already, after everything sent before."""
        if self.is_open:
            self.outbox.offer(parcel)

    def end(self) -> None:
        """Close the transport politely: the client's Manager connects again by itself."""
        self._end()


class Reply:
    """The one answer that a request gets."""

    def __init__(self, connection: Connection, request: Request) -> None:
        self._connection = connection
        self._request = request
        self._answered = False

    def accept(self, fields: dict[str, Any]) -> None:
        """Acknowledge, if an acknowledgement was asked for."""
        if self._once("ok") and self._request.ack_id is not None:
            self._acknowledge({"ok": True, **fields})

    def refuse(self, error: LecternError) -> None:
        """Acknowledge with the error, or emit ``failed`` where nobody waits for that."""
        if not self._once(error.code):
            return
        if self._request.ack_id is not None:
            answer = {"code": error.code, "message": error.message, "retryable": error.retryable}
            self._acknowledge({"ok": False, "error": answer})
            return
        failed = {
            "event": self._request.event,
            "code": error.code,
            "message": error.message,
            "retryable": error.retryable,
        }
        messages = encode_event(self._request.namespace, "failed", failed)
        self._connection.send(Parcel(messages))

    def _acknowledge(self, answer: dict[str, Any]) -> None:
        ack_id = self._request.ack_id
        if ack_id is not None:
            self._connection.send(Parcel(encode_ack(self._request.namespace, ack_id, answer)))

    def _once(self, outcome: str) -> bool:
        if self._answered:
            log.error("answered twice", socket_event=self._request.event)
            return False
        self._answered = True
        name = self._request.event if self._request.event in KNOWN_EVENTS else "unknown"
        metrics.SOCKET_EVENTS.labels(name, outcome).inc()
        return True


KNOWN_EVENTS = frozenset(
    {"presenterOffer", "whiteboardInit", "studentOffer", "clientCandidate", "edit", "ask"}
    | {"solved", "end", "leave", "sources", "draw", "drawing", "page", "snapshot"}
    | {"upvote", "answer", "hide", "approve", "claim", "appoint", "dismiss", "moderation"}
    | {"text", "people", "remove", "readmit", "record", "caption", "chapter"}
    | {"data", "attributes", "follow", "signal"}
    | {"questions", "hand", "invite", "uninvite", "speak", "mute", "pause", "prefer", "stats"}
)
"""Every event that clients may send; any other name is counted as ``unknown``."""
