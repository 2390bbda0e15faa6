"""Who gets a seat in a live room: the one gate that every way in passes."""

from collections.abc import Mapping
from typing import Protocol

import structlog

from app.auth.permissions import Permission
from app.auth.principal import Guest, Member, Principal, identity_of
from app.cluster.registry import Registry
from app.core.errors import Forbidden, LecternError, RoomFull, Unauthorized
from app.core.ids import ConnectionId, Email, NodeId, PeerId, RoomId
from app.lecture.media import Media
from app.lecture.seat import Seat as LectureSeat
from app.relay.messages import MediaKind, Permit, Source
from app.rooms.floor import member_id
from app.rooms.roster import SESSIONS_NODE, Entrant, Roster, Seat
from app.rooms.store import RoomStore

log = structlog.get_logger(__name__)


def sources_of(permission: Permission) -> list[Source]:
    """Return what a permission lets somebody send, as a relay is told it."""
    names: tuple[Source, ...] = ("microphone", "camera", "screen")
    return [source for source in names if source in permission.sources]


def hearing_of(permission: Permission) -> list[MediaKind]:
    """Return what a permission lets somebody receive, as a relay is told it."""
    kinds: tuple[MediaKind, ...] = ("audio", "video")
    return [kind for kind in kinds if kind in permission.hears]


class Comings(Protocol):
    """Who wants to know of every connection that gets a seat, and of its leaving it."""

    def came(self, room: RoomId, seat: str, member: Mapping[str, str], /) -> None: ...
    def went(self, room: RoomId, seat: str, /) -> None: ...


class Admissions:
    """Seats for the connections of one process; the script behind it decides (``Roster``)."""

    def __init__(
        self,
        roster: Roster,
        rooms: RoomStore,
        registry: Registry,
        media: Media,
        node: NodeId,
        comings: Comings | None = None,
    ) -> None:
        self._roster = roster
        self._rooms = rooms
        self._registry = registry
        self._media = media
        self._node = node
        self._comings = comings

    @classmethod
    def over(cls, rooms: RoomStore, media: Media, node: NodeId) -> "Admissions":
        """Return the gate of one process, by what it has already."""
        return cls(Roster(rooms.redis), rooms, media.registry, media, node)

    async def check(self, who: Member, room: RoomId) -> None:
        """Refuse a member that has no business here, before anything is opened for it.

        Raises Forbidden for another room's ticket, Unauthorized for one who shows what its ticket
        was exchanged for and is in the room no more.
        """
        if who.room != room:
            raise Forbidden("this ticket is for another room")
        if who.returning and room not in (await self._rooms.membership(who.identity)).kinds:
            raise Unauthorized("this seat is over: it needs another ticket")

    async def admit(
        self,
        room: RoomId,
        who: Principal,
        role: str,
        connection: ConnectionId,
        media: tuple[PeerId, NodeId] | None = None,
    ) -> Permission:
        """Give ``who`` a seat with the peer that was opened for it, bounded by what it may do.

        Returns what that is. Raises Banned, RoomFull, Forbidden, NotStarted, Ended, Unavailable.
        """
        entrant = _entrant(who, role)
        seat = Seat(self._node, connection)
        try:
            permission = await self._roster.admit(room, entrant, seat, media)
        except RoomFull:
            if not await self.purge(room):
                raise
            permission = await self._roster.admit(room, entrant, seat, media)
        if self._comings is not None:
            self._comings.came(room, connection, _told(room, entrant))
        if media is not None and permission != entrant.permission:
            await self.bound(room, media, permission)
        return permission

    async def admit_session(
        self, room: RoomId, email: Email, name: str, role: str, media: tuple[PeerId, NodeId]
    ) -> None:
        """As ``admit``, for a session over HTTP, which no process holds."""
        entrant = Entrant(email, name, "PRESENTER" if role == "presenter" else "STUDENT", role)
        _ = await self._roster.admit(room, entrant, _session_seat(media[0]), media)

    async def bound(
        self, room: RoomId, media: tuple[PeerId, NodeId], permission: Permission
    ) -> None:
        """Have the relay of a peer let through what somebody may send and receive, and no more."""
        peer, relay = media
        command = Permit(
            room=room, peer=peer, publish=sources_of(permission), hear=hearing_of(permission)
        )
        await self._media.control(relay, command)

    async def depart(self, seat: LectureSeat, peer: PeerId | None = None) -> None:
        """Take a seat back. Never raises: what is left of it goes with the process or the room."""
        if self._comings is not None:
            self._comings.went(seat.room, seat.connection)
        await self._depart(seat.room, seat.identity, Seat(self._node, seat.connection), peer)

    async def depart_session(self, room: RoomId, email: Email, peer: PeerId) -> None:
        """As ``depart``, for a session over HTTP."""
        await self._depart(room, email, _session_seat(peer), peer)

    async def _depart(self, room: RoomId, identity: str, seat: Seat, peer: PeerId | None) -> None:
        try:
            await self._roster.depart(room, identity, seat, peer)
        except LecternError as error:
            log.info("a seat was not given back", room=room, reason=error.message)

    async def purge(self, room: RoomId) -> int:
        """Take back the seats of processes that are gone; return how many."""
        alive = [node.id for node in await self._registry.alive("api")]
        return await self._roster.purge(room, [*alive, self._node])


def _told(room: RoomId, who: Entrant) -> dict[str, str]:
    ident = member_id(room, who.identity)
    return {"id": ident, "name": who.name, "kind": who.kind, "role": who.role}


def _session_seat(peer: PeerId) -> Seat:
    return Seat(NodeId(SESSIONS_NODE), ConnectionId(peer))


def _entrant(who: Principal, role: str) -> Entrant:
    identity = identity_of(who)
    if isinstance(who, Guest):
        return Entrant(identity, who.name, "GUEST", "guest")
    if not isinstance(who, Member):
        kind = "PRESENTER" if role == "presenter" else "STUDENT"
        return Entrant(identity, who.username, kind, role)
    return Entrant(
        identity,
        who.name,
        "MEMBER",
        who.role,
        who.permission,
        who.lecture,
        who.issued_ms,
        who.participant_limit,
        who.input_limit,
        who.notifying,
    )
