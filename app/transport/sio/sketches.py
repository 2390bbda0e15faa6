"""Element boards as they are sent whole: in parts, or as the snapshots that existing clients draw.

What one member needs, others need too (a class that comes back at once), so each is read and
encoded once per revision.
"""

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import orjson
import structlog

from app.core.clock import Clock
from app.core.errors import LecternError
from app.core.ids import ConnectionId, RoomId
from app.core.tasks import Tasks
from app.transport.sio import wire
from app.transport.sio.connection import Connection
from app.transport.sio.hub import RoomHub
from app.transport.sio.parcel import Parcel
from app.transport.sio.ports import BoardsPort, LecturesPort
from app.whiteboard.model import Board, ElementBoard

log = structlog.get_logger(__name__)

MAX_KEPT_BYTES = 64 * 1024 * 1024
"""Of elements kept for the next who asks; the boards asked for longest ago go first."""

MAX_KEPT = 1000
"""Boards kept, however small."""

OLD_CLIENTS_SECONDS = 0.5
"""Between two snapshots of an element board for clients that know no other."""

INLINE_BYTES = 64 * 1024
"""Boards up to this size are encoded on the event loop, larger ones in a thread."""

PACE_BYTES = 768 * 1024
"""What may wait for one reader while it is sent a board or what it missed."""

PACE_SECONDS = 0.01

_COMPRESSION = 1

T = TypeVar("T")


@dataclass(slots=True)
class _Sketch:
    """One lecture's board, and what was made of it. ``lock``: one reader at a time."""

    board: ElementBoard | None = None
    read_at: float = 0.0
    parts: list[Parcel] = field(default_factory=list)
    objects: bytes | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def size(self) -> int:
        return sum(map(len, self.board.elements)) if self.board else 0


class Sketches:
    """The element boards of this process' rooms. Raises as ``Boards.elements`` does."""

    def __init__(
        self,
        boards: BoardsPort,
        lectures: LecturesPort,
        hub: RoomHub,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._boards = boards
        self._lectures = lectures
        self._hub = hub
        self._clock = clock
        self._tasks = tasks
        self._kept: OrderedDict[tuple[RoomId, str], _Sketch] = OrderedDict()
        self._turns: dict[ConnectionId, int] = {}
        """Connections that are being sent a board: for the how-many-eth time at once."""
        self._untold: dict[RoomId, bool] = {}
        """Rooms whose old clients were told lately: whether something changed since."""

    async def parts(self, room: RoomId, start_time: str, rev: int) -> list[Parcel]:
        """Return the board of revision ``rev`` or a later one as ``snapshot`` events.

        ``start_time`` tells two lectures of one code apart.
        """
        sketch = await self._at(room, start_time, rev)
        async with sketch.lock:
            if not sketch.parts and sketch.board is not None:
                sketch.parts = await _encoded(wire.elements, sketch.board, sketch.size)
            return sketch.parts

    async def whole(self, room: RoomId, start_time: str, view: Board, rev: int = -1) -> Board:
        """Return the shown page as the snapshot of an existing client; ``view`` gives the rest.

        Without ``rev`` it may be as old as ``OLD_CLIENTS_SECONDS``. Where there are no elements it
        is ``view`` itself.
        """
        if view.objects:
            return view
        sketch = await self._at(room, start_time, rev)
        async with sketch.lock:
            if sketch.board is None or not sketch.board.rev:
                return view
            if sketch.objects is None:
                sketch.objects = await _encoded(packed, sketch.board, sketch.size)
            return replace(view, objects=sketch.objects)

    async def send(self, connection: Connection, parcels: Iterable[Parcel]) -> None:
        """Write many parcels at the speed of their reader; stop when it is gone."""
        for parcel in parcels:
            while connection.is_open and connection.outbox.waiting_bytes > PACE_BYTES:  # noqa: ASYNC110
                await asyncio.sleep(PACE_SECONDS)
            connection.send(parcel)

    def send_soon(self, connection: Connection, parcels: list[Parcel]) -> None:
        """As ``send``, without waiting: a slow reader may take minutes for a large board.

        What was being sent to it this way before is left off.
        """
        turn = self._turns.get(connection.id, 0) + 1
        self._turns[connection.id] = turn

        async def run() -> None:
            for parcel in parcels:
                if self._turns.get(connection.id) != turn or not connection.is_open:
                    break
                await self.send(connection, [parcel])
            if self._turns.get(connection.id) == turn:
                del self._turns[connection.id]

        _ = self._tasks.start("snapshot", run)

    def changed(self, room: RoomId, members: Iterable[Connection]) -> None:
        """Have members that know no elements sent a snapshot, soon and not too often."""
        if room in self._untold:
            self._untold[room] = True
        elif not all(member.knows_elements for member in members):
            self._untold[room] = False
            _ = self._tasks.start("old-clients", lambda: self._tell_old(room))

    def forget(self, room: RoomId) -> None:
        """Forget a room's board: its lecture is over, or its revisions went back."""
        for key in [key for key in self._kept if key[0] == room]:
            del self._kept[key]

    async def _tell_old(self, room: RoomId) -> None:
        """Tell at once, and again after each pause in which something changed."""
        is_due = True
        try:
            while is_due:
                self._untold[room] = False
                try:
                    await self._update_old(room)
                except LecternError as error:
                    log.info("old clients were not told of a board", reason=error.code)
                await asyncio.sleep(OLD_CLIENTS_SECONDS)
                is_due = self._untold[room]
        finally:
            del self._untold[room]

    async def _update_old(self, room: RoomId) -> None:
        members = [member for member in self._hub.members(room) if not member.knows_elements]
        seat = next((member.seat for member in members if member.seat is not None), None)
        if seat is None:
            return
        now = await self._lectures.snapshot(seat)
        if now.board_kind != "elements":
            return
        board = await self.whole(room, now.start_time, now.board, now.rev)
        parcel = wire.update(board, now.seq)
        for member in members:
            member.send(parcel)

    async def _at(self, room: RoomId, start_time: str, rev: int) -> _Sketch:
        key = (room, start_time)
        sketch = self._kept.get(key)
        if sketch is None:
            sketch = self._kept[key] = _Sketch()
        self._kept.move_to_end(key)
        async with sketch.lock:
            if not self._is_fresh(sketch, rev):
                sketch.board = await self._boards.elements(room)
                sketch.read_at = self._clock.now()
                sketch.parts, sketch.objects = [], None
        self._make_room()
        return sketch

    def _is_fresh(self, sketch: _Sketch, rev: int) -> bool:
        if sketch.board is None:
            return False
        if rev < 0:
            return self._clock.now() - sketch.read_at < OLD_CLIENTS_SECONDS
        return sketch.board.rev >= rev

    def _make_room(self) -> None:
        size = sum(sketch.size for sketch in self._kept.values())
        while (size > MAX_KEPT_BYTES or len(self._kept) > MAX_KEPT) and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            size -= dropped.size


def packed(board: ElementBoard) -> bytes:
    """Return the shown page's elements as a snapshot's ``objects``: lowest first."""
    elements: list[dict[str, Any]] = [orjson.loads(text) for text in board.elements]
    shown = [element for element in elements if element.get("page", 0) == board.page]
    shown.sort(key=_depth)
    return gzip.compress(orjson.dumps(shown), _COMPRESSION, mtime=0)


def _depth(element: dict[str, Any]) -> tuple[str, str]:
    """Excalidraw's fractional index orders elements; the id tells equals apart."""
    return str(element.get("index") or ""), str(element["id"])


async def _encoded(encode: Callable[[ElementBoard], T], board: ElementBoard, size: int) -> T:
    if size <= INLINE_BYTES:
        return encode(board)
    return await asyncio.to_thread(encode, board)
