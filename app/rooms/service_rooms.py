"""Rooms of services: what a service keeps between the lectures that are held in them.

A room has a name and options, and at most one lecture that is not over; that is opened when the
first ticket is asked for, and the next one when that is over. So a room stands until its service
deletes it, and each session in it is a lecture like any other (docs/decisions/0091).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.auth.permissions import Permission, read_permission
from app.auth.policy import ROLES
from app.auth.services import service_account
from app.core.clock import Clock
from app.core.errors import BadRequest, NotFound, Unavailable
from app.core.ids import LectureId, RoomId
from app.rooms.catalogue import Catalogue
from app.store.service_tables import MAX_ROOM_NAME_CHARS, service_rooms
from app.store.sql import Sql
from app.store.tables import MAX_TITLE_CHARS, lectures

MAX_OPTIONS_BYTES = 32 * 1024
MAX_ROLES = 50
OPEN_TRIES = 5
"""Times that a room's lecture is opened when somebody else opens one at the same moment."""


@dataclass(frozen=True, slots=True)
class RoomOptions:
    """How a room is; the names on the wire are Licode's and OWT's."""

    p2p: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)
    """The service's own, and of no meaning to us."""
    media_configuration: str = "default"
    participant_limit: int = -1
    input_limit: int = -1
    notifying: bool = False
    roles: Mapping[str, Permission] | None = None
    """None: those of ``auth.policy``."""

    @property
    def known_roles(self) -> Mapping[str, Permission]:
        return ROLES if self.roles is None else self.roles


@dataclass(frozen=True, slots=True)
class ServiceRoom:
    """One room."""

    id: str
    service: str
    name: str
    options: RoomOptions
    created_at: datetime
    lecture: LectureId | None
    """The lecture that is not over, if there is one, and its code."""
    code: RoomId | None


class ServiceRooms:
    """The rooms of one database. Every method raises Unavailable when it is away."""

    def __init__(self, sql: Sql, catalogue: Catalogue, clock: Clock) -> None:
        self._sql = sql
        self._catalogue = catalogue
        self._clock = clock

    async def create(self, service: str, name: str, options: RoomOptions) -> ServiceRoom:
        """Make a room. Raises BadRequest."""
        return await self._insert(service, checked_room_name(name), None, options)

    async def get_or_create(self, service: str, name: str, options: RoomOptions) -> ServiceRoom:
        """Return the service's room of that name, made now if there is none: of any number of
        callers at once, all are given the same one. Raises BadRequest."""
        name = checked_room_name(name)
        known = await self._first(
            _ROOMS.where(service_rooms.c.service_id == service, service_rooms.c.name == name)
        )
        if known is not None:
            return known
        try:
            return await self._insert(service, name, name, options)
        except IntegrityError:
            found = await self._first(
                _ROOMS.where(
                    service_rooms.c.service_id == service, service_rooms.c.singleton == name
                )
            )
        if found is None:
            raise Unavailable("this room is being deleted, try again")
        return found

    async def get(self, service: str, ident: str) -> ServiceRoom:
        """Return a room of the service's, by its id. Raises NotFound."""
        if not ident.isascii() or not 0 < len(ident) <= 32:
            raise NotFound("Room does not exist")
        found = await self._first(
            _ROOMS.where(service_rooms.c.service_id == service, service_rooms.c.id == ident)
        )
        if found is None:
            raise NotFound("Room does not exist")
        return found

    async def list(self, service: str, page: int, per_page: int) -> list[ServiceRoom]:
        """Return a page (the first is 1) of the service's rooms, the oldest first."""
        query = (
            _ROOMS.where(service_rooms.c.service_id == service)
            .order_by(service_rooms.c.created_at, service_rooms.c.id)
            .limit(per_page)
            .offset((page - 1) * per_page)
        )
        async with self._sql.reading() as connection:
            return [_room(row) for row in await connection.execute(query)]

    async def update(
        self, service: str, ident: str, name: str | None, options: RoomOptions
    ) -> ServiceRoom:
        """Give a room other options, and another name if there is one. Raises NotFound,
        BadRequest. Who is in keeps what it was admitted with."""
        room = await self.get(service, ident)
        values: dict[str, Any] = {"options": write_options(options)}
        if name is not None and checked_room_name(name) != room.name:
            values |= {"name": checked_room_name(name), "singleton": None}
        async with self._sql.writing() as connection:
            done = await connection.execute(
                sa.update(service_rooms).where(service_rooms.c.id == ident).values(values)
            )
        if done.rowcount == 0:
            raise NotFound("Room does not exist")
        return await self.get(service, ident)

    async def delete(self, service: str, ident: str) -> None:
        """Forget a room; its lecture is to be ended before. Raises NotFound."""
        async with self._sql.writing() as connection:
            done = await connection.execute(
                sa.delete(service_rooms).where(
                    service_rooms.c.service_id == service, service_rooms.c.id == ident
                )
            )
        if done.rowcount == 0:
            raise NotFound("Room does not exist")

    async def opened(self, service: str, ident: str) -> ServiceRoom:
        """Return a room with the lecture that it holds, opened now if there is none.

        Of any number of callers at once all are given the same lecture. Raises NotFound, and
        Conflict when the service has too many open lectures.
        """
        for _ in range(OPEN_TRIES):
            room = await self.get(service, ident)
            if room.lecture is not None:
                return room
            before = await self._held(ident)
            made = await self._catalogue.create(
                service_account(service), room.name[:MAX_TITLE_CHARS], ""
            )
            if await self._hold(ident, before, made.id):
                continue  # read again: it is what everybody sees
            await self._catalogue.ended(made.id)
        raise Unavailable("this room's lecture is being opened, try again")

    async def _held(self, ident: str) -> str | None:
        query = sa.select(service_rooms.c.lecture_id).where(service_rooms.c.id == ident)
        async with self._sql.reading() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else row.lecture_id

    async def _hold(self, ident: str, before: str | None, lecture: LectureId) -> bool:
        """Make ``lecture`` the room's, if its last one is still ``before``."""
        held = service_rooms.c.lecture_id
        is_before = held.is_(None) if before is None else held == before
        async with self._sql.writing() as connection:
            done = await connection.execute(
                sa.update(service_rooms)
                .where(service_rooms.c.id == ident, is_before)
                .values(lecture_id=lecture)
            )
        return done.rowcount == 1

    async def _insert(
        self, service: str, name: str, singleton: str | None, options: RoomOptions
    ) -> ServiceRoom:
        now = datetime.fromtimestamp(self._clock.wall(), UTC)
        ident = secrets.token_hex(12)  # as long as the ids that Licode's and OWT's callers know
        row = {
            "id": ident,
            "service_id": service,
            "name": name,
            "singleton": singleton,
            "options": write_options(options),
            "created_at": now,
        }
        async with self._sql.writing() as connection:
            await connection.execute(sa.insert(service_rooms).values(row))
        return ServiceRoom(ident, service, name, options, now, None, None)

    async def _first(self, query: sa.Select[Any]) -> ServiceRoom | None:
        ordered = query.order_by(service_rooms.c.created_at, service_rooms.c.id).limit(1)
        async with self._sql.reading() as connection:
            row = (await connection.execute(ordered)).first()
        return None if row is None else _room(row)


_ROOMS = sa.select(service_rooms, lectures.c.code).join_from(
    service_rooms,
    lectures,
    sa.and_(service_rooms.c.lecture_id == lectures.c.id, lectures.c.ended_at.is_(None)),
    isouter=True,
)


def _room(row: sa.Row[Any]) -> ServiceRoom:
    is_open = row.code is not None
    return ServiceRoom(
        row.id,
        row.service_id,
        row.name,
        read_options(row.options),
        row.created_at,
        LectureId(row.lecture_id) if is_open else None,
        RoomId(row.code) if is_open else None,
    )


def write_options(options: RoomOptions) -> str:
    """Return options as the database keeps them. Raises BadRequest when they are too large."""
    said = {
        "p2p": options.p2p,
        "data": dict(options.data),
        "mediaConfiguration": options.media_configuration,
        "participantLimit": options.participant_limit,
        "inputLimit": options.input_limit,
        "notifying": options.notifying,
        "roles": None
        if options.roles is None
        else {role: of.as_object() for role, of in options.roles.items()},
    }
    try:
        text = orjson.dumps(said)
    except (TypeError, ValueError, RecursionError) as fault:
        raise BadRequest("options: not JSON that can be kept") from fault
    if len(text) > MAX_OPTIONS_BYTES:
        raise BadRequest(f"options: at most {MAX_OPTIONS_BYTES} bytes")
    return text.decode()


def read_options(text: str) -> RoomOptions:
    """Return options as ``write_options`` wrote them."""
    said = orjson.loads(text)
    roles = said["roles"]
    return RoomOptions(
        said["p2p"],
        said["data"],
        said["mediaConfiguration"],
        said["participantLimit"],
        said["inputLimit"],
        said["notifying"],
        None if roles is None else {role: read_permission(of) for role, of in roles.items()},
    )


def checked_room_name(text: str) -> str:
    """Return a room's name, trimmed. Raises BadRequest, as Licode says it."""
    name = text.strip()
    if not 1 <= len(name) <= MAX_ROOM_NAME_CHARS or not name.isprintable():
        raise BadRequest("Invalid room")
    return name
