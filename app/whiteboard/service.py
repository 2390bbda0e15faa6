"""The board of a live room: whole snapshots, or elements that several may draw."""

from collections.abc import Sequence
from typing import Protocol

from app.core.errors import BadRequest, TooLarge
from app.core.ids import RoomId
from app.whiteboard.model import Author, Board, Drawing, Drawn, ElementBoard, Operation, Put

MAX_OBJECTS = 1024 * 1024
"""Bytes of a snapshot's objects."""

MAX_ELEMENT = 64 * 1024
"""Bytes of one element's JSON."""

MAX_OPERATIONS = 500
"""Of one draw."""

MAX_DRAWERS = 200
"""Participants that a presenter may name."""


class BoardStore(Protocol):
    """Where boards are kept; ``store.RedisBoardStore`` says what each method guarantees."""

    async def edit(self, room: RoomId, epoch: int, board: Board) -> int: ...

    async def begin(self, room: RoomId, epoch: int, board: Board) -> bool: ...

    async def draw(
        self, room: RoomId, author: Author, op_id: str, operations: Sequence[Operation]
    ) -> Drawn: ...

    async def elements(self, room: RoomId) -> ElementBoard: ...

    async def set_drawing(self, room: RoomId, epoch: int, drawing: Drawing) -> bool: ...

    async def set_page(self, room: RoomId, epoch: int, page: int) -> bool: ...


class Boards:
    """Use-cases of the board."""

    def __init__(self, store: BoardStore) -> None:
        self._store = store

    async def edit(self, room: RoomId, epoch: int, board: Board) -> int:
        """Make ``board`` the room's board, tell everyone, and return its revision.

        Empty objects keep the objects that stand (X2). Once this returns, the edit is stored.

        Raises:
            TooLarge: more than ``MAX_OBJECTS`` bytes of objects.
            StalePresenter: ``epoch`` is not the slot's current one.
            NotStarted, Ended: there is no live room.
            Unavailable: Redis is away; the edit may or may not have happened.
        """
        _check_size(board)
        return await self._store.edit(room, epoch, board)

    async def begin(self, room: RoomId, epoch: int, board: Board) -> bool:
        """Make ``board`` the room's first board; False, and nothing, when it has one (X8).

        Raises as ``edit`` does.
        """
        _check_size(board)
        return await self._store.begin(room, epoch, board)

    async def draw(
        self, room: RoomId, author: Author, op_id: str, operations: Sequence[Operation]
    ) -> Drawn:
        """Merge the operations into the element board, all or none, and tell everyone.

        Of two writes of one element the higher version wins; at equal versions a removal wins, then
        the lower nonce. So a board is the same in whichever order writes arrive. An author's
        ``op_id`` that was drawn before (among the room's last 10,000 draws at least) changes
        nothing and answers as the first did.

        Raises:
            BadRequest: no operation.
            TooLarge: over ``MAX_OPERATIONS`` or ``MAX_ELEMENT``, or the board would hold more than
                10,000 elements or 32 MiB.
            Forbidden: a participant whom the presenter does not let draw.
            StalePresenter: the author's epoch is not the slot's current one.
            NotStarted, Ended: there is no live room.
            Unavailable: Redis is away; the draw may or may not have happened.
        """
        if not operations:
            raise BadRequest("a draw has at least one operation")
        if len(operations) > MAX_OPERATIONS:
            raise TooLarge(f"a draw has at most {MAX_OPERATIONS} operations")
        if any(isinstance(op, Put) and len(op.text) > MAX_ELEMENT for op in operations):
            raise TooLarge("an element has at most 64 KiB of JSON")
        return await self._store.draw(room, author, op_id, operations)

    async def elements(self, room: RoomId) -> ElementBoard:
        """Return the element board at one instant. Raises NotStarted, Ended, Unavailable."""
        return await self._store.elements(room)

    async def set_drawing(self, room: RoomId, epoch: int, drawing: Drawing) -> bool:
        """Say who may draw beside the presenter; False when that was so already.

        Raises TooLarge, StalePresenter, NotStarted, Ended, Unavailable.
        """
        if len(drawing.members) > MAX_DRAWERS:
            raise TooLarge(f"at most {MAX_DRAWERS} participants can be named")
        return await self._store.set_drawing(room, epoch, drawing)

    async def set_page(self, room: RoomId, epoch: int, page: int) -> bool:
        """Show a page; False when it is shown already.

        Raises StalePresenter, NotStarted, Ended, Unavailable.
        """
        return await self._store.set_page(room, epoch, page)


def _check_size(board: Board) -> None:
    if len(board.objects) > MAX_OBJECTS:
        raise TooLarge("a board snapshot has at most 1 MiB of objects")
