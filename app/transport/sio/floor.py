"""Hands, speakers, mutes and figures on ``/lecture``."""

import asyncio

import structlog

from app.core.errors import Forbidden, LecternError, NotJoined
from app.core.ids import ConnectionId, PeerId, RoomId
from app.core.tasks import OnCrash
from app.lecture.floor import Floor
from app.lecture.seat import AudienceSeat, PresenterSeat
from app.relay.messages import PauseSection, PreferSection
from app.transport.sio import wire
from app.transport.sio.connection import Connection, Seated
from app.transport.sio.desk import Desk, Fields, Route, presenter_in, seat_in
from app.transport.sio.messages import Hand, Invite, MuteMessage, Pause, Prefer, Speak, Watch
from app.transport.sio.streams import StreamDesk

log = structlog.get_logger(__name__)

STATS_SECONDS = 1.0


class FloorDesk:
    """What members do about who speaks. Every rule is decided by a script in Redis."""

    def __init__(self, desk: Desk, floor: Floor) -> None:
        self._desk = desk
        self._floor = floor
        self._figures = Figures(floor)
        self.routes = {
            "hand": Route(Hand, self.hand),
            "invite": Route(Invite, self.invite),
            "uninvite": Route(Invite, self.uninvite),
            "speak": Route(Speak, self.speak),
            "mute": Route(MuteMessage, self.mute),
            "pause": Route(Pause, self.pause),
            "prefer": Route(Prefer, self.prefer),
            "stats": Route(Watch, self.stats),
            **StreamDesk(floor.streams).routes,
        }

    async def open(self) -> None:
        """Begin to send figures."""
        _ = self._desk.tasks.start("figures", self._figures.run, OnCrash.RESTART)

    def tell_sections(self, connection: Connection) -> None:
        """Have a member that may have missed it told, by room events, what its sections carry."""
        place = connection.place
        if isinstance(place, Seated) and place.peer is not None:
            self._floor.tell_sections_soon(place.seat.room, place.peer)

    async def hand(self, connection: Connection, message: Hand) -> Fields:
        await self._floor.hand(_audience(connection, message.room), message.up)
        return {}

    async def invite(self, connection: Connection, message: Invite) -> Fields:
        await self._floor.invite(presenter_in(connection, message.room), message.speakerId)
        return {}

    async def uninvite(self, connection: Connection, message: Invite) -> Fields:
        await self._floor.uninvite(presenter_in(connection, message.room), message.speakerId)
        return {}

    async def speak(self, connection: Connection, message: Speak) -> Fields:
        """Answer an invited participant's offer; without one, its turn ends."""
        seat = _audience(connection, message.room)
        if message.SDP is None:
            await self._floor.stop(seat)
            return {}
        if seat.p2p:
            raise Forbidden("media goes from browser to browser in this room")
        if not connection.budgets.offers.take(self._desk.clock.now()):
            raise Forbidden("too many offers: slow down")
        peer, answer = await self._floor.publish(seat, message.offer(message.SDP))
        return {"peerId": peer, "SDP": wire.description(answer)}

    async def mute(self, connection: Connection, message: MuteMessage) -> Fields:
        seat = seat_in(connection, message.room)
        if isinstance(seat, PresenterSeat):
            seat = presenter_in(connection, message.room)
        await self._floor.mute(seat, message.speakerId, message.source, message.on)
        return {}

    async def pause(self, connection: Connection, message: Pause) -> Fields:
        peer = _peer(connection, message.room, message.peerId)
        command = PauseSection(room=message.room, peer=peer, mid=message.mid, on=message.on)
        await self._floor.adjust(message.room, command)
        return {}

    async def prefer(self, connection: Connection, message: Prefer) -> Fields:
        peer = _peer(connection, message.room, message.peerId)
        command = PreferSection(
            room=message.room,
            peer=peer,
            mid=message.mid,
            height=message.height,
            width=message.width,
            fps=message.fps,
            layer=message.layer,
            temporal=message.temporal,
            max_bps=message.maxBitrate,
            priority=message.priority,
            slides=message.slide_seconds,
            slides_below=message.slidesBelow,
            min_bps=message.minBitrate,
            scheme=message.scheme,
        )
        await self._floor.adjust(message.room, command)
        return {}

    async def stats(self, connection: Connection, message: Watch) -> Fields:
        """Send the owner a lecture's figures once a second, until it says so or goes."""
        seat = presenter_in(connection, message.room)
        self._figures.watch(seat.room, connection, message.on)
        return {}


class Figures:
    """The connections that watch figures. One question to a relay serves all of a room's."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._watched: dict[RoomId, dict[ConnectionId, Connection]] = {}

    def watch(self, room: RoomId, connection: Connection, on: bool) -> None:
        """Begin or cease to send a room's figures to a connection."""
        if on:
            self._watched.setdefault(room, {})[connection.id] = connection
        else:
            self._watched.get(room, {}).pop(connection.id, None)

    async def run(self) -> None:
        """Send figures for ever, once a second."""
        while True:
            await asyncio.sleep(STATS_SECONDS)
            await self.send()

    async def send(self) -> None:
        """Send each watched room's figures now; forget those who are gone."""
        for room in list(self._watched):
            watchers = [one for one in self._watched[room].values() if _watches(one, room)]
            self._watched[room] = {one.id: one for one in watchers}
            if not watchers:
                del self._watched[room]
                continue
            try:
                measured = await self._floor.measure(room)
            except LecternError as error:
                log.debug("no figures now", room=room, reason=error.message)
                continue
            figures = wire.figures(room, measured)
            for connection in watchers:
                connection.emit(wire.LECTURE, "stats", figures)


def _watches(connection: Connection, room: RoomId) -> bool:
    seat = connection.seat
    return connection.is_open and isinstance(seat, PresenterSeat) and seat.room == room


def _audience(connection: Connection, room: RoomId) -> AudienceSeat:
    seat = seat_in(connection, room)
    if isinstance(seat, PresenterSeat):
        raise Forbidden("the presenter speaks anyway")
    return seat


def _peer(connection: Connection, room: RoomId, named: str | None) -> PeerId:
    """Return the caller's own peer: it made it on this connection, or knows its secret id."""
    _ = seat_in(connection, room)
    place = connection.place
    peer = place.peer if isinstance(place, Seated) and place.peer is not None else named
    if peer is None:
        raise NotJoined("this connection has no media; name its peerId")
    return PeerId(peer)
