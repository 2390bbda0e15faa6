"""The pipes of one relay process: which rooms are joined to which other relays, and kept so.

For each room with somebody on this relay it asks where that stands in the room's tree of relays
(``places``), opens one pipe up by a command to that relay, and makes it again whenever it dies or
the tree changes. Pipes that others open from below are served until they are closed or silent.
"""

import asyncio
import base64
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog
from pydantic import ValidationError

from app.core.clock import Clock
from app.core.errors import BadRequest, LecternError
from app.core.ids import NodeId, RoomId
from app.core.tasks import Tasks
from app.relay.core.events import PipeGone, PipeJoined
from app.relay.core.media import Address, SrtpKeys
from app.relay.core.pipe import PipePath
from app.relay.core.relay import Relay
from app.relay.messages import ANSWERS, OpenPipe, PipeOpened
from app.relay.peer import Reach
from app.relay.places import GOOD_FOR_SECONDS, Place, Places

log = structlog.get_logger(__name__)

OPEN_SECONDS: Final = 1.0
"""How long another relay may take to answer; it needs some milliseconds."""
RENEW_SECONDS: Final = GOOD_FOR_SECONDS / 3
RETRY_SECONDS: Final = 0.25
MAX_RETRY_SECONDS: Final = 2.0
LEAVE_SECONDS: Final = 1.0
LINGER_SECONDS: Final = 1.0
"""After the last participant left: one who reloads the page finds the pipe open."""
GONE_LOOKS: Final = 3
"""Looks in a row that find no live room until its peers are let go."""
MAX_PIPES: Final = 2_000
KEY_BYTES: Final = 16
SALT_BYTES: Final = 12
MAX_SSRC: Final = (1 << 32) - 1


class Caller(Protocol):
    """What is needed of ``cluster.commands.CommandBus``."""

    async def call(self, to: NodeId, payload: bytes, timeout: float) -> bytes:  # noqa: ASYNC109
        """Return the answer of process ``to``. Raises Unavailable on the deadline."""
        ...


@dataclass(slots=True)
class _Link:
    """One pipe as the shell keeps it."""

    room: RoomId
    node: NodeId
    leads_up: bool
    is_joined: bool = False
    is_dead: bool = False


@dataclass(slots=True)
class _Stem:
    """What this relay does for one room."""

    woken: asyncio.Event = field(default_factory=asyncio.Event)
    avoid: NodeId | None = None
    failures: int = 0
    gone: int = 0


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
        self._peers_of = peers_of
        self._let_go = let_go
        self._settle = settle
        self._clock = clock
        self._tasks = Tasks("piping")
        self._links: dict[str, _Link] = {}
        self._stems: dict[RoomId, _Stem] = {}
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
        rooms, places = list(self._stems), self._places
        await self._tasks.close()
        if places is not None and rooms:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_SECONDS):
                    _ = await asyncio.gather(*(_leave(places, room) for room in rooms))
        for ident in list(self._links):
            self._remove(ident)

    # From the service ------------------------------------------------------------------------

    def note(self, room: RoomId) -> None:
        """Somebody of a room came to this relay, or left it."""
        stem = self._stems.get(room)
        if stem is not None:
            if not self._peers_of(room):
                stem.woken.set()
        elif self._peers_of(room):
            self._begin(room)

    def _begin(self, room: RoomId) -> None:
        if self._places is None or not self._is_open or room in self._stems:
            return
        places, made = self._places, _Stem()
        self._stems[room] = made
        _ = self._tasks.start("room", lambda: self._hold(room, made, places))

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
        if stem is not None and (link.leads_up or not self._peers_of(link.room)):
            stem.woken.set()
        if not link.leads_up:
            self._remove(event.pipe)

    def serve(self, command: OpenPipe) -> PipeOpened:
        """Open our end of a pipe for another relay, further from the presenter.

        Raises BadRequest for keys or addresses that cannot be used, and where there are too many.
        """
        if len(self._links) >= MAX_PIPES or command.pipe in self._links:
            raise BadRequest("this pipe cannot be opened here")
        reach = self._reach()
        address = _address(command.hosts, command.port, reach.hosts)
        key, salt, ssrc = _fresh()
        keys = SrtpKeys("AEAD_AES_128_GCM", _bytes(command.key), _bytes(command.salt), key, salt)
        path = PipePath(address, ssrc, command.ssrc, keys)
        now = self._clock.now()
        try:
            self._core.add_pipe(command.room, command.pipe, path, now, leads_up=False)
        except ValueError as fault:
            raise BadRequest("this pipe cannot be opened here") from fault
        self._links[command.pipe] = _Link(command.room, command.node, leads_up=False)
        self._begin(command.room)  # whoever feeds others is fed itself
        return PipeOpened(
            hosts=list(reach.hosts), port=reach.port, ssrc=ssrc, key=_text(key), salt=_text(salt)
        )

    # A room ----------------------------------------------------------------------------------

    def _is_needed(self, room: RoomId) -> bool:
        feeds = any(one.room == room and not one.leads_up for one in self._links.values())
        return feeds or self._peers_of(room) > 0

    async def _hold(self, room: RoomId, stem: _Stem, places: Places) -> None:
        """Keep a room joined for as long as anybody here, or below, needs it."""
        try:
            while True:
                stem.woken.clear()
                try:
                    wait = await self._look(room, stem, places)
                except Exception:
                    log.exception("a room's pipes were not looked after", room=room)
                    wait = MAX_RETRY_SECONDS
                await _wait(stem.woken, wait)
                if not self._is_needed(room):
                    await asyncio.sleep(LINGER_SECONDS)
                    if self._is_needed(room):
                        continue
                    await _leave(places, room)
                    if not self._is_needed(room):
                        return
        finally:
            if self._stems.get(room) is stem:
                del self._stems[room]
            self._remove_where(None, lambda one: one.room == room and one.leads_up)
            self._settle()

    async def _look(self, room: RoomId, stem: _Stem, places: Places) -> float:
        """See where we stand, and act on it; return how long to wait for the next look."""
        try:
            place = await places.stand(room, self._peers_of(room), stem.avoid)
        except LecternError as error:
            # Media goes on by the pipes that there are.
            log.debug("the room's relays are not known", room=room, reason=error.message)
            return RENEW_SECONDS / 5
        stem.avoid = None
        stem.gone = stem.gone + 1 if place.kind == "gone" else 0
        match place.kind:
            case "leaf":
                return await self._follow(room, stem, place)
            case "root":
                self._remove_where(None, lambda one: one.room == room and one.leads_up)
                self._settle()
                return RENEW_SECONDS
            case "none":
                return RETRY_SECONDS
            case _:
                return self._look_gone(room, stem)

    def _look_gone(self, room: RoomId, stem: _Stem) -> float:
        """A room that is not live yet, or not any more: then who is left here is let go."""
        if stem.gone >= GONE_LOOKS and self._has_upper(room):
            log.info("a room is over", room=room)
            self._let_go(room)
        return RETRY_SECONDS if stem.gone < GONE_LOOKS else RENEW_SECONDS

    def _has_upper(self, room: RoomId) -> bool:
        return any(one.room == room and one.leads_up for one in self._links.values())

    async def _follow(self, room: RoomId, stem: _Stem, place: Place) -> float:
        """Have a live pipe to ``place.upper``, opening one if need be."""
        upper = place.upper
        if upper is None:
            return RETRY_SECONDS
        alive = [
            one
            for one in self._links.values()
            if one.room == room and one.leads_up and one.node == upper and not one.is_dead
        ]
        if alive:
            if alive[0].is_joined:
                stem.failures = 0
            return RENEW_SECONDS
        try:
            await self._open(room, upper)
        except LecternError as error:
            self.failed += 1
            stem.failures += 1
            stem.avoid = upper
            log.warning("a pipe was not opened", room=room, to=upper, reason=error.message)
            return min(MAX_RETRY_SECONDS, RETRY_SECONDS * float(2 ** min(stem.failures, 4)))
        return RENEW_SECONDS

    async def _open(self, room: RoomId, upper: NodeId) -> None:
        """Open a pipe up. Raises LecternError where the other relay does not."""
        ident = secrets.token_hex(16)
        reach = self._reach()
        key, salt, ssrc = _fresh()
        command = OpenPipe(
            room=room, pipe=ident, node=self._node, hosts=list(reach.hosts), port=reach.port,
            ssrc=ssrc, key=_text(key), salt=_text(salt),
        )  # fmt: skip
        raw = await self._bus.call(upper, command.model_dump_json().encode(), OPEN_SECONDS)
        try:
            answer = ANSWERS.validate_json(raw)
        except ValidationError as error:
            raise BadRequest("the other relay's answer is not understood") from error
        if not isinstance(answer, PipeOpened):
            raise BadRequest(getattr(answer, "message", "the other relay answered otherwise"))
        address = _address(answer.hosts, answer.port, reach.hosts)
        keys = SrtpKeys("AEAD_AES_128_GCM", _bytes(answer.key), _bytes(answer.salt), key, salt)
        path = PipePath(address, ssrc, answer.ssrc, keys)
        try:
            self._core.add_pipe(room, ident, path, self._clock.now(), leads_up=True)
        except ValueError as fault:
            raise BadRequest("the other relay's keys cannot be used") from fault
        self._links[ident] = _Link(room, upper, leads_up=True)
        self.opened += 1
        self._settle()

    def _remove_where(self, keep: str | None, which: Callable[[_Link], bool]) -> None:
        for ident, link in list(self._links.items()):
            if ident != keep and which(link):
                self._remove(ident)

    def _remove(self, ident: str) -> None:
        link = self._links.pop(ident, None)
        self._core.remove_pipe(ident, self._clock.now())
        if link is not None:
            stem = self._stems.get(link.room)
            if stem is not None and not self._is_needed(link.room):
                stem.woken.set()


async def _leave(places: Places, room: RoomId) -> None:
    try:
        await places.leave(room)
    except LecternError as error:  # its entry ends by itself
        log.debug("a room was not left in Redis", room=room, reason=error.message)


async def _wait(woken: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            _ = await woken.wait()
    except TimeoutError:
        pass


def _fresh() -> tuple[bytes, bytes, int]:
    """Return a key, a salt and an SSRC that nobody had."""
    return (
        secrets.token_bytes(KEY_BYTES),
        secrets.token_bytes(SALT_BYTES),
        1 + secrets.randbelow(MAX_SSRC),
    )


def _address(theirs: list[str], port: int, ours: tuple[str, ...]) -> Address:
    """Return where another relay is reached: by IPv4 if that is what we are reached by."""
    is_ipv4 = ":" not in ours[0]
    host = next((host for host in theirs if (":" not in host) == is_ipv4), theirs[0])
    return (host, port)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    """Raises BadRequest."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise BadRequest("this is no key") from error
