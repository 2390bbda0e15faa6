"""The pipes of one relay process: which rooms are joined to which other relays, and kept so.

Each room with somebody on this relay has a ``Stem``, which asks where we stand in the room's tree
of relays (``places``), has one pipe up opened by a command to that relay, and has it made again
whenever it dies or the tree changes. Pipes that others open from below are served until they are
closed or silent.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Final, Protocol

import structlog
from pydantic import ValidationError

from app.core.clock import Clock
from app.core.errors import BadRequest, LecternError
from app.core.ids import NodeId, RoomId
from app.core.tasks import Tasks
from app.relay.answers import ANSWERS, PipeOpened
from app.relay.core.events import PipeGone, PipeJoined
from app.relay.core.relay import Relay
from app.relay.messages import OpenPipe
from app.relay.peer import Reach
from app.relay.pipe_end import PipeEnd
from app.relay.places import Places
from app.relay.stem import Link, Stem

log = structlog.get_logger(__name__)

OPEN_SECONDS: Final = 1.0
"""How long another relay may take to answer; it needs some milliseconds."""
LEAVE_SECONDS: Final = 1.0
MAX_PIPES: Final = 2_000


class Caller(Protocol):
    """What is needed of ``cluster.commands.CommandBus``."""

    async def call(self, to: NodeId, payload: bytes, timeout: float) -> bytes:  # noqa: ASYNC109
        """Return the answer of process ``to``. Raises Unavailable on the deadline."""
        ...


class Piping:
    """Owned by ``service.RelayService``, which tells it of changes; ``settle`` drains the core.

    Guarantees that a room has at most one pipe up at a time but while one takes over from another,
    that whoever is behind an old pipe is heard until the new one is there, and that a room which
    nobody here needs leaves nothing behind.
    """

    def __init__(
        self,
        node: NodeId,
        bus: Caller,
        places: Places | None,
        core: Relay,
        reach: Callable[[], Reach],
        peers_of: Callable[[RoomId], int],
        let_go: Callable[[RoomId], None],
        settle: Callable[[], None],
        clock: Clock,
    ) -> None:
        """Make one that opens no pipe by itself where ``places`` is None."""
        self._node = node
        self._bus = bus
        self._places = places
        self._core = core
        self._reach = reach
        self.peers_of = peers_of
        self.let_go = let_go
        self._settle = settle
        self._clock = clock
        self._tasks = Tasks("piping")
        self._links: dict[str, Link] = {}
        self._stems: dict[RoomId, Stem] = {}
        self._is_open = True
        self.opened = 0
        self.failed = 0
        self.died = 0

    def stats(self) -> dict[str, int]:
        """Return a gauge and counters."""
        return {
            "pipes": len(self._links),
            "pipes_opened": self.opened,
            "pipes_failed": self.failed,
            "pipes_died": self.died,
        }

    async def close(self) -> None:
        """Close every pipe, and leave the rooms. Safe to call twice; done in about a second."""
        self._is_open = False
        stems = list(self._stems.values())
        await self._tasks.close()
        if stems:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_SECONDS):
                    _ = await asyncio.gather(*(stem.leave() for stem in stems))
        for ident in list(self._links):
            self._remove(ident)

    # From the service ------------------------------------------------------------------------

    def note(self, room: RoomId) -> None:
        """Somebody of a room came to this relay, or left it."""
        stem = self._stems.get(room)
        if stem is not None:
            if not self.peers_of(room):
                stem.wake()
        elif self.peers_of(room):
            self._begin(room)

    def _begin(self, room: RoomId) -> None:
        if self._places is None or not self._is_open or room in self._stems:
            return
        made = Stem(room, self._places, self)
        self._stems[room] = made
        _ = self._tasks.start("room", lambda: self._hold(made))

    async def _hold(self, stem: Stem) -> None:
        try:
            await stem.hold()
        finally:
            if self._stems.get(stem.room) is stem:
                del self._stems[stem.room]
            self.close_up(stem.room)

    def happened(self, event: PipeJoined | PipeGone) -> None:
        """Take what the core says of a pipe."""
        link = self._links.get(event.pipe)
        if link is None:
            return
        if isinstance(event, PipeJoined):
            link.is_joined = True
            # The new one has taken over from what was between the same two, or led up before.
            self._remove_where(
                event.pipe,
                lambda one: (
                    one.room == link.room
                    and (one.node == link.node or (link.leads_up and one.leads_up))
                ),
            )
            log.info("pipe joined", room=link.room, to=link.node, up=link.leads_up)
            return
        link.is_dead = True
        self.died += event.reason == "silent"
        say = log.warning if event.reason == "silent" else log.info
        say("pipe gone", room=link.room, to=link.node, up=link.leads_up, why=event.reason)
        stem = self._stems.get(link.room)
        if stem is not None and (link.leads_up or not self.peers_of(link.room)):
            stem.wake()
        if not link.leads_up:
            self._remove(event.pipe)

    def serve(self, command: OpenPipe) -> PipeOpened:
        """Open our end of a pipe for another relay, further from the presenter.

        Raises BadRequest for keys or addresses that cannot be used, and where there are too many.
        """
        if len(self._links) >= MAX_PIPES or command.pipe in self._links:
            raise BadRequest("this pipe cannot be opened here")
        end = PipeEnd(self._reach())
        path = end.path(command)
        now = self._clock.now()
        try:
            self._core.add_pipe(command.room, command.pipe, path, now, leads_up=False)
        except ValueError as fault:
            raise BadRequest("this pipe cannot be opened here") from fault
        self._links[command.pipe] = Link(command.room, command.node, leads_up=False)
        self._begin(command.room)  # whoever feeds others is fed itself
        return end.answer()

    # A room ----------------------------------------------------------------------------------

    def is_needed(self, room: RoomId) -> bool:
        """Tell whether anybody here, or below, has a use for what comes from above."""
        feeds = any(one.room == room and not one.leads_up for one in self._links.values())
        return feeds or self.peers_of(room) > 0

    def uppers(self, room: RoomId) -> list[Link]:
        """Return a room's pipes up: none, one, or two while one takes over from another."""
        return [one for one in self._links.values() if one.room == room and one.leads_up]

    def close_up(self, room: RoomId) -> None:
        """Close a room's pipes up."""
        self._remove_where(None, lambda one: one.room == room and one.leads_up)
        self._settle()

    async def open_up(self, room: RoomId, upper: NodeId) -> None:
        """Open a pipe up. Raises LecternError where the other relay does not."""
        try:
            await self._open(room, upper)
        except LecternError:
            self.failed += 1
            raise

    async def _open(self, room: RoomId, upper: NodeId) -> None:
        ident = secrets.token_hex(16)
        end = PipeEnd(self._reach())
        command = end.command(room, ident, self._node)
        raw = await self._bus.call(upper, command.model_dump_json().encode(), OPEN_SECONDS)
        try:
            answer = ANSWERS.validate_json(raw)
        except ValidationError as error:
            raise BadRequest("the other relay's answer is not understood") from error
        if not isinstance(answer, PipeOpened):
            raise BadRequest(getattr(answer, "message", "the other relay answered otherwise"))
        path = end.path(answer)
        try:
            self._core.add_pipe(room, ident, path, self._clock.now(), leads_up=True)
        except ValueError as fault:
            raise BadRequest("the other relay's keys cannot be used") from fault
        self._links[ident] = Link(room, upper, leads_up=True)
        self.opened += 1
        self._settle()

    def _remove_where(self, keep: str | None, which: Callable[[Link], bool]) -> None:
        for ident, link in list(self._links.items()):
            if ident != keep and which(link):
                self._remove(ident)

    def _remove(self, ident: str) -> None:
        link = self._links.pop(ident, None)
        self._core.remove_pipe(ident, self._clock.now())
        if link is not None:
            stem = self._stems.get(link.room)
            if stem is not None and not self.is_needed(link.room):
                stem.wake()
