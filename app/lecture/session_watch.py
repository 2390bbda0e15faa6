"""What becomes of WHIP and WHEP sessions once they are made; runs in every api process."""

from collections.abc import Sequence

from app.core.errors import Unavailable
from app.core.ids import NodeId, PeerId, RoomId
from app.core.tasks import OnCrash, Tasks
from app.lecture.admission import Admissions
from app.lecture.media import Media
from app.lecture.model import LectureConfig
from app.lecture.rounds import repeat
from app.rooms.sessions import Session, SessionStore
from app.rooms.store import RoomStore

SWEEP_SECONDS = 1.0

LISTENERS_NODE = NodeId("whep")
"""Under this name a lecture's WHEP listeners are counted, whichever process looks after them."""

LISTENERS_GOOD_FOR = 20.0


class SessionWatch:
    """Renews the sessions whose peers live, counts those who listen, forgets the others.

    Any number of processes may watch: each lecture's sessions are given to one at a time.
    """

    def __init__(
        self,
        rooms: RoomStore,
        sessions: SessionStore,
        media: Media,
        admissions: Admissions,
        config: LectureConfig,
    ) -> None:
        self._rooms = rooms
        self._sessions = sessions
        self._media = media
        self._admissions = admissions
        self._config = config
        self._tasks = Tasks("broadcasts")

    async def open(self) -> None:
        """Begin to look after sessions, also while Redis is away."""
        run = repeat("sessions", SWEEP_SECONDS, self.sweep)
        _ = self._tasks.start("sessions", run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop. Sessions go on, and other processes look after them. Safe to call twice."""
        await self._tasks.close()

    async def sweep(self) -> None:
        """Look after the sessions of the lectures whose turn it is: renew, count, forget.

        Any number of processes may sweep; each lecture is given to one at a time.
        """
        for room in await self._sessions.take_due():
            await self._look(room)

    async def _look(self, room: RoomId) -> None:
        sessions = await self._sessions.all(room)
        is_live, relay = await self._rooms.placement(room)
        if not sessions or not is_live:
            _ = await self._sessions.drop(room, [session.peer for session in sessions])
            await self._sessions.forget_due(room)
            return
        alive = await self._alive(room, relay, sessions)
        if alive is None:
            return
        gone = [session for session in sessions if session.peer not in alive]
        await self.forget(room, gone)
        left = [session for session in sessions if session.peer in alive]
        for session in left:
            if session.role == "presenter":
                _ = await self._rooms.renew_whip(room, session.peer, self._config.lease_seconds)
        if any(session.role == "listener" for session in left):
            await self.count_listeners(room, left)

    async def _alive(
        self, room: RoomId, first: NodeId | None, sessions: Sequence[Session]
    ) -> set[PeerId] | None:
        """Return the peers that are on the room's relays; None where its first does not answer.

        Media goes in by the first relay, and out by any that the room is on.
        """
        spanned = {first} if first is not None else set[NodeId]()
        spanned |= await self._rooms.relays(room)
        alive: set[PeerId] = set()
        for relay in sorted(spanned & {session.relay for session in sessions}):
            here = [
                session.peer
                for session in sessions
                if session.relay == relay and (relay == first or session.role == "listener")
            ]
            try:
                alive |= await self._media.see(relay, room, here)
            except Unavailable:
                if relay == first:
                    # A WHIP session's lease runs meanwhile; a dead relay's rooms move.
                    return None
                alive.update(here)  # a dead one is soon none of the room's
        return alive

    async def forget(self, room: RoomId, gone: Sequence[Session]) -> None:
        """Let sessions be no more whose media is closed. A presenter's grace period begins where
        no web client presents. A repeat changes nothing."""
        for session in gone:
            await self._admissions.depart_session(room, session.email, session.peer)
            if session.role == "presenter":
                _ = await self._rooms.end_whip(room, session.peer, self._config.grace_seconds)
        # Last, so that a look which is cut short is taken again.
        _ = await self._sessions.drop(room, [session.peer for session in gone])
        if any(session.role == "listener" for session in gone):
            await self.count_listeners(room, await self._sessions.all(room))

    async def count_listeners(self, room: RoomId, sessions: Sequence[Session]) -> None:
        """Note how many of a room's sessions listen, for a while."""
        count = sum(session.role == "listener" for session in sessions)
        _ = await self._rooms.set_listeners(room, LISTENERS_NODE, count, LISTENERS_GOOD_FOR)
