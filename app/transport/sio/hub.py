"""Room events to the members that this process serves: encoded once, written to each outbox."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

import structlog

from app.core import metrics
from app.core.ids import ConnectionId, RoomId
from app.lecture.seat import PresenterSeat
from app.store.events import Audience, RoomEvent
from app.transport.sio import room_events
from app.transport.sio.connection import Connection, Seated
from app.transport.sio.parcel import BoardPart, Parcel
from app.transport.sio.ports import FanOutPort

log = structlog.get_logger(__name__)

MAX_HELD = 512
"""Events held for one member until it has been brought to where the room is. When there are more,
the oldest go: they are in the log, from which whoever brings it reads on."""


AT_ONCE = 500
"""Members that one event is written to in one turn of the event loop: some 4 ms of it."""

MAX_LATE = 256
"""Events of one room that wait while those before them are being written. Beyond it they are
written without a pause: then Redis waits for us, and what it cannot keep is healed from the log."""


class Member:
    """A connection in a room. Holds live events back until it has been given a snapshot."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._held: deque[tuple[int, Parcel]] | None = deque()
        self.is_live = False
        """It is in the room and holds nothing back."""
        self.has_left = False
        self.written = 0
        """The last event written; what a subscription brings late is not written again."""
        self.forgotten = 0
        """The last event that was held and had to go."""

    def offer(self, seq: int, parcel: Parcel) -> None:
        """Write an event, now or when it is released; one that it has already is ignored."""
        if self._held is None:
            if seq > self.written:
                self.written = seq
                connection = self.connection
                if connection.is_open:  # as ``send`` does; this runs for all at every event
                    connection.outbox.offer(parcel)
            return
        if len(self._held) == MAX_HELD:
            metrics.QUEUE_DROPS.labels("held").inc()
            self.forgotten, _ = self._held.popleft()
        self._held.append((seq, parcel))

    def leave(self) -> None:
        """Be none of the room's any more: an event that is being written passes it by."""
        self.is_live, self.has_left = False, True

    def release(self, seq: int) -> None:
        """Write what came after ``seq``, where it was brought to, and from now on at once.

        When an event after ``seq`` had to go, its connection is closed: it comes back.
        """
        if self.forgotten > seq:
            self.connection.end()
            return
        held, self._held = self._held, None
        self.is_live = not self.has_left
        self.written = max(self.written, seq)
        for later, parcel in held or ():
            self.offer(later, parcel)


def offer_to_all(members: list[Member], seq: int, parcel: Parcel) -> None:
    """Offer an event to each of ``members`` that has not left, as ``Member.offer`` does.

    This runs for all at every event. For nearly everybody nothing waits: what is done for those is
    written out here, without a call but that which writes.
    """
    frames = parcel.frames
    for member in members:
        connection = member.connection
        outbox = connection.outbox
        direct = outbox.direct
        if (
            direct is not None
            and member.is_live
            and seq > member.written
            and connection.is_open
            and (websocket := direct.websocket).takes
            and not websocket.close_sent
        ):
            direct.put(frames)
            member.written = outbox.written = seq
        elif not member.has_left:
            member.offer(seq, parcel)


class _Room:
    """One room's members here, and its one subscription."""

    def __init__(self, ident: RoomId, deliver: Callable[["_Room", RoomEvent], None]) -> None:
        self.id = ident
        self.members: dict[ConnectionId, Member] = {}
        self.lock = asyncio.Lock()
        self.is_subscribed = False
        self.late: deque[RoomEvent] = deque()
        """The event that is being written over several turns of the loop, and those after it."""
        self.parts: Iterator[None] | None = None
        """What is left to do for the first of them, once it was begun."""
        self.is_writing = False
        self._deliver = deliver

    def sink(self, event: RoomEvent) -> None:
        self._deliver(self, event)


class RoomHub:
    """The members of every room, by connection.

    ``on_event`` is called after an event was written to the members it is for.
    """

    def __init__(
        self, fanout: FanOutPort, on_event: Callable[[RoomEvent, list[Connection]], None]
    ) -> None:
        self._fanout = fanout
        self._on_event = on_event
        self._rooms: dict[RoomId, _Room] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    async def join(self, ident: RoomId, connection: Connection) -> Member:
        """Make the connection a member that holds events back until it is released.

        Raises Unavailable when the room cannot be followed; it is no member then.
        """
        room = self._rooms.get(ident)
        if room is None:
            room = self._rooms[ident] = _Room(ident, self._deliver)
        member = Member(connection)
        if (before := room.members.get(connection.id)) is not None:
            before.leave()
        room.members[connection.id] = member
        try:
            async with room.lock:
                if not room.is_subscribed:
                    await self._fanout.subscribe(ident, room.sink)
                    room.is_subscribed = True
        except BaseException:
            self._remove(room, connection.id)
            raise
        if not room.members:
            self._close(room)
        return member

    def leave(self, ident: RoomId, connection: ConnectionId) -> None:
        """Forget a member, if it is one."""
        room = self._rooms.get(ident)
        if room is not None:
            self._remove(room, connection)

    async def missed(self, ident: RoomId, after: int) -> list[RoomEvent]:
        """Return the next events after ``after`` from the log. Raises Unavailable."""
        return await self._fanout.missed(ident, after)

    def members(self, ident: RoomId) -> list[Connection]:
        """Return the connections in a room, in the order they came."""
        room = self._rooms.get(ident)
        return [member.connection for member in room.members.values()] if room else []

    def _remove(self, room: _Room, connection: ConnectionId) -> None:
        if (member := room.members.pop(connection, None)) is not None:
            member.leave()
        if not room.members:
            self._close(room)

    def _close(self, room: _Room) -> None:
        """Drop an empty room. One that is being subscribed is dropped when that is done."""
        if room.lock.locked():
            return
        if self._rooms.get(room.id) is room:
            del self._rooms[room.id]
        if room.is_subscribed:
            room.is_subscribed = False
            self._fanout.unsubscribe(room.id, room.sink)

    def _deliver(self, room: _Room, event: RoomEvent) -> None:
        if not room.late and len(room.members) <= AT_ONCE:
            for _ in self._parts(room, event):
                pass
            return
        _make_way(room.late, event)
        room.late.append(event)
        while len(room.late) > MAX_LATE:
            self._step(room)
        if not room.is_writing:
            self._go_on(room)

    def _go_on(self, room: _Room) -> None:
        """Write one part now, and the rest in the next turns of the loop."""
        self._step(room)
        room.is_writing = bool(room.late)
        if room.is_writing:
            asyncio.get_running_loop().call_soon(self._go_on, room)

    def _step(self, room: _Room) -> None:
        if not room.late:
            return
        parts = room.parts = room.parts or self._parts(room, room.late[0])
        try:
            next(parts)
        except StopIteration:
            is_done = True
        except Exception:  # those behind it must not wait for ever
            log.exception("an event did not reach everybody", room=room.id)
            is_done = True
        else:
            is_done = False
        if is_done:
            room.parts = None
            room.late.popleft()

    def _parts(self, room: _Room, event: RoomEvent) -> Iterator[None]:
        """Write an event to the room, ``AT_ONCE`` members a step; the last step has no more."""
        members = list(room.members.values())
        if event.audience == "room" and event.type not in room_events.PERSONAL:
            shared = room_events.room_event(event)
            offer_to_all(members[:AT_ONCE], event.seq, shared)
            for first in range(AT_ONCE, len(members), AT_ONCE):
                yield
                offer_to_all(members[first : first + AT_ONCE], event.seq, shared)
        else:
            if event.type == "displaced":
                members = _displaced(members, event)
            elif event.audience != "room":
                members = _staff(members, event.audience)
            yield from self._parts_for_each(members, event)
        self._on_event(event, [member.connection for member in members])

    def _parts_for_each(self, members: list[Member], event: RoomEvent) -> Iterator[None]:
        """Write what is not for everybody, or not the same for everybody."""
        parcel_for = room_events.room_event_for(event)
        for position, member in enumerate(members):
            if position and position % AT_ONCE == 0:
                yield
            if member.has_left:
                continue
            parcel = parcel_for(member.connection.seat)
            place = member.connection.place
            peer = place.peer if isinstance(place, Seated) else None
            if event.type in room_events.BY_PEER:
                parcel = room_events.BY_PEER[event.type](event, peer)
            elif not _concerns(event, member.connection, peer):
                parcel = None
            if parcel is not None:
                member.offer(event.seq, parcel)
            if event.audience != "room":
                member.connection.outbox.ask_for_proof()


def _concerns(event: RoomEvent, connection: Connection, peer: str | None) -> bool:
    if room_events.is_followed(event):
        return room_events.follows(event, connection.follows)
    return event.type != "media_moved" or room_events.concerns(event, peer)


def _make_way(late: deque[RoomEvent], newer: RoomEvent) -> None:
    """Take out the boards that wait and that ``newer`` says again: the policy of every outbox."""
    part = room_events.board_part(newer)
    if part is BoardPart.NONE:
        return
    for position in range(len(late) - 1, 0, -1):  # the first is being written
        if part.replaces(room_events.board_part(late[position])):
            del late[position]
            metrics.QUEUE_DROPS.labels("late_boards").inc()


def _displaced(members: list[Member], event: RoomEvent) -> list[Member]:
    """Return the presenter's connections that lost the slot by an event."""
    return [
        member
        for member in members
        if room_events.displaces(event, member.connection.id, member.connection.epoch)
    ]


def _staff(members: list[Member], audience: Audience) -> list[Member]:
    """Return whom an event is for that is not for the whole room."""
    staff = _effective(members)
    if audience == "staff":
        staff += [member for member in members if member.connection.is_assistant]
    return staff


def _effective(members: list[Member]) -> list[Member]:
    """Return the presenter's member: of several connections of one, that of the latest epoch.

    One who waits for the slot (epoch 0) counts while nobody here has it: it missed nothing then.
    """
    presenters = [member for member in members if isinstance(member.connection.seat, PresenterSeat)]
    latest = max((member.connection.epoch for member in presenters), default=0)
    return [member for member in presenters if member.connection.epoch == latest]
