"""Removing somebody from a lecture, at once and everywhere; and changing what somebody may do.

The script decides first (``Roster.expel``): from then on whatever comes in is refused. Then what is
here already is cut off: connections of all api processes, peers on their relays, WHIP and WHEP
sessions, the TURN credential.
"""

import asyncio
from collections.abc import Awaitable
from typing import Protocol

import structlog

from app.auth.permissions import Permission
from app.core.errors import Conflict, LecternError
from app.core.ids import RoomId, relay_in
from app.core.metrics import REMOVALS
from app.lecture.admission import Admissions
from app.lecture.media import Media
from app.lecture.orders import Orders
from app.rooms.floor import FloorStore
from app.rooms.roster import Person, Removed, Roster
from app.rooms.sessions import SessionStore
from app.rooms.store import RoomStore

log = structlog.get_logger(__name__)

MAX_REASON_CHARS = 200
PERMIT_TRIES = 5
"""Times that a permission is changed when somebody else changes it at the same moment."""


class Turn(Protocol):
    """``turn.service.TurnServers``."""

    async def revoke(self, room: str, identity: str) -> None: ...


class Expulsions:
    """Removals, bans and changed permissions, whoever asks: a presenter or a service."""

    def __init__(
        self,
        roster: Roster,
        rooms: RoomStore,
        admissions: Admissions,
        media: Media,
        sessions: SessionStore,
        floor: FloorStore,
        orders: Orders,
        turn: Turn | None = None,
    ) -> None:
        self._roster = roster
        self._rooms = rooms
        self._admissions = admissions
        self._media = media
        self._sessions = sessions
        self._floor = floor
        self._orders = orders
        self._turn = turn

    async def remove(
        self,
        room: RoomId,
        ident: str,
        *,
        banned: bool,
        reason: str = "",
        epoch: int | None = None,
        identity: str = "",
    ) -> Person:
        """Remove somebody, and with ``banned`` for as long as the lecture lasts.

        When this returns its connections are closed and nothing of it is heard or sent to it, on
        every process that is alive. ``epoch`` is the presenter's whose connection asks. Raises
        NotFound, Forbidden for the presenter, StalePresenter, NotStarted, Ended, Unavailable.
        """
        person = await self._roster.expel(
            room,
            ident,
            banned=banned,
            reason=reason[:MAX_REASON_CHARS],
            epoch=epoch,
            identity=identity,
        )
        # First of all the sockets: one that is open is given another TURN credential.
        reached = await self._orders.cut(room, person.seats, reason[:MAX_REASON_CHARS], banned)
        await asyncio.gather(
            *(self._tried(step, room) for step in self._steps(room, person)),
        )
        REMOVALS.labels("banned" if banned else "removed").inc()
        log.info("somebody was removed", room=room, banned=banned, connections=reached)
        return person

    def _steps(self, room: RoomId, person: Person) -> list[Awaitable[object]]:
        steps: list[Awaitable[object]] = [
            self._media.close_peer(relay, room, peer) for peer, relay in person.peers
        ]
        steps += [
            self._silence(room, person),
            self._end_sessions(room, person),
            self._rooms.forget(person.identity, room),
        ]
        if self._turn is not None:
            steps.append(self._turn.revoke(room, person.identity))
        return steps

    async def _tried(self, step: Awaitable[object], room: RoomId) -> None:
        """Do one of several things, each of which is to happen whatever becomes of the others."""
        try:
            _ = await step
        except LecternError as error:
            log.warning("a removal is incomplete", room=room, reason=error.message)

    async def _silence(self, room: RoomId, person: Person) -> None:
        """Take its hand and its turn to speak back."""
        await self._floor.lower_hand(room, person.id)
        peer = await self._floor.uninvite(room, None, person.id)
        if peer is None:
            return
        relay = relay_in(peer) or await self._rooms.relay_of(room)
        if relay is not None:
            await self._media.close_peer(relay, room, peer)

    async def _end_sessions(self, room: RoomId, person: Person) -> None:
        of_it = [one for one in await self._sessions.all(room) if one.email == person.identity]
        _ = await self._sessions.drop(room, [session.peer for session in of_it])
        for session in of_it:
            await self._media.close_peer(session.relay, room, session.peer)

    async def readmit(self, room: RoomId, ident: str, epoch: int | None = None) -> bool:
        """Let somebody come back; False when it may anyway."""
        return await self._roster.readmit(room, ident, epoch)

    async def removed(self, room: RoomId) -> list[Removed]:
        """Return who was removed from a live lecture."""
        return await self._roster.removed(room)

    async def permit(self, room: RoomId, ident: str, changes: list[tuple[str, object]]) -> Person:
        """Change what somebody may do, for as long as the lecture lasts, its live media included.

        ``changes`` are (path, value) as ``Permission.changed`` takes them, all or none. Raises
        ValueError for one that is not understood, NotFound, Conflict, Unavailable.
        """
        for _ in range(PERMIT_TRIES):
            person = await self._roster.person(room, ident)
            permission = person.permission
            for path, value in changes:
                permission = permission.changed(path, value)
            changed = await self._roster.permit(room, person, permission)
            if changed is not None:
                await self._enforce(room, changed, permission)
                return changed
        raise Conflict("this permission is being changed by somebody else")

    async def _enforce(self, room: RoomId, person: Person, permission: Permission) -> None:
        _ = await self._orders.rebind(room, person.seats, permission.as_object())
        await asyncio.gather(
            *(
                self._bound_if_there(self._admissions.bound(room, media, permission), room)
                for media in person.peers
            )
        )

    async def _bound_if_there(self, step: Awaitable[None], room: RoomId) -> None:
        try:
            await step
        except LecternError as error:  # most peers that somebody ever had are gone
            log.debug("a peer was not bounded", room=room, reason=error.message)
