"""Data along with media, on ``/lecture``: what a stream's owner says reaches who follows it."""

from app.core.errors import Conflict, Forbidden
from app.lecture.seat import PresenterSeat, Seat
from app.rooms.floor import member_id
from app.rooms.streams import PRESENTER, StreamStore
from app.transport.sio.connection import Connection
from app.transport.sio.desk import Fields, Route, presenter_in, seat_in
from app.transport.sio.messages import Follow, Signal, StreamAttributes, StreamData

MAX_FOLLOWED = 16
"""Streams that one connection follows; a lecture has eight at a time."""


class StreamDesk:
    """The order of a stream's messages is the room log's, the same for everybody."""

    def __init__(self, store: StreamStore) -> None:
        self._store = store
        self.routes = {
            "data": Route(StreamData, self.data),
            "attributes": Route(StreamAttributes, self.attributes),
            "follow": Route(Follow, self.follow),
            "signal": Route(Signal, self.signal),
        }

    async def data(self, connection: Connection, message: StreamData) -> Fields:
        """Say something to those who follow the sender's own stream."""
        epoch, member = _owner(connection, message)
        return {"seq": await self._store.say(message.room, epoch, member, message.message)}

    async def attributes(self, connection: Connection, message: StreamAttributes) -> Fields:
        """Replace the attributes of the sender's own stream; who follows it is told."""
        epoch, member = _owner(connection, message)
        text = message.attributes
        return {"seq": await self._store.describe(message.room, epoch, member, text)}

    async def signal(self, connection: Connection, message: Signal) -> Fields:
        """Pass a message to one other browser, where media goes between them (seed row L37)."""
        seat = seat_in(connection, message.room)
        _check_p2p(seat)
        sender = member_id(seat.room, seat.identity)
        seq = await self._store.signal(message.room, sender, message.to, message.message)
        return {"seq": seq}

    async def follow(self, connection: Connection, message: Follow) -> Fields:
        """Hear a stream's data from now on, or no more. A repeat changes nothing (L24)."""
        _ = seat_in(connection, message.room)
        if not message.on:
            connection.follows.discard(message.stream)
            return {"following": sorted(connection.follows)}
        if len(connection.follows) >= MAX_FOLLOWED and message.stream not in connection.follows:
            raise Conflict(f"a connection follows at most {MAX_FOLLOWED} streams")
        attributes = await self._store.look(message.room, message.stream)
        connection.follows.add(message.stream)
        return {"following": sorted(connection.follows), "attributes": attributes}


def _check_p2p(seat: Seat) -> None:
    if not seat.p2p:
        raise Forbidden("media goes by a relay in this lecture")


def may_follow(seat: Seat) -> bool:
    """Tell whether a seat's permission holds the right to streams' data."""
    return "data" in seat.permission.subscribe


def _owner(
    connection: Connection, message: StreamData | StreamAttributes
) -> tuple[int | None, str]:
    """Return by which epoch or as which member the caller acts. Raises Forbidden for a stream that
    is not its own (seed row L13)."""
    seat = seat_in(connection, message.room)
    if isinstance(seat, PresenterSeat):
        epoch: int | None = presenter_in(connection, message.room).epoch
        own, member = PRESENTER, ""
    else:
        epoch, own = None, member_id(seat.room, seat.identity)
        member = own
    if message.stream not in (None, own):
        raise Forbidden("this stream is not yours")
    return epoch, member
