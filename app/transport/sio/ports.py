"""What the socket side needs from the rest of the server, by shape alone."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from app.auth.principal import Account, Principal
from app.core.ids import ConnectionId, PeerId, QuestionId, RoomId
from app.lecture.model import Entered, Offer, Snapshot, Started
from app.lecture.seat import AudienceSeat, PresenterSeat, Seat
from app.relay.messages import Source
from app.store.events import RoomEvent
from app.turn.service import Issued
from app.whiteboard.model import Board


class LecturesPort(Protocol):
    """``lecture.service.Lectures``; it says what each method guarantees and raises."""

    async def start(
        self, who: Account, connection: ConnectionId, room: RoomId, offer: Offer
    ) -> Started: ...
    async def init_board(self, seat: PresenterSeat, board: Board) -> bool: ...
    async def enter(
        self, who: Principal, connection: ConnectionId, room: RoomId, offer: Offer
    ) -> Entered: ...
    async def resume(
        self, who: Principal, connection: ConnectionId, room: RoomId | None
    ) -> Seat: ...
    async def try_claim(self, seat: PresenterSeat) -> PresenterSeat | None: ...
    async def snapshot(self, seat: Seat) -> Snapshot: ...
    async def end(self, seat: PresenterSeat) -> None: ...
    async def leave(self, seat: AudienceSeat, peer: PeerId | None) -> None: ...
    async def lost(self, seat: Seat) -> None: ...
    async def set_sources(self, seat: PresenterSeat, sources: Mapping[Source, bool]) -> None: ...
    def present(self, room: RoomId, connection: ConnectionId) -> None: ...
    def absent(self, room: RoomId, connection: ConnectionId) -> None: ...


class GuestsPort(Protocol):
    """``rooms.guests.Guests``."""

    async def hold(self, guest: str, connection: ConnectionId) -> None: ...
    async def lost(self, guest: str, connection: ConnectionId) -> None: ...
    async def come_back(
        self,
        guest: str,
        connection: ConnectionId,
        probe: Callable[[ConnectionId], Awaitable[bool]],
    ) -> None: ...


class BoardsPort(Protocol):
    """``whiteboard.service.Boards``."""

    async def edit(self, room: RoomId, epoch: int, board: Board) -> int: ...


class QuestionsPort(Protocol):
    """``questions.service.Questions``."""

    async def ask(
        self, room: RoomId, asker: str, name: str, content: str, client_id: str | None
    ) -> QuestionId: ...
    async def solve(self, room: RoomId, epoch: int, question: QuestionId) -> bool: ...


class FanOutPort(Protocol):
    """``store.fanout.FanOut``."""

    async def subscribe(
        self, room: RoomId, sink: Callable[[RoomEvent], None], after: int | None = None
    ) -> int: ...
    def unsubscribe(self, room: RoomId, sink: Callable[[RoomEvent], None]) -> None: ...


class TokensPort(Protocol):
    """``auth.tokens.UserTokens``."""

    def read(self, token: str, wall: float) -> Account: ...


class TurnPort(Protocol):
    """``turn.service.TurnServers``."""

    @property
    def generation(self) -> int: ...
    def issue(self, room: str, identity: str) -> Issued: ...
    def is_good(self, issued: Issued, room: str, identity: str) -> bool: ...
