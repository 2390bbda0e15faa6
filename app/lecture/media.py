"""A lecture's dealings with the relays: which one, and what is tidied up on it."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from app.cluster.placement import relay_for_room
from app.cluster.registry import Registry
from app.core.errors import LecternError
from app.core.ids import NodeId, PeerId, RoomId
from app.core.tasks import Tasks
from app.lecture.ports import RelayPort
from app.relay.messages import (
    IceRestarted,
    MuteTrack,
    OpenPeer,
    PauseSection,
    PeerOpened,
    PreferSection,
    RestartIce,
    RoomMeasured,
)

log = structlog.get_logger(__name__)

MAX_TIDYING = 1000
"""Peers and rooms that are being closed in the background; more are left to the relay's own
expiry of silent peers. The rest is dropped and logged."""


class Media:
    """The relays, as the use-cases see them. The owner calls ``close``."""

    def __init__(self, registry: Registry, relay: RelayPort) -> None:
        self._registry = registry
        self._relay = relay
        self._tasks = Tasks("media")

    async def close(self) -> None:
        """Give up what is being tidied up. Safe to call twice."""
        await self._tasks.close()

    async def relay_for(self, current: NodeId | None) -> NodeId:
        """Return the relay for a room that is on ``current``. Raises Unavailable without any."""
        return relay_for_room(await self._registry.alive("relay"), current)

    async def open(self, relay: NodeId, command: OpenPeer) -> PeerOpened:
        """Have the relay answer an offer. Raises what it refuses with, or Unavailable."""
        return await self._relay.open(relay, command)

    async def restart_ice(self, relay: NodeId, command: RestartIce) -> IceRestarted:
        """Give a peer new ICE credentials. Raises NotFound where it is gone, BadRequest."""
        return await self._relay.restart_ice(relay, command)

    async def see(self, relay: NodeId, room: RoomId, peers: Sequence[PeerId]) -> set[PeerId]:
        """Return those of ``peers`` that are on the relay. Raises Unavailable."""
        return await self._relay.see(relay, room, peers)

    async def control(
        self, relay: NodeId, command: MuteTrack | PauseSection | PreferSection
    ) -> None:
        """Change what flows. Raises NotFound for a peer or section that is gone."""
        await self._relay.control(relay, command)

    async def measure(self, relay: NodeId, room: RoomId) -> RoomMeasured:
        """Return the figures of a room's peers. Raises NotFound without such a room."""
        return await self._relay.measure(relay, room)

    async def close_peer(self, relay: NodeId, room: RoomId, peer: PeerId) -> None:
        """Free one peer, if the relay can be reached; it drops a silent peer by itself."""
        await _tolerate(lambda: self._relay.close_peer(relay, room, peer), room)

    async def close_room(self, relay: NodeId, room: RoomId) -> None:
        """Free a room with all its peers, if the relay can be reached."""
        await _tolerate(lambda: self._relay.close_room(relay, room), room)

    def close_peer_soon(self, relay: NodeId, room: RoomId, peer: PeerId) -> None:
        """As ``close_peer``, without waiting."""
        self._soon("close peer", lambda: self._relay.close_peer(relay, room, peer), room)

    def close_room_soon(self, relay: NodeId, room: RoomId) -> None:
        """As ``close_room``, without waiting."""
        self._soon("close room", lambda: self._relay.close_room(relay, room), room)

    def _soon(self, name: str, tidy: Callable[[], Awaitable[None]], room: RoomId) -> None:
        if len(self._tasks) >= MAX_TIDYING:
            log.warning("too much to tidy up: left to the relay", room=room)
            return
        _ = self._tasks.start(name, lambda: _tolerate(tidy, room))


async def _tolerate(tidy: Callable[[], Awaitable[None]], room: RoomId) -> None:
    try:
        await tidy()
    except LecternError as error:
        log.info("a relay was not told", room=room, reason=error.message)
