"""A lecture's dealings with the relays: which one, and what is tidied up on it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

import structlog

from app.cluster.node import NodeInfo, NodeState
from app.cluster.placement import ANYWHERE, Preference, place_participant
from app.cluster.refusals import AllFull
from app.cluster.registry import Registry
from app.cluster.scheduler import Scheduler
from app.core.clock import Clock, SystemClock
from app.core.errors import LecternError, Unavailable
from app.core.ids import NodeId, PeerId, RoomId, relay_in
from app.core.tasks import Tasks
from app.lecture.ports import RelayPort
from app.relay.answers import IceRestarted, PeerOpened, RoomMeasured
from app.relay.messages import (
    Control,
    OpenPeer,
    RestartIce,
    TellSections,
)

log = structlog.get_logger(__name__)

MAX_TIDYING = 1000
"""Peers and rooms that are being closed in the background; more are left to the relay's own
expiry of silent peers. The rest is dropped and logged."""


MAX_MEASURED = 300
"""Peers that one answer describes, those who send before all; the others are counted."""

NO_RELAY_SECONDS = 2.0
"""For which an offer waits while no relay is there at all (promise P5, seed row O4)."""

FEW_RELAYS = 8
"""More are not read anew for every join: each is a hash in Redis, and 100 joins a second would read
100 of them twice."""

LOOK_SECONDS = 0.5

PURPOSE = "relay"
"""Rooms are tasks of this purpose (``cluster.scheduler``)."""


class RelayGone(Unavailable):
    """The relay died before it answered: another one may be asked at once."""


class Media:
    """The relays, as the use-cases see them. The owner calls ``close``."""

    def __init__(
        self,
        registry: Registry,
        relay: RelayPort,
        scheduler: Scheduler | None = None,
        clock: Clock | None = None,
        home: Preference = ANYWHERE,
    ) -> None:
        """``home``: where this process stands. Whoever is connected to it is near it, unless it is
        known better."""
        self._home = home
        self._clock = clock or SystemClock()
        self._seen: tuple[float, list[NodeInfo]] = (float("-inf"), [])
        self._registry = registry
        self._relay = relay
        self._scheduler = scheduler or Scheduler(registry)
        self._opening: dict[NodeId, set[asyncio.Timeout]] = {}
        self._tasks = Tasks("media")

    @property
    def registry(self) -> Registry:
        return self._registry

    async def close(self) -> None:
        """Give up what is being tidied up. Safe to call twice."""
        await self._tasks.close()

    async def relay_for(
        self, room: RoomId, current: NodeId | None, preference: Preference | None = None
    ) -> NodeId:
        """Return the relay for a room: ``current``, where it is now, while that lives and does not
        drain; else the same new one for all who ask.

        A room stays on a draining relay while nobody else takes it: sound is worth more than
        order. Raises AllFull or NoMatch where it is on none, SchedulingFailed where there is no
        relay at all for a while, NotReady while Redis is away.
        """
        where = preference or self._home
        relays = await self._alive()
        here = _find(relays, current)
        if here is not None and here.state is not NodeState.DRAINING:
            return here.id
        try:
            if not relays:  # a killed one is replaced in a moment
                return (
                    await self._scheduler.schedule_within(NO_RELAY_SECONDS, PURPOSE, room, where)
                ).id
            chosen = await self._scheduler.schedule(PURPOSE, room, where, avoid=current)
        except AllFull:
            if here is None:
                raise
            return here.id
        return chosen.id

    async def relay_for_participant(
        self,
        room: RoomId,
        first: NodeId,
        spanned: Collection[NodeId],
        preference: Preference | None = None,
        peer: PeerId | None = None,
        avoid: Collection[NodeId] = (),
    ) -> NodeId:
        """Return the relay for one more participant of a room whose presenter is on ``first``.

        A peer that is there already stays where it is, unless that relay is gone or drains. Else
        provider and region come first, then the relays that the room is on (``spanned``) until
        they are full (``LECTERN_MAX_LOAD``), then the least loaded of the others: the relays join
        their rooms by themselves (docs/scale.md). Where nobody takes anything it is ``first``.
        ``avoid``: those that have just refused.
        """
        relays = [relay for relay in await self._alive() if relay.id not in avoid]
        here = _find(relays, relay_in(peer)) if peer is not None else None
        if here is not None and here.state is not NodeState.DRAINING:
            return here.id
        try:
            where = preference or self._home
            return place_participant(relays, where, spanned={first, *spanned}).id
        except Unavailable:
            log.info("a room is full", room=room)
            return first

    async def _alive(self) -> list[NodeInfo]:
        """Return the live relays; where there are many, as they were half a second ago at most."""
        at, relays = self._seen
        if len(relays) <= FEW_RELAYS or self._clock.now() - at > LOOK_SECONDS:
            relays = await self._registry.alive(PURPOSE)
            self._seen = (self._clock.now(), relays)
        return relays

    async def open(self, relay: NodeId, command: OpenPeer) -> PeerOpened:
        """Have the relay answer an offer.

        Raises what it refuses with; RelayGone if it died meanwhile, else Unavailable.
        """
        scope = asyncio.timeout(None)
        scopes = self._opening.setdefault(relay, set())
        scopes.add(scope)
        try:
            async with scope:
                answer = await self._relay.open(relay, command)
        except TimeoutError:
            raise RelayGone("the relay died before it answered") from None
        except Unavailable as error:
            self._seen = (float("-inf"), [])
            if _find(await self._registry.alive(PURPOSE), relay) is None:
                raise RelayGone(error.message) from error
            raise
        finally:
            scopes.discard(scope)
            if not scopes and self._opening.get(relay) is scopes:
                del self._opening[relay]
        if command.role == "presenter":
            self._soon("pick up", lambda: self._note(relay, command.room), command.room)
        return answer

    def died(self, relay: NodeId) -> None:
        """Let nobody wait for the answer of a relay that is dead, nor be sent there."""
        self._seen = (float("-inf"), [])
        now = asyncio.get_running_loop().time()
        for scope in self._opening.get(relay, ()):
            scope.reschedule(now)

    async def _note(self, relay: NodeId, room: RoomId) -> None:
        await self._scheduler.pick_up(PURPOSE, relay, [room])

    async def restart_ice(self, relay: NodeId, command: RestartIce) -> IceRestarted:
        """Give a peer new ICE credentials. Raises NotFound where it is gone, BadRequest."""
        return await self._relay.restart_ice(relay, command)

    async def see(self, relay: NodeId, room: RoomId, peers: Sequence[PeerId]) -> set[PeerId]:
        """Return those of ``peers`` that are on the relay. Raises Unavailable."""
        return await self._relay.see(relay, room, peers)

    async def control(self, relay: NodeId, command: Control) -> None:
        """Change what flows. Raises NotFound for a peer or section that is gone."""
        await self._relay.control(relay, command)

    async def measure(
        self, relay: NodeId, room: RoomId, spanned: Collection[NodeId] = ()
    ) -> RoomMeasured:
        """Return the figures of a room's peers, those on ``spanned`` relays among them as far as
        they answer. Raises NotFound without such a room."""
        first = await self._relay.measure(relay, room)
        others = sorted(set(spanned) - {relay})
        more = await asyncio.gather(
            *(self._relay.measure(other, room) for other in others), return_exceptions=True
        )
        peers, left_out = list(first.peers), first.left_out
        for found in more:
            if isinstance(found, RoomMeasured):
                taken = found.peers[: max(0, MAX_MEASURED - len(peers))]
                peers += taken
                left_out += found.left_out + len(found.peers) - len(taken)
            elif not isinstance(found, LecternError):
                raise found
        return RoomMeasured(peers=peers, left_out=left_out)

    async def close_peer(self, relay: NodeId, room: RoomId, peer: PeerId) -> None:
        """Free one peer, if the relay can be reached; it drops a silent peer by itself."""
        await _tolerate(lambda: self._relay.close_peer(relay, room, peer), room)

    async def close_room(self, relay: NodeId, room: RoomId) -> None:
        """Free a room with all its peers, if the relay can be reached."""
        await _tolerate(lambda: self._relay.close_room(relay, room), room)

    def tell_sections_soon(self, relay: NodeId, command: TellSections) -> None:
        """Have a peer told of its sections again, without waiting, if the relay can be reached."""
        self._soon("tell sections", lambda: self._relay.control(relay, command), command.room)

    def close_peer_soon(self, relay: NodeId, room: RoomId, peer: PeerId) -> None:
        """As ``close_peer``, without waiting."""
        self._soon("close peer", lambda: self._relay.close_peer(relay, room, peer), room)

    def close_room_soon(self, relay: NodeId, room: RoomId) -> None:
        """As ``close_room``, without waiting; the room is nobody's task any more."""
        self._soon("close room", lambda: self._relay.close_room(relay, room), room)
        self._soon("give up", lambda: self._scheduler.unschedule(PURPOSE, relay, [room]), room)

    def _soon(self, name: str, tidy: Callable[[], Awaitable[None]], room: RoomId) -> None:
        if len(self._tasks) >= MAX_TIDYING:
            log.warning("too much to tidy up: left to the relay", room=room)
            return
        _ = self._tasks.start(name, lambda: _tolerate(tidy, room))


def _find(relays: Sequence[NodeInfo], node: NodeId | None) -> NodeInfo | None:
    return next((relay for relay in relays if relay.id == node), None)


async def _tolerate(tidy: Callable[[], Awaitable[None]], room: RoomId) -> None:
    try:
        await tidy()
    except LecternError as error:
        log.info("a relay was not told", room=room, reason=error.message)
