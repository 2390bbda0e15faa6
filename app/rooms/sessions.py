"""Media sessions that came over HTTP (WHIP and WHEP), in Redis: any api process serves any of them.

A session is one peer on a relay. A lecture's sessions are a hash of their own; ``sessions:due``
says when somebody must look whether their peers are still there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from app.core.ids import Email, LectureId, NodeId, PeerId, RoomId
from app.store import keys
from app.store.redis import Redis

SessionRole = Literal["presenter", "listener"]

MAX_SESSIONS = 1_000
"""Of one lecture; each is a peer on its relay."""

LOOK_MS = 2_000
"""Between two looks at a lecture's sessions, by whichever api process comes first."""

TTL_MS = keys.TTL_SECONDS * 1000


@dataclass(frozen=True, slots=True)
class Session:
    """One WHIP or WHEP session."""

    peer: PeerId
    role: SessionRole
    email: Email
    relay: NodeId
    etag: str
    """Names its ICE session (RFC 9725 §4.3): a restart changes it."""
    ufrag: str
    """The client's, of its current ICE session."""


class SessionStore:
    """The sessions of every lecture. Every method raises Unavailable while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def put(self, room: RoomId, session: Session) -> bool:
        """Keep a session, new or changed; False, and nothing, when there are too many."""
        body = orjson.dumps(
            [session.role, session.email, session.relay, session.etag, session.ufrag]
        )
        kept = await self._redis.script(
            "session_put", [keys.sessions(room)], [session.peer, body, MAX_SESSIONS, TTL_MS]
        )
        if kept:
            await self._redis.script("schedule_soon", [keys.SESSIONS_DUE], [room, LOOK_MS, TTL_MS])
        return bool(kept)

    async def get(self, room: RoomId, peer: PeerId) -> Session | None:
        """Return one session."""
        (body,) = await self._redis.fields(keys.sessions(room), peer)
        return _read(peer, body) if body is not None else None

    async def all(self, room: RoomId) -> list[Session]:
        """Return a lecture's sessions."""
        fields = await self._redis.hash(keys.sessions(room))
        return [_read(PeerId(peer.decode()), body) for peer, body in fields.items()]

    async def drop(self, room: RoomId, peers: Sequence[PeerId]) -> int:
        """Forget sessions; return how many of them were there."""
        if not peers:
            return 0
        return int(await self._redis.script("session_drop", [keys.sessions(room)], list(peers)))

    async def revocations(self, lecture: LectureId, role: SessionRole) -> int:
        """Return how often the lecture's tokens of a role were revoked: one made before is void."""
        (count,) = await self._redis.fields(keys.media_tokens(lecture), role)
        return int(count or 0)

    async def revoke(self, lecture: LectureId, role: SessionRole) -> int:
        """Let the lecture's tokens of a role that were given so far be good no more."""
        place = [keys.media_tokens(lecture)]
        return int(await self._redis.script("tokens_revoke", place, [role, TTL_MS]))

    async def take_due(self) -> list[RoomId]:
        """Return lectures whose sessions must be looked at now; each to one caller."""
        reply = await self._redis.script(
            "sessions_due", [keys.SESSIONS_DUE], [LOOK_MS, 100, TTL_MS]
        )
        return [RoomId(room.decode()) for room in reply]

    async def forget_due(self, room: RoomId) -> None:
        """Look at a lecture's sessions no more: it has none."""
        await self._redis.script("schedule", [keys.SESSIONS_DUE], [room, "", TTL_MS])


def _read(peer: PeerId, body: bytes) -> Session:
    role, email, relay, etag, ufrag = orjson.loads(body)
    return Session(peer, role, Email(email), NodeId(relay), etag, ufrag)
