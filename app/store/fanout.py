"""Room events to whoever in this process wants them: published as a wake, healed from the log."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from app.core.errors import LecternError, Unavailable
from app.core.ids import RoomId
from app.core.tasks import OnCrash, Tasks
from app.store import keys
from app.store.event_log import EventLog
from app.store.events import RoomEvent, read_published
from app.store.redis import Redis
from app.store.subscription import CONFIRM_SECONDS, Subscription

log = structlog.get_logger(__name__)

Sink = Callable[[RoomEvent], None]

RETRY_SECONDS = 0.25
"""Between two tries to connect, or to read the log, while Redis is away."""


@dataclass(slots=True)
class Counters:
    """What a fan-out has done since it was made."""

    reconnects: int = 0
    gaps: int = 0
    """Times that a published event was missed and the log was read."""
    healed: int = 0
    """Events delivered from the log."""
    lost: int = 0
    """Events that the log no longer reached back to."""
    sink_failures: int = 0


@dataclass(slots=True, eq=False)
class _Follower:
    """One sink. ``seq`` is the last event it got; it gets live ones once ``live``."""

    sink: Sink
    seq: int
    live: bool


@dataclass(slots=True)
class _Room:
    """One subscribed room. ``seq`` is the last event delivered, None before the first reading."""

    id: RoomId
    seq: int | None = None
    newest: int = 0
    """The highest ``seq`` seen, delivered or not."""
    followers: list[_Follower] = field(default_factory=list)
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0
    """Calls of ``subscribe`` under way."""
    healing: bool = False
    again: bool = False


class FanOut:
    """One subscription for the whole process; any number of sinks per room.

    Guarantees that a sink gets every event of its room after the number that ``subscribe``
    returned, in ``seq`` order, each once and never concurrently, whatever happens to the
    subscription: a gap, or a new connection, is healed from the room's log, which is the truth. A
    dead or silent subscription is noticed within five seconds. Nothing is queued here: what was
    missed is read again from the log.

    A ``board`` event that was healed has no objects, but for the newest one, which has those that
    stand in the room now. After ``ended`` a room's sinks are dropped: no event can follow.

    Sinks are called in the event loop, must not block, and must not raise.
    """

    def __init__(self, redis: Redis) -> None:
        self._log = EventLog(redis)
        self._tasks = Tasks("fanout")
        self._rooms: dict[RoomId, _Room] = {}
        self._channels: dict[bytes, RoomId] = {}
        self._subscription = Subscription(redis, self._wanted, self._take, self._broke)
        self.counters = Counters()

    async def open(self) -> None:
        """Begin to listen, also while Redis is away."""
        _ = self._tasks.start("listen", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop listening. Safe to call twice."""
        await self._tasks.close()
        self._rooms.clear()
        self._channels.clear()

    async def subscribe(self, room: RoomId, sink: Sink, after: int | None = None) -> int:
        """Send the room's events to ``sink`` from now on, or those after ``after`` and then on.

        Returns the number after which the sink's events begin. When it is not ``after``, the log
        no longer reaches back that far (or ``after`` is of another lecture), and the caller sends
        a snapshot instead. The sink may be called before this returns.

        Raises Unavailable, and the sink is not subscribed, when Redis is away.
        """
        state = self._rooms.setdefault(room, _Room(room))
        state.wanted += 1
        try:
            seq = await self._ensure_open(state)
            follower = _Follower(sink, seq, live=after is None or after >= seq)
            state.followers.append(follower)
            if follower.live:
                return follower.seq
            return await self._replay(state, follower, after or 0)
        finally:
            state.wanted -= 1
            await self._drop_if_idle(state)

    async def missed(self, room: RoomId, after: int) -> list[RoomEvent]:
        """Return the events after ``after`` from the log, some hundreds at most: ask again.

        When the first is not ``after`` + 1, the log no longer reaches back. Raises Unavailable.
        """
        return await self._log.after(room, after)

    def unsubscribe(self, room: RoomId, sink: Sink) -> None:
        """Send nothing more to ``sink``, from this moment on. Unknown ones are ignored."""
        state = self._rooms.get(room)
        if state is None:
            return
        state.followers = [f for f in state.followers if f.sink != sink]
        if self._is_idle(state):
            _ = self._tasks.start("unsubscribe", lambda: self._drop_if_idle(state))

    def _is_idle(self, state: _Room) -> bool:
        return not state.followers and not state.wanted and self._rooms.get(state.id) is state

    async def _drop_if_idle(self, state: _Room) -> None:
        if not self._is_idle(state):
            return
        del self._rooms[state.id]
        channel = keys.wake(state.id)
        self._channels.pop(channel.encode(), None)
        await self._subscription.remove(channel)

    async def _ensure_open(self, state: _Room) -> int:
        """Subscribe to the room's channel, then read where its log ends (all at once)."""
        if state.seq is not None:
            return state.seq
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                await self._confirm(state)
                async with state.opening:
                    if state.seq is None:
                        state.seq = await self._log.end(state.id)
        except TimeoutError:
            raise Unavailable("events cannot be subscribed to") from None
        if state.newest > state.seq:  # published between the subscription and this reading
            self._heal_soon(state)
        return state.seq

    async def _confirm(self, state: _Room) -> None:
        channel = keys.wake(state.id)
        if channel.encode() not in self._channels:
            self._channels[channel.encode()] = state.id
            await self._subscription.add(channel)
        await state.confirmed.wait()

    async def _replay(self, state: _Room, follower: _Follower, after: int) -> int:
        """Send one sink what is in the log after ``after``; live events wait in the log."""
        follower.seq = after
        begins: int | None = None
        try:
            while follower in state.followers and follower.seq < (state.seq or 0):
                batch = await self._log.after(state.id, follower.seq)
                if begins is None:
                    begins = batch[0].seq - 1 if batch else state.seq or 0
                    follower.seq = begins
                if not batch:
                    break
                for event in batch:
                    if follower in state.followers and event.seq == follower.seq + 1:
                        self._send(follower, event)
        except LecternError:
            state.followers = [f for f in state.followers if f is not follower]
            raise
        follower.seq = max(follower.seq, state.seq or 0)
        follower.live = True
        return after if begins is None else begins

    def _receive(self, room: RoomId, event: RoomEvent) -> None:
        state = self._rooms.get(room)
        if state is None:
            return
        state.newest = max(state.newest, event.seq)
        if state.seq is None or event.seq <= state.seq:
            return
        if event.seq == state.seq + 1:
            self._deliver(state, event)
        else:
            self.counters.gaps += 1
            self._heal_soon(state)

    def _deliver(self, state: _Room, event: RoomEvent) -> None:
        state.seq = event.seq
        for follower in list(state.followers):
            if follower.live and follower in state.followers and follower.seq < event.seq:
                self._send(follower, event)
        if event.type == "ended":
            state.followers = [f for f in state.followers if not f.live]
            if self._is_idle(state):
                _ = self._tasks.start("unsubscribe", lambda: self._drop_if_idle(state))

    def _send(self, follower: _Follower, event: RoomEvent) -> None:
        follower.seq = event.seq
        try:
            follower.sink(event)
        except Exception:  # one broken sink must not starve the others
            self.counters.sink_failures += 1
            log.exception("a sink failed", room=event.room, type=event.type)

    def _heal_soon(self, state: _Room) -> None:
        if state.healing:
            state.again = True
            return
        state.healing = True
        _ = self._tasks.start("heal", lambda: self._heal(state))

    async def _heal(self, state: _Room) -> None:
        try:
            while self._rooms.get(state.id) is state:
                state.again = False
                try:
                    await self._catch_up(state)
                except LecternError:
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                if not state.again:
                    return
        finally:
            state.healing = False

    async def _catch_up(self, state: _Room) -> None:
        """Deliver what the log holds after the last delivered event, all of it."""
        while self._rooms.get(state.id) is state and state.seq is not None:
            events = await self._log.after(state.id, state.seq)
            if not events:
                await self._check_for_new_log(state)
                return
            for event in events:
                if state.seq is not None and event.seq > state.seq:
                    self.counters.lost += event.seq - state.seq - 1
                    self.counters.healed += 1
                    self._deliver(state, event)

    async def _check_for_new_log(self, state: _Room) -> None:
        """A log that ends before what was delivered is another lecture's: begin where it ends."""
        known = state.seq
        end = await self._log.end(state.id)
        if known is not None and state.seq == known and 0 < end < known:
            state.seq = state.newest = end
            for follower in state.followers:
                follower.seq = min(follower.seq, end)

    async def _run(self) -> None:
        """Keep one subscription alive for as long as the process lives."""
        while True:
            await self._subscription.live()
            self.counters.reconnects += 1
            await asyncio.sleep(RETRY_SECONDS)

    def _wanted(self) -> set[str]:
        return {keys.wake(room) for room in self._rooms}

    def _broke(self) -> None:
        for state in self._rooms.values():
            state.confirmed.clear()

    def _take(self, message: dict[str, Any]) -> None:
        room = self._channels.get(message["channel"]) if message["channel"] else None
        state = self._rooms.get(room) if room is not None else None
        if state is None:
            return
        if message["type"] == "subscribe":
            state.confirmed.set()
            if state.seq is not None:  # a new connection: whatever was published before is missed
                self._heal_soon(state)
        elif message["type"] == "message":
            try:
                event = read_published(state.id, message["data"])
            except (ValueError, KeyError, TypeError):
                log.exception("a published event is not understood", room=state.id)
                return
            self._receive(state.id, event)
