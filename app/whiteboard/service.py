"""The board of a live room: one snapshot, replaced by each edit of the presenter."""

from typing import Protocol

from app.core.errors import TooLarge
from app.core.ids import RoomId
from app.whiteboard.model import Board

MAX_OBJECTS = 1024 * 1024
"""Bytes of a snapshot's objects."""


class BoardStore(Protocol):
    """Where boards are kept; ``store.RedisBoardStore`` says what each method guarantees."""

    async def edit(self, room: RoomId, epoch: int, board: Board) -> int: ...

    async def begin(self, room: RoomId, epoch: int, board: Board) -> bool: ...


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


def _check_size(board: Board) -> None:
    if len(board.objects) > MAX_OBJECTS:
        raise TooLarge("a board snapshot has at most 1 MiB of objects")
