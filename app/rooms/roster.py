"""Who is in a room, on which connections and peers, and who was removed from it: in Redis.

An entry is a person, on however many connections: ``id`` is ``floor.member_id``, the same under
which its hand and its tracks are known. Admission, bans and limits are decided in the script that
writes the entry, so that a ban and an entry at the same moment end in one of two ways: the entry is
refused, or whoever bans is told of it and cuts it off.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from app.auth.permissions import EVERYTHING, Permission, read_permission
from app.core.errors import Banned, NotFound
from app.core.ids import ConnectionId, LectureId, NodeId, PeerId, RoomId
from app.rooms.floor import member_id
from app.rooms.model import holder
from app.store import keys
from app.store.redis import Redis

PAGE = 200
"""Persons looked at for one page of a list; a page may hold more of them, or none."""

TEXTS_PER_SECOND = 1.0
TEXTS_BURST = 10

MAX_PAGES = 5_000
"""Pages read of one room at most: a million persons."""

SESSIONS_NODE = "whep"
"""In place of a process, the holder of WHIP and WHEP sessions, which any process looks after."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One connection of somebody."""

    node: NodeId
    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a room."""

    id: str
    member: str
    """Its id in questions."""
    identity: str
    """Never shown to anybody."""
    name: str
    kind: str
    """PRESENTER, STUDENT, GUEST or MEMBER."""
    role: str
    permission: Permission
    written: str
    """The permission as it stands in Redis, to change it by compare-and-set."""
    since_ms: int
    seats: tuple[Seat, ...]
    peers: tuple[tuple[PeerId, NodeId], ...]
    """Its peers and their relays, the last eight; some may be gone."""


@dataclass(frozen=True, slots=True)
class Removed:
    """Somebody who was removed."""

    id: str
    member: str
    name: str
    banned: bool
    """It may not come back; otherwise only what it was given before is refused."""
    at_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Entrant:
    """Who asks for a seat, and under which rules."""

    identity: str
    name: str
    kind: str
    role: str
    permission: Permission = EVERYTHING
    lecture: LectureId | None = None
    """The one that a ticket is for; None is whichever has the code."""
    issued_ms: int = 0
    participant_limit: int = -1
    input_limit: int = -1
    notifying: bool = False


class Roster:
    """The persons of every room.

    Every method raises NotStarted, Ended and Unavailable; a presenter's also StalePresenter.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def admit(
        self,
        room: RoomId,
        who: Entrant,
        seat: Seat,
        media: tuple[PeerId, NodeId] | None = None,
    ) -> Permission:
        """Give ``who`` a seat, with the peer that it just opened; return what it may do here.

        A repeat is fine. Raises Banned, RoomFull, Forbidden for a room that is entered by ticket.
        """
        peer, relay = media if media is not None else ("", "")
        reply = await self._redis.on_room(
            "admit",
            room,
            member_id(room, who.identity),
            who.identity,
            who.name,
            who.kind,
            who.role,
            write_permission(who.permission),
            holder(seat.node, seat.connection),
            peer,
            relay,
            who.lecture or "",
            who.issued_ms,
            who.participant_limit,
            who.input_limit,
            int(who.notifying),
        )
        return read_permission(orjson.loads(reply))

    async def note_peer(self, room: RoomId, identity: str, media: tuple[PeerId, NodeId]) -> None:
        """Note one more peer of somebody who is in. Raises Banned for one who was removed."""
        peer, relay = media
        ident = member_id(room, identity)
        if not await self._redis.on_room("note_peer", room, ident, peer, relay):
            raise Banned("you were removed from this lecture")

    async def depart(
        self, room: RoomId, identity: str, seat: Seat, peer: PeerId | None = None
    ) -> None:
        """Take a seat back, and forget a peer that was closed. Never raises for a room that is
        over."""
        name = holder(seat.node, seat.connection)
        _ = await self._redis.on_room("depart", room, member_id(room, identity), name, peer or "")

    async def purge(self, room: RoomId, alive: Collection[NodeId]) -> int:
        """Take back the seats of api processes that are not ``alive``; return how many."""
        nodes = [*alive, SESSIONS_NODE]
        return int(await self._redis.on_room("purge", room, *nodes))

    async def person(self, room: RoomId, ident: str) -> Person:
        """Return somebody who is in the room, by id or by its id in questions. Raises NotFound."""
        reply = await self._redis.on_room("person", room, ident)
        if not reply:
            raise NotFound("there is no such participant")
        return _person(orjson.loads(reply))

    async def page(self, room: RoomId, cursor: str = "0") -> tuple[str, int, list[Person]]:
        """Return the next cursor ("0" at the end), how many are in, and some of them, in no order
        and maybe not for the first time."""
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 20):
            cursor = "0"
        following, count, found = await self._redis.on_room("people", room, cursor, PAGE)
        persons = [_person(orjson.loads(text)) for text in found]
        return following.decode(), int(count), [one for one in persons if one.seats]

    async def people(self, room: RoomId, limit: int) -> list[Person]:
        """Return up to ``limit`` persons who are in, the longest here first."""
        found: dict[str, Person] = {}
        cursor = "0"
        for _ in range(MAX_PAGES):
            cursor, _, some = await self.page(room, cursor)
            found.update({one.id: one for one in some})
            if cursor == "0" or len(found) >= limit:
                break
        return sorted(found.values(), key=lambda one: (one.since_ms, one.id))[:limit]

    async def expel(
        self,
        room: RoomId,
        ident: str,
        *,
        banned: bool,
        reason: str = "",
        epoch: int | None = None,
        identity: str = "",
    ) -> Person:
        """Remove somebody; return who it was, with the seats and peers that are to be cut.

        ``epoch`` is the presenter's whose connection asks. With ``identity`` somebody may be
        banned who is not in. Raises NotFound, Forbidden for the presenter, Conflict.
        """
        seen = "" if epoch is None else epoch
        reply = await self._redis.on_room("expel", room, seen, ident, identity, int(banned), reason)
        return _person(orjson.loads(reply))

    async def readmit(self, room: RoomId, ident: str, epoch: int | None = None) -> bool:
        """Let somebody come back who was removed; False when it may anyway."""
        seen = "" if epoch is None else epoch
        return bool(await self._redis.on_room("unban", room, seen, ident))

    async def removed(self, room: RoomId) -> list[Removed]:
        """Return who was removed, the first first."""
        fields = await self._redis.hash(keys.bans(room))
        found = [_removed(orjson.loads(text)) for text in fields.values()]
        return sorted(found, key=lambda one: (one.at_ms, one.id))

    async def permit(self, room: RoomId, person: Person, permission: Permission) -> Person | None:
        """Change what somebody may do while the room lives; None when that changed meanwhile.

        Raises NotFound for one who is not in.
        """
        reply = await self._redis.on_room(
            "permit", room, person.id, person.written, write_permission(permission)
        )
        return None if reply == b"conflict" else _person(orjson.loads(reply))

    async def text(self, room: RoomId, identity: str, name: str, to: str, message: str) -> int:
        """Send a text to ``"all"`` or to one person; return its ``seq``.

        Raises NotFound for somebody who is not in, RateLimited.
        """
        sender = member_id(room, identity)
        if len(to) > 64:
            raise NotFound("Target participant does NOT exist")
        return int(
            await self._redis.on_room(
                "text", room, sender, name, to, message, TEXTS_PER_SECOND, TEXTS_BURST
            )
        )


def write_permission(of: Permission) -> str:
    """Return a permission as it stands in Redis: equal for equal ones."""
    return orjson.dumps(of.as_object(), option=orjson.OPT_SORT_KEYS).decode()


def _person(said: dict[str, Any]) -> Person:
    written = said["permission"]
    return Person(
        id=said["id"],
        member=said["member"],
        identity=said["identity"],
        name=said["name"],
        kind=said["kind"],
        role=said["role"],
        permission=read_permission(orjson.loads(written)),
        written=written,
        since_ms=int(said["since"]),
        seats=tuple(_seats(said["seats"])),
        peers=tuple((PeerId(peer), NodeId(relay)) for peer, relay in said["peers"]),
    )


def _seats(listed: Iterable[tuple[str, int]]) -> Iterable[Seat]:
    for name, _ in listed:  # an empty list is written as an empty object
        node, _, connection = name.partition("/")
        yield Seat(NodeId(node), ConnectionId(connection))


def _removed(said: dict[str, Any]) -> Removed:
    return Removed(
        said["id"],
        said["member"],
        said["name"],
        bool(said["banned"]),
        int(said["at"]),
        said["reason"],
    )
