"""Live rooms in Redis: the presenter's slot, the room's life, who was in it, when to look."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from app.core.errors import Ended, LecternError, NotStarted, Unavailable
from app.core.ids import Email, LectureId, NodeId, PeerId, RoomId
from app.rooms.model import (
    EndedRoom,
    EndReason,
    Gone,
    Kind,
    LiveRoom,
    Membership,
    Verdict,
    Wait,
    read_membership,
    read_room,
)
from app.store import keys
from app.store.redis import Redis

log = structlog.get_logger(__name__)

SWEEP_BATCH = 100
"""Rooms that one sweep looks at; the rest waits for the next second."""

TTL_MS = keys.TTL_SECONDS * 1000


@dataclass(frozen=True, slots=True)
class Claim:
    """The slot was given. The room's board and questions are left as they stand."""

    first: bool
    epoch: int
    start_time: str
    board_view: bytes
    board_objects: bytes
    questions: Sequence[tuple[bytes, Sequence[bytes]]]


class RoomStore:
    """Each change is one script. ``rooms:due`` is in another slot of a cluster, so it follows in a
    command of its own, and its loss is harmless: the holder's renewals note it again.

    Every method raises Unavailable while Redis is away.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @property
    def redis(self) -> Redis:
        return self._redis

    async def read(self, room: RoomId) -> LiveRoom | None:
        """Return the room, or None when it is not live."""
        return read_room(await self._redis.hash(keys.room(room)), self._redis.date_ms)

    async def placement(self, room: RoomId) -> tuple[bool, NodeId | None]:
        """Return whether the room is live, and the relay it is on, without reading its board."""
        status, relay = await self._redis.fields(keys.room(room), "status", "relay")
        return status is not None, NodeId(relay.decode()) if relay else None

    async def is_live(self, room: RoomId) -> bool:
        """Tell whether there is a live room, its presenter present or away."""
        return await self._redis.exists(keys.room(room))

    async def relay_of(self, room: RoomId) -> NodeId | None:
        """Return the relay that a live room is on."""
        _, relay = await self.placement(room)
        return relay

    async def relays(self, room: RoomId) -> set[NodeId]:
        """Return the relays that a room is on and that do not drain; one that died is among them
        for some seconds."""
        names = await self._redis.hash(keys.relays(room))
        return {
            NodeId(name.decode())
            for name in names
            if not name.startswith(b"!") and b"!" + name not in names
        }

    async def relay_lost(self, room: RoomId, relay: NodeId, *, drains: bool = False) -> bool:
        """Tell a room once that a relay which is not its first is dead, or ``drains``: who is on
        it must offer again. False where the room is not on it, or knows."""
        how = "drains" if drains else "dead"
        return bool(await self._redis.on_room("relay_lost", room, relay, how))

    async def ended_lecture(self, room: RoomId) -> LectureId | None:
        """Return the lecture that ended under this code in the last minutes."""
        last = await self._redis.last_entry(keys.events(room))
        if last is None or last[1].get(b"type") != b"ended":
            return None
        return LectureId(last[1].get(b"lectureId", b"").decode())

    async def why_missing(self, room: RoomId) -> LecternError:
        """Return why there is no live room."""
        if await self.ended_lecture(room) is not None:
            return Ended("the lecture is over")
        return NotStarted("the lecture has not started")

    async def claim(
        self,
        room: RoomId,
        lecture: LectureId,
        email: Email,
        holder: str,
        lease_seconds: float,
        *,
        seen: tuple[int, NodeId | None],
        relay: NodeId,
        record: bool = False,
    ) -> Claim | None:
        """Give the slot to ``holder`` with the epoch after the one ``seen``.

        ``seen`` is the (epoch, relay) that the caller acted on, (0, None) where there was no room;
        None is returned, and nothing changed, when they are others by now. Raises Ended when this
        lecture is over, Forbidden when the room is another lecture's. The first claim switches
        recording on if ``record`` says so.
        """
        epoch, seen_relay = seen
        slot = (lecture, email, holder, _ms(lease_seconds))
        reply = await self._redis.on_room(
            "claim", room, *slot, epoch, seen_relay or "", relay, int(record)
        )
        if reply[0] == b"conflict":
            return None
        how, epoch, start_time, view, objects, questions, due = reply
        await self._schedule(room, int(due))
        return Claim(how == b"first", int(epoch), start_time.decode(), view, objects, questions)

    async def try_claim(
        self, room: RoomId, email: Email, holder: str, lease_seconds: float
    ) -> int | None:
        """Give the slot to ``holder`` if nobody has it, and return its epoch; None if somebody has.

        The connection that has it already gets its epoch again. Raises Forbidden for anybody but
        the room's presenter, NotStarted or Ended where there is no live room.
        """
        epoch, due = await self._redis.on_room("try_claim", room, email, holder, _ms(lease_seconds))
        if not epoch:
            return None
        await self._schedule(room, int(due))
        return int(epoch)

    async def renew(self, room: RoomId, holder: str, epoch: int, lease_seconds: float) -> bool:
        """Lengthen the lease and every TTL of the room; False when the slot is not ours."""
        due = int(await self._redis.on_room("renew", room, holder, epoch, _ms(lease_seconds)))
        if due:
            await self._schedule(room, due)
        return bool(due)

    async def release(self, room: RoomId, holder: str, epoch: int, grace_seconds: float) -> bool:
        """Begin the grace period; False, and nothing, when the slot is not ours (X7)."""
        due = int(await self._redis.on_room("release", room, holder, epoch, _ms(grace_seconds)))
        if due:
            await self._schedule(room, due)
        return bool(due)

    async def due(self) -> list[RoomId]:
        """Return the rooms that somebody must look at now."""
        reply = await self._redis.script("due_rooms", [keys.DUE], [SWEEP_BATCH, TTL_MS])
        return [RoomId(room.decode()) for room in reply]

    async def look(self, room: RoomId, grace_seconds: float) -> Verdict:
        """Do what is due in a room: mark its presenter away, or end it (for one caller only)."""
        reply = await self._redis.on_room("due", room, _ms(grace_seconds))
        outcome = reply[0].decode()
        if outcome in {"wait", "away"}:
            await self._schedule(room, int(reply[1]))
            return Wait(int(reply[1]), outcome == "away")
        if outcome == "gone":
            await self.forget_due(room)
            return Gone()
        return _ended(reply)

    async def end(self, room: RoomId, epoch: int | None, reason: EndReason) -> EndedRoom | None:
        """End a live room; None when it has ended already.

        ``epoch`` None is for those who need not hold the slot. Raises StalePresenter, NotStarted.
        """
        reply = await self._redis.on_room("end", room, "" if epoch is None else epoch, reason)
        return _ended(reply) if reply[0] == b"ended" else None

    async def restored(self, room: RoomId, due_ms: int) -> None:
        """Note what was beside a room that was written back: when to look, and its presenter."""
        await self._schedule(room, due_ms)
        (email,) = await self._redis.fields(keys.room(room), "presenterEmail")
        if email is not None:
            await self.remember(email.decode(), "PRESENTER", room)

    async def forget_due(self, room: RoomId) -> None:
        """Look at the room no more. Called last, once everybody knows that it ended."""
        await self._redis.script("schedule", [keys.DUE], [room, "", TTL_MS])

    async def snapshot(self, room: RoomId, *, questions: bool) -> tuple[LiveRoom, Sequence[Any]]:
        """Return the room and, if asked, the unanswered questions, both of one instant."""
        flat, pending = await self._redis.on_room("snapshot", room, int(questions))
        live = read_room(dict(zip(flat[::2], flat[1::2], strict=True)), self._redis.date_ms)
        if live is None:
            raise NotStarted("the lecture has not started")
        return live, pending

    async def place(self, room: RoomId, seen: NodeId | None, chosen: NodeId) -> NodeId:
        """Put the room on ``chosen`` unless it was moved since ``seen``; return where it is."""
        reply = await self._redis.on_room("place", room, seen or "", chosen)
        return NodeId(reply.decode())

    async def media_moved(self, room: RoomId, dead: NodeId) -> bool:
        """Take the room off a dead relay and tell everyone; True for one caller only."""
        return bool(await self._redis.on_room("media_moved", room, dead))

    async def set_sources(self, room: RoomId, epoch: int, sources: dict[str, bool]) -> bool:
        """Note what the presenter shows and tell everyone; False when nothing changed."""
        text = json.dumps(sources, separators=(",", ":"), sort_keys=True)
        return bool(await self._redis.on_room("sources", room, epoch, text))

    async def set_listeners(
        self, room: RoomId, node: NodeId, count: int, good_for_seconds: float
    ) -> int:
        """Note how many listeners a process serves; return the room's total."""
        return int(await self._redis.on_room("listeners", room, node, count, _ms(good_for_seconds)))

    async def hold_whip(
        self,
        room: RoomId,
        peer: PeerId,
        relay: NodeId,
        lease_seconds: float,
        sources: dict[str, bool],
    ) -> tuple[bool, PeerId | None]:
        """Let a WHIP session carry the presenter's media; return the one that it replaces.

        False, and nothing changed, when the room is on another relay by now. Raises NotStarted,
        Ended.
        """
        text = json.dumps(sources, separators=(",", ":"), sort_keys=True)
        reply = await self._redis.on_room("whip_hold", room, peer, relay, _ms(lease_seconds), text)
        if reply[0] == b"conflict":
            return False, None
        return True, PeerId(reply[1].decode()) or None

    async def renew_whip(self, room: RoomId, peer: PeerId, lease_seconds: float) -> bool:
        """Note that the room's WHIP session lives; False when it is not this one."""
        due = int(await self._redis.on_room("whip_renew", room, peer, _ms(lease_seconds)))
        if due:
            await self._schedule(room, due)
        return bool(due)

    async def end_whip(self, room: RoomId, peer: PeerId, grace_seconds: float) -> bool:
        """Note that a WHIP session is over; False, and nothing, when it is not the room's."""
        due = int(await self._redis.on_room("whip_end", room, peer, _ms(grace_seconds)))
        if due > 0:
            await self._schedule(room, due)
        return due != 0

    async def remember(self, identity: str, kind: Kind, room: RoomId) -> None:
        """Note that somebody is in the room, for a day, so that it is let in again."""
        await self._redis.script("remember", [keys.user(identity)], [kind, room, TTL_MS])

    async def keep(self, identity: str) -> None:
        """Let what is noted of somebody who is connected live for another day."""
        _ = await self._redis.lengthen(keys.user(identity), keys.TTL_SECONDS)

    async def forget(self, identity: str, room: RoomId, linger_seconds: float = 0.0) -> None:
        """Note that somebody is in the room no more.

        With ``linger_seconds`` it is still known for so long, if it is in no other: then who comes
        back late is told that the lecture is over, instead of being refused.
        """
        await self._redis.script("forget", [keys.user(identity)], [room, _ms(linger_seconds)])

    async def membership(self, identity: str) -> Membership:
        """Return the rooms that somebody is in."""
        return read_membership(await self._redis.hash(keys.user(identity)))

    async def _schedule(self, room: RoomId, due_ms: int) -> None:
        try:
            await self._redis.script("schedule", [keys.DUE], [room, due_ms, TTL_MS])
        except Unavailable:  # what it follows has happened, and the next renewal does this again
            log.warning("a room's due time was not noted", room=room)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _ended(reply: Sequence[bytes]) -> EndedRoom:
    outcome, lecture, relay, presenter = reply
    return EndedRoom(
        LectureId(lecture.decode()),
        NodeId(relay.decode()) if relay else None,
        Email(presenter.decode()),
        again=outcome == b"again",
    )
