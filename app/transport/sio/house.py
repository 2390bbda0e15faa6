"""Texts, people, removals on ``/lecture``; and what other processes order about connections."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from app.auth.permissions import CONTROL, Permission, read_permission
from app.auth.policy import HOUSE, HouseAction, Role
from app.auth.principal import Member
from app.core.errors import Forbidden
from app.core.ids import RoomId
from app.lecture.expulsion import Expulsions
from app.lecture.orders import Cut, Order, Rebound
from app.lecture.seat import AudienceSeat, PresenterSeat, Seat
from app.rooms.floor import member_id
from app.rooms.roster import Person, Roster
from app.transport.sio.connection import Connection, Seated
from app.transport.sio.desk import Desk, Fields, Route, presenter_in, seat_in
from app.transport.sio.messages import People, Readmit, Remove, Text

NEEDS: dict[str, str] = {
    "ask": "data",
    "upvote": "data",
    "draw": "data",
    "edit": "data",
    "hand": "media",
    "speak": "media",
    "stats": "stats",
    "data": "data",
    "attributes": "data",
    "follow": "hear",
}
"""What a service's member needs of its permission for an event; the rest is as for anybody."""


class HouseDesk:
    """What members do about each other."""

    def __init__(self, roster: Roster, expulsions: Expulsions) -> None:
        self._roster = roster
        self._expulsions = expulsions
        self.routes = {
            "text": Route(Text, self.text),
            "people": Route(People, self.people),
            "remove": Route(Remove, self.remove),
            "readmit": Route(Readmit, self.readmit),
        }

    async def text(self, connection: Connection, message: Text) -> Fields:
        seat = seat_in(connection, message.room)
        _check(connection, seat, "text")
        seq = await self._roster.text(
            seat.room, seat.identity, seat.name, message.to, message.message
        )
        return {"seq": seq}

    async def people(self, connection: Connection, message: People) -> Fields:
        """Tell who is in, some at a time, and with the first of them who was removed."""
        seat = seat_in(connection, message.room)
        _check(connection, seat, "people")
        cursor, count, found = await self._roster.page(seat.room, message.cursor)
        fields: Fields = {
            "people": [shown(person) for person in found],
            "count": count,
            "cursor": None if cursor == "0" else cursor,
        }
        if message.cursor == "0":
            removed = await self._roster.removed(seat.room)
            fields["removed"] = [
                {"id": one.id, "name": one.name, "banned": one.banned, "reason": one.reason}
                for one in removed
            ]
        return fields

    async def remove(self, connection: Connection, message: Remove) -> Fields:
        epoch = _may_remove(connection, message.room)
        seat = seat_in(connection, message.room)
        if message.member in (member_id(seat.room, seat.identity), connection.member):
            raise Forbidden("nobody removes itself")
        person = await self._expulsions.remove(
            message.room, message.member, banned=message.ban, reason=message.reason, epoch=epoch
        )
        return {"id": person.id, "banned": message.ban}

    async def readmit(self, connection: Connection, message: Readmit) -> Fields:
        epoch = _may_remove(connection, message.room)
        done = await self._expulsions.readmit(message.room, message.member, epoch)
        return {"readmitted": done}


def shown(person: Person) -> dict[str, Any]:
    """What staff sees of somebody: no address, no guest's id."""
    return {
        "id": person.id,
        "memberId": person.member,
        "name": person.name,
        "kind": person.kind.lower(),
        "role": person.role,
        "connections": len(person.seats),
    }


def guarded(
    event: str, handle: Callable[[Connection, Any], Awaitable[Fields]]
) -> Callable[[Connection, Any], Awaitable[Fields]]:
    """Return the handler of an event, refused to members whose permission does not hold it."""
    needed = NEEDS.get(event)
    if needed is None:
        return handle

    async def checked(connection: Connection, message: Any) -> Fields:
        permission = _bounds(connection.seat)
        if permission is not None and not _holds(permission, needed):
            raise Forbidden(f"your role does not let you {event}")
        return await handle(connection, message)

    return checked


def carry_out(connection: Connection, order: Order) -> bool:
    """Do what another process (or ours) ordered about one connection; False if it is in another
    room by now."""
    seat = connection.seat
    if seat is not None and seat.room != order.room:
        return False
    if isinstance(order, Cut):
        payload = {"roomId": order.room, "reason": order.reason, "banned": order.banned}
        for name in list(connection.namespaces):
            connection.emit(name, "removed", payload)
        connection.end()
        return True
    return _rebound(connection, order)


def _rebound(connection: Connection, order: Rebound) -> bool:
    place = connection.place
    if not isinstance(place, Seated):
        return False
    permission = read_permission(order.permission)
    connection.place = replace(place, seat=replace(place.seat, permission=permission))
    if "data" not in permission.subscribe:
        connection.follows.clear()
    payload = {"roomId": order.room, "permission": permission.as_object()}
    for name in list(connection.namespaces):
        connection.emit(name, "permission", payload)
    return True


def tell_seat(connection: Connection, desk: Desk, namespace: str, who: object) -> None:
    """Tell a service's member of its seat (what OWT answers to a login), and give it what lets it
    come back."""
    seat, token = connection.seat, desk.office.token(who)
    if seat is None or token is None or not isinstance(who, Member):
        return
    payload = {
        "id": member_id(seat.room, seat.identity),
        "user": seat.name,
        "role": who.role,
        "permission": seat.permission.as_object(),
        "roomId": seat.room,
        "accessToken": token,
    }
    connection.emit(namespace, "seat", payload)


def _bounds(seat: Seat | None) -> Permission | None:
    """Return the permission of a service's member; None for anybody else."""
    if isinstance(seat, PresenterSeat):
        return seat.permission if seat.member else None
    if isinstance(seat, AudienceSeat) and seat.kind == "MEMBER":
        return seat.permission
    return None


def _holds(permission: Permission, needed: str) -> bool:
    if needed == "media":
        return permission.sends_media
    if needed == "stats":
        return permission.stats
    if needed == "hear":
        return "data" in permission.subscribe
    if needed == CONTROL:
        return permission.control
    return "data" in permission.publish


def _check(connection: Connection, seat: Seat, action: HouseAction) -> None:
    permission = _bounds(seat)
    if permission is not None:
        if not _holds(permission, "data" if action == "text" else CONTROL):
            raise Forbidden("your role does not let you do that")
        return
    role: Role = "assistant" if connection.is_assistant else "student"
    if isinstance(seat, PresenterSeat):
        role = "presenter"
    if role not in HOUSE[action]:
        raise Forbidden("this is not yours to do")


def _may_remove(connection: Connection, room: RoomId) -> int | None:
    """Return the epoch of a presenter who removes; None for a member whose role is to control."""
    seat = seat_in(connection, room)
    permission = _bounds(seat)
    if permission is None:
        seat = presenter_in(connection, room)
        return seat.epoch
    if not permission.control:
        raise Forbidden("your role does not let you do that")
    return None
