"""What the server API stands on."""

from dataclasses import dataclass
from typing import Protocol

from app.auth.services import Service, Services
from app.auth.tickets import Tickets
from app.cluster.placement import Preference
from app.core.clock import Clock
from app.core.errors import NotFound
from app.core.ids import RoomId
from app.feed.webhooks import Webhooks
from app.lecture.expulsion import Expulsions
from app.lecture.floor import Floor
from app.rooms.roster import Roster
from app.rooms.service_rooms import ServiceRoom, ServiceRooms
from app.rooms.store import RoomStore
from app.transport.http.v1.answers import RoomMissing
from app.transport.http.v1.gate import Caller


class Portals(Protocol):
    """Which process somebody is to connect to."""

    async def choose(self, preference: Preference) -> str | None:
        """Return its public address; None where all are reached by the address of this request.

        Raises Unavailable when nobody takes anybody, or nobody whom the preference admits.
        """


class LectureEnding(Protocol):
    """``lecture.service.Lectures``."""

    async def end_by_service(self, room: RoomId, audio: str | None) -> None: ...


@dataclass(frozen=True, slots=True)
class ApiParts:
    """The services behind the routes."""

    services: Services
    rooms: ServiceRooms
    tickets: Tickets
    portals: Portals
    live: RoomStore
    roster: Roster
    expulsions: Expulsions
    floor: Floor
    lectures: LectureEnding
    clock: Clock
    webhooks: Webhooks | None = None

    async def room(self, caller: Caller, ident: str) -> ServiceRoom:
        """Return a room of the caller's, with the right to act in it. Raises RoomMissing."""
        service = caller.owner()
        caller.check("roomAdmin", ident)
        return await self.find(service, ident)

    async def find(self, service: Service, ident: str) -> ServiceRoom:
        """Return a room of a service's. Raises RoomMissing."""
        try:
            return await self.rooms.get(service.id, ident)
        except NotFound as fault:
            raise RoomMissing("Room does not exist") from fault

    async def code(self, caller: Caller, ident: str) -> RoomId | None:
        """Return the code of the room's lecture if it is live."""
        room = await self.room(caller, ident)
        if room.code is None or not await self.live.is_live(room.code):
            return None
        return room.code

    async def end(self, room: ServiceRoom) -> None:
        """End the lecture that a room holds, which sends everybody away."""
        if room.code is not None:
            await self.lectures.end_by_service(room.code, None)


def identity_in(service: Service, user: str) -> str:
    """Return what tells a service's user from everybody else."""
    return f"{service.id}/{user}"
