"""Boards in the room's hash: the view as JSON, the objects as they came."""

import json
from typing import cast

from app.core.ids import RoomId
from app.store.redis import Redis
from app.whiteboard.model import Board, Viewport


def view_json(board: Board) -> str:
    """Return what ``currentWhiteboardData`` holds: the board without its objects."""
    return json.dumps(
        {
            "viewport": list(board.viewport),
            "eventTime": board.event_time,
            "width": board.width,
            "height": board.height,
        },
        separators=(",", ":"),
    )


def read_board(view: bytes, objects: bytes) -> Board:
    """Return the board that stands in a room's hash; the empty board where there is none."""
    if not view:
        return Board()
    fields = json.loads(view)
    viewport = cast("Viewport", tuple(float(number) for number in fields["viewport"]))
    return Board(objects, viewport, fields["eventTime"], fields["width"], fields["height"])


class RedisBoardStore:
    """Each write is one script: fence, merge, log, publish, refresh. Raises its refusals."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def edit(self, room: RoomId, epoch: int, board: Board) -> int:
        """Store and publish the board under the presenter's epoch; return its revision."""
        return int(await self._redis.on_room("edit", room, epoch, view_json(board), board.objects))

    async def begin(self, room: RoomId, epoch: int, board: Board) -> bool:
        """As ``edit``, only where there is no board yet; tell whether there was none."""
        return bool(
            await self._redis.on_room("init_board", room, epoch, view_json(board), board.objects)
        )
