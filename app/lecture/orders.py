"""What one api process has another do at once, about connections that only that one holds."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Protocol

import structlog
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.core.errors import BadRequest, LecternError
from app.core.ids import NodeId, RoomId
from app.rooms.roster import SESSIONS_NODE, Seat

log = structlog.get_logger(__name__)

ORDER_SECONDS = 0.8
"""How long another process may take to answer; it needs some milliseconds. One that does not is
dead or cut off, and its clients with it."""


class _Order(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    room: RoomId
    connections: list[str]


class Cut(_Order):
    """Tell these connections why, and close them."""

    op: Literal["cut"] = "cut"
    reason: str
    banned: bool


class Rebound(_Order):
    """Hold these connections to another permission from now on, and tell them."""

    op: Literal["rebound"] = "rebound"
    permission: dict[str, Any]


Order = Cut | Rebound
ORDERS: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="op")])


class Bus(Protocol):
    """``cluster.commands.CommandBus``."""

    async def call(self, to: NodeId, payload: bytes, timeout: float) -> bytes: ...  # noqa: ASYNC109
    def serve(self, handler: Any) -> None: ...


class Crew(Protocol):
    """Who carries orders out: the socket side of this process."""

    def carry_out(self, order: Order) -> int:
        """Do it, at once; return how many connections it was about."""


class Orders:
    """Orders of one process to all, itself included. ``serve`` says who carries them out here."""

    def __init__(self, bus: Bus, node: NodeId) -> None:
        self._bus = bus
        self._node = node
        self._crew: Crew | None = None

    def serve(self, crew: Crew) -> None:
        """Have ``crew`` carry out what this and other processes order, from now on."""
        self._crew = crew
        self._bus.serve(self.handle)

    async def handle(self, payload: bytes) -> bytes:
        """Carry out another process' order."""
        try:
            order = ORDERS.validate_json(payload)
        except ValidationError as fault:
            raise BadRequest("this process does not understand the order") from fault
        return str(self._carry_out(order)).encode()

    async def cut(self, room: RoomId, seats: Iterable[Seat], reason: str, banned: bool) -> int:
        """Close connections wherever they are; return how many were reached."""
        return await self._give(
            [
                (node, Cut(room=room, connections=names, reason=reason, banned=banned))
                for node, names in _by_node(seats).items()
            ]
        )

    async def rebind(self, room: RoomId, seats: Iterable[Seat], permission: dict[str, Any]) -> int:
        """Hold connections to another permission; return how many were reached."""
        return await self._give(
            [
                (node, Rebound(room=room, connections=names, permission=permission))
                for node, names in _by_node(seats).items()
            ]
        )

    async def _give(self, orders: list[tuple[NodeId, Order]]) -> int:
        return sum(await asyncio.gather(*(self._order(node, order) for node, order in orders)))

    async def _order(self, node: NodeId, order: Order) -> int:
        if node == self._node:
            return self._carry_out(order)
        try:
            payload = order.model_dump_json().encode()
            return int(await self._bus.call(node, payload, ORDER_SECONDS))
        except LecternError as error:
            log.warning("an order was not carried out", node=node, reason=error.message)
            return 0

    def _carry_out(self, order: Order) -> int:
        return self._crew.carry_out(order) if self._crew is not None else 0


def _by_node(seats: Iterable[Seat]) -> dict[NodeId, list[str]]:
    found: dict[NodeId, list[str]] = defaultdict(list)
    for seat in seats:
        if seat.node != SESSIONS_NODE:
            found[seat.node].append(seat.connection)
    return found
