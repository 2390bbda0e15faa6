"""The TURN servers that each connection was given, and the moment it needs others."""

import asyncio
from collections import OrderedDict
from typing import Any

from app.core.clock import Clock
from app.core.ids import ConnectionId
from app.lecture.seat import PresenterSeat, Seat
from app.transport.sio import wire
from app.transport.sio.connection import Connection
from app.transport.sio.ports import TurnPort
from app.turn.service import Issued

EVENT = "iceServers"

LOOK_SECONDS = 0.5
"""Between two looks at what has become worthless."""

CHUNK = 200
"""Connections looked at without letting others go on."""


class IceServers:
    """Gives servers with each answer and, unasked, when their credentials have lived half their
    life, when a server that was given dies, and when a secret is thrown away.

    Without TURN it gives nothing: answers have no ``iceServers`` then.
    """

    def __init__(self, turn: TurnPort | None, clock: Clock) -> None:
        self._turn = turn
        self._clock = clock
        self._given: OrderedDict[ConnectionId, tuple[Connection, Issued]] = OrderedDict()
        self._generation = 0

    def with_answer(self, connection: Connection, seat: Seat) -> dict[str, Any]:
        """Return the field that belongs into the answer of an offer."""
        return {} if self._turn is None else {EVENT: self._issue(self._turn, connection, seat)}

    def on_return(self, connection: Connection, seat: Seat) -> None:
        """Send servers to a member that came back without an offer."""
        if self._turn is not None and connection.id not in self._given:
            payload = {EVENT: self._issue(self._turn, connection, seat)}
            connection.emit(wire.LECTURE, EVENT, payload)

    async def run(self) -> None:
        """Keep everybody's servers good, for ever."""
        while self._turn is not None:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look(self._turn)

    async def look(self, turn: TurnPort) -> None:
        """Renew what is due now."""
        generation = turn.generation
        if generation != self._generation:
            await self._replace_worthless(turn)
            self._generation = generation
        now = self._clock.now()
        # In the order in which they were given, which is the order in which they age.
        while self._given:
            connection, issued = next(iter(self._given.values()))
            if issued.renew_at > now:
                break
            self._renew(turn, connection)

    async def _replace_worthless(self, turn: TurnPort) -> None:
        for count, (connection, issued) in enumerate(list(self._given.values()), 1):
            if count % CHUNK == 0:
                await asyncio.sleep(0)
            seat = connection.seat
            if seat is None or not turn.is_good(issued, seat.room, _identity(seat)):
                self._renew(turn, connection)

    def _renew(self, turn: TurnPort, connection: Connection) -> None:
        self._given.pop(connection.id, None)
        seat = connection.seat
        if seat is None or not connection.is_open:
            return
        payload = {EVENT: self._issue(turn, connection, seat)}
        entrance = "/create-room" if isinstance(seat, PresenterSeat) else "/enter-room"
        joined = wire.LECTURE in connection.namespaces
        connection.emit(wire.LECTURE if joined else entrance, EVENT, payload)

    def _issue(self, turn: TurnPort, connection: Connection, seat: Seat) -> list[dict[str, object]]:
        issued = turn.issue(seat.room, _identity(seat))
        self._given[connection.id] = (connection, issued)
        self._given.move_to_end(connection.id)
        return issued.entries()

    def forget(self, connection: Connection) -> None:
        """Drop a connection that is gone."""
        self._given.pop(connection.id, None)


def _identity(seat: Seat) -> str:
    return seat.identity
