"""Boards in Redis: the view as JSON, whole snapshots as they came, elements in a hash."""

import json
from collections.abc import Sequence
from typing import cast

from app.core.ids import RoomId
from app.store.connections import Argument
from app.store.redis import Redis
from app.whiteboard.model import (
    Author,
    Board,
    Clear,
    Drawing,
    Drawn,
    ElementBoard,
    Operation,
    Put,
    Viewport,
    digest,
)

_PREFIX_FIELDS = 5
"""Before an element's JSON in its hash: version, nonce, two words of digest, page."""


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


def arguments(operation: Operation) -> tuple[Argument, ...]:
    """Return an operation as ``draw.lua`` takes it; the last is what ``drawn`` will say."""
    if isinstance(operation, Put):
        first, second = digest(operation.id, operation.version, operation.nonce)
        key = (operation.id, operation.version, operation.nonce)
        return ("put", *key, first, second, operation.page, operation.text)
    if isinstance(operation, Clear):
        fields: dict[str, object] = {"clear": True}
        if operation.page is not None:
            fields["page"] = operation.page
        page = "" if operation.page is None else operation.page
        return ("clear", "", "", "", "", "", page, _compact(fields))
    said = _compact({"del": operation.id, "version": operation.version})
    return ("del", operation.id, operation.version, "", "", "", "", said)


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

    async def draw(
        self, room: RoomId, author: Author, op_id: str, operations: Sequence[Operation]
    ) -> Drawn:
        """Merge the operations, all or none; a repeat of an ``op_id`` answers as the first."""
        flat: list[Argument] = []
        for operation in operations:
            flat.extend(arguments(operation))
        epoch = "" if author.epoch is None else author.epoch
        key = f"{author.identity}:{op_id}"
        reply = await self._redis.on_room(
            "draw", room, epoch, author.identity, author.member, key, len(operations), *flat
        )
        return Drawn(int(reply[0]), reply[1].decode(), bool(reply[2]))

    async def elements(self, room: RoomId) -> ElementBoard:
        """Return every element, of one instant."""
        rev, known_hash, page, values = await self._redis.on_room("elements", room)
        texts = tuple(value.split(b":", _PREFIX_FIELDS)[_PREFIX_FIELDS] for value in values)
        return ElementBoard(int(rev), known_hash.decode(), int(page), texts)

    async def set_drawing(self, room: RoomId, epoch: int, drawing: Drawing) -> bool:
        """Note who may draw, and tell everyone; False when nothing changed."""
        said = _compact({"mode": drawing.mode, "members": list(drawing.members)})
        lines = "\n".join(drawing.members)
        return bool(await self._redis.on_room("drawing", room, epoch, drawing.mode, lines, said))

    async def set_page(self, room: RoomId, epoch: int, page: int) -> bool:
        """Note which page is shown, and tell everyone; False when nothing changed."""
        return bool(await self._redis.on_room("page", room, epoch, page))


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
