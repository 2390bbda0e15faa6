"""The api side of a relay: its commands as calls, its refusals as errors."""

from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from app.core.errors import BY_CODE, Internal, Unavailable
from app.core.ids import NodeId, PeerId, RoomId
from app.relay.answers import (
    ANSWERS,
    RELAY_FULL,
    Done,
    IceRestarted,
    PeerOpened,
    PeersSeen,
    Refused,
    RelayCounted,
    RoomDescribed,
    RoomMeasured,
)
from app.relay.messages import (
    ClosePeer,
    CloseRoom,
    Control,
    CountRelay,
    DescribeRoom,
    MeasureRoom,
    OpenPeer,
    RestartIce,
    SeePeers,
)

COMMAND_SECONDS: Final = 3.0
"""How long a relay may take to answer; it needs 2 ms, so this is about a relay that is gone."""

_Wanted = TypeVar(
    "_Wanted",
    PeerOpened,
    Done,
    RoomDescribed,
    IceRestarted,
    PeersSeen,
    RoomMeasured,
    RelayCounted,
)


class Caller(Protocol):
    """What a client needs of ``cluster.commands.CommandBus``."""

    async def call(self, to: NodeId, payload: bytes, timeout: float) -> bytes:  # noqa: ASYNC109
        """Return the answer of process ``to``. Raises Unavailable on the deadline."""


class RelayFull(Unavailable):
    """It has as many peers as it may have; its load said otherwise a moment ago."""


class RelayClient:
    """Commands to relays.

    Every call raises the refusal that the relay answered (``core.errors``), or Unavailable where
    it did not answer in ``COMMAND_SECONDS``.
    """

    def __init__(self, bus: Caller) -> None:
        self._bus = bus

    async def open(self, node: NodeId, command: OpenPeer) -> PeerOpened:
        """Have ``node`` answer an offer; with a known peer id, restart that peer's ICE.

        Raises RelayFull where it takes no more peers.
        """
        try:
            return await self._call(node, command, PeerOpened)
        except Unavailable as error:
            if error.message == RELAY_FULL:
                raise RelayFull(error.message) from error
            raise

    async def close_peer(self, node: NodeId, room: RoomId, peer: PeerId) -> None:
        """Free one peer, whether or not it exists."""
        await self._call(node, ClosePeer(room=room, peer=peer), Done)

    async def close_room(self, node: NodeId, room: RoomId) -> None:
        """Free a room with its peers, whether or not it exists."""
        await self._call(node, CloseRoom(room=room), Done)

    async def describe(self, node: NodeId, room: RoomId) -> RoomDescribed:
        """Return what a room's media does. Raises NotFound where the relay has no such room."""
        return await self._call(node, DescribeRoom(room=room), RoomDescribed)

    async def restart_ice(self, node: NodeId, command: RestartIce) -> IceRestarted:
        """Give a peer new credentials. Raises NotFound where it is gone, BadRequest."""
        return await self._call(node, command, IceRestarted)

    async def see(self, node: NodeId, room: RoomId, peers: Sequence[PeerId]) -> set[PeerId]:
        """Return those of ``peers`` that are on the relay."""
        seen = await self._call(node, SeePeers(room=room, peers=list(peers)), PeersSeen)
        return set(seen.peers)

    async def control(self, node: NodeId, command: Control) -> None:
        """Change what flows. Raises NotFound for a peer or section that is gone, Conflict."""
        await self._call(node, command, Done)

    async def measure(self, node: NodeId, room: RoomId) -> RoomMeasured:
        """Return the figures of a room's peers. Raises NotFound without such a room."""
        return await self._call(node, MeasureRoom(room=room), RoomMeasured)

    async def count(self, node: NodeId) -> dict[str, int]:
        """Return a relay process' own counters."""
        return (await self._call(node, CountRelay(), RelayCounted)).figures

    async def _call(self, node: NodeId, command: BaseModel, wanted: type[_Wanted]) -> _Wanted:
        payload = command.model_dump_json().encode()
        raw = await self._bus.call(node, payload, COMMAND_SECONDS)
        try:
            answer = ANSWERS.validate_json(raw)
        except ValidationError as error:
            raise Internal("the relay's answer is not understood") from error
        if isinstance(answer, Refused):
            raise BY_CODE.get(answer.code, Internal)(answer.message)
        if not isinstance(answer, wanted):
            raise Internal("the relay answered another question")
        return answer
