"""Puts the server API together, and the part of the socket side that serves its rooms."""

import secrets
from dataclasses import dataclass

from fastapi import APIRouter

from app.auth.nonces import Nonces
from app.auth.seat_tokens import SeatTokens
from app.auth.services import Service, Services
from app.auth.tickets import Tickets
from app.bootstrap.foundation import Foundation
from app.bootstrap.secrets import jwt_secret, service_token
from app.cluster.placement import Preference
from app.cluster.scheduler import Scheduler
from app.core.clock import SystemClock
from app.feed.webhooks import Webhooks
from app.lecture.admission import Admissions
from app.lecture.expulsion import Expulsions
from app.lecture.floor import Floor
from app.lecture.media import Media
from app.lecture.orders import Orders
from app.lecture.service import Lectures
from app.rooms.catalogue import Catalogue
from app.rooms.floor import FloorStore
from app.rooms.roster import Roster
from app.rooms.service_rooms import ServiceRooms
from app.rooms.sessions import SessionStore
from app.rooms.store import RoomStore
from app.settings import Settings
from app.store.data_folder import DataFolder
from app.store.sql import Sql
from app.transport.http.v1.api import server_api
from app.transport.http.v1.gate import Gate
from app.transport.http.v1.parts import ApiParts
from app.transport.sio.house import HouseDesk
from app.transport.sio.tickets import TicketOffice
from app.turn.service import TurnServers

RESERVE_SECONDS = 60.0
"""As long as OWT's portals are kept for somebody who is on the way."""


class ScheduledPortals:
    """Chooses the api process that a ticket names."""

    def __init__(self, scheduler: Scheduler, *, named: bool) -> None:
        """``named``: processes have public addresses of their own (``LECTERN_ADDRESS``)."""
        self._scheduler = scheduler
        self._named = named

    async def choose(self, preference: Preference) -> str | None:
        """Return its address, None where all have the one of the request. Raises Unavailable."""
        task = f"ticket-{secrets.token_hex(6)}"
        chosen = await self._scheduler.schedule("api", task, preference, RESERVE_SECONDS)
        return chosen.address if self._named else None


@dataclass(frozen=True, slots=True)
class ServiceApi:
    """What an api process serves to services, and to those whom they let in."""

    routers: list[APIRouter]
    office: TicketOffice
    house: HouseDesk
    orders: Orders
    """To be given the socket side, once that is there."""


def service_api(
    base: Foundation,
    rooms: RoomStore,
    media: Media,
    lectures: Lectures,
    catalogue: Catalogue,
    turn: TurnServers | None,
    webhooks: Webhooks,
) -> ServiceApi:
    """Put it together from what the process has."""
    settings, clock, redis = base.settings, base.clock, base.redis
    secret = jwt_secret(settings)
    services = Services(base.sql, secret, clock)
    tickets, roster, store = Tickets(redis, secret), Roster(redis), FloorStore(redis)
    orders = Orders(base.bus, base.node)
    admissions = Admissions(roster, rooms, base.registry, media, base.node)
    expulsions = Expulsions(
        roster, rooms, admissions, media, SessionStore(redis), store, orders, turn
    )
    parts = ApiParts(
        services,
        ServiceRooms(base.sql, catalogue, clock),
        tickets,
        ScheduledPortals(base.scheduler, named=settings.address is not None),
        rooms,
        roster,
        expulsions,
        Floor(rooms, store, media),
        lectures,
        clock,
        webhooks,
    )
    gate = Gate(services, Nonces(redis), clock, service_token(settings))
    office = TicketOffice(clock, tickets, SeatTokens(secret))
    return ServiceApi(server_api(gate, parts), office, HouseDesk(roster, expulsions), orders)


async def create_service(
    settings: Settings, name: str, *, is_super: bool, full_signatures: bool
) -> Service:
    """Make a service from the command line. Raises BadRequest, Conflict, Unavailable."""
    # Imported here: no api process makes tables, and Alembic takes a tenth of a second.
    from app.store.migrate import migrate  # noqa: PLC0415

    if settings.database_url is None:
        DataFolder(settings.data_dir).prepare()
    await migrate(settings.database)
    sql = Sql(settings.database)
    await sql.open()
    try:
        services = Services(sql, jwt_secret(settings), SystemClock())
        return await services.create(name, is_super=is_super, full_signatures=full_signatures)
    finally:
        await sql.close()


async def list_services(settings: Settings) -> list[Service]:
    """Return the services, without their keys. Raises Unavailable."""
    sql = Sql(settings.database)
    await sql.open()
    try:
        return await Services(sql, jwt_secret(settings), SystemClock()).list()
    finally:
        await sql.close()
