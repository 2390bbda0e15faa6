"""The socket side of an api process, whole: made once, opened, served, closed."""

import asyncio
from typing import Any

import socketio
import structlog

from app.core.clock import Clock
from app.core.errors import LecternError
from app.core.ids import RoomId
from app.core.tasks import OnCrash, Tasks
from app.lecture.floor import Floor
from app.lecture.orders import Order
from app.lecture.seat import AudienceSeat, PresenterSeat
from app.store.events import RoomEvent
from app.transport.sio.captions import RecordDesk
from app.transport.sio.claim import SlotClaims
from app.transport.sio.config import SioConfig
from app.transport.sio.connection import Connection, Outside, Seated
from app.transport.sio.create_room import CreateRoom
from app.transport.sio.desk import Desk
from app.transport.sio.enter_room import EnterRoom
from app.transport.sio.gateway import Gateway
from app.transport.sio.house import HouseDesk, carry_out
from app.transport.sio.hub import RoomHub
from app.transport.sio.ice_servers import IceServers
from app.transport.sio.lecture import LectureRoom
from app.transport.sio.ports import (
    BoardsPort,
    FanOutPort,
    GuestsPort,
    LecturesPort,
    QuestionsPort,
    TokensPort,
    TurnPort,
)
from app.transport.sio.questions import note_assistants
from app.transport.sio.sketches import Sketches
from app.transport.sio.tickets import TicketOffice
from app.transport.sio.trail import QuestionTrail

log = structlog.get_logger(__name__)


KEEP_SECONDS = 3600.0
"""Between two notes that whoever is connected is to be known for another day."""

KEPT_AT_ONCE = 50

LOBBY_LOOKS = 12
"""In the time for which a connection may stand in no lecture."""

ENDS_AT_ONCE = 50
"""Clients sent away in one turn of the event loop."""


class SioServer:
    """Socket.IO for the three namespaces, at ``/socket.io/``.

    The caller mounts ``asgi``, awaits ``open`` before serving, and ``close`` while the services
    still work (the seats of those who are sent away are given up through them).
    """

    def __init__(
        self,
        config: SioConfig,
        lectures: LecturesPort,
        boards: BoardsPort,
        questions: QuestionsPort,
        fanout: FanOutPort,
        tokens: TokensPort,
        clock: Clock,
        guests: GuestsPort,
        turn: TurnPort | None = None,
        floor: Floor | None = None,
        office: TicketOffice | None = None,
        house: HouseDesk | None = None,
        record_desk: RecordDesk | None = None,
    ) -> None:
        self._config = config
        self._lectures = lectures
        self._guests = guests
        self._tasks = Tasks("sio")
        self._hub = RoomHub(fanout, self._on_room_event)
        self._gateway = Gateway(config, clock, self._tasks, self._on_gone)
        self._trail = QuestionTrail()
        self._claims = SlotClaims(config, lectures, self._tasks)
        self._ice = IceServers(turn, clock)
        self._sketches = Sketches(boards, lectures, self._hub, clock, self._tasks)
        desk = Desk(
            config,
            lectures,
            boards,
            questions,
            guests,
            tokens,
            self._hub,
            self._sketches,
            clock,
            self._tasks,
            self._trail,
            self._ice,
            self._gateway.eio.probe,
            office or TicketOffice(clock),
        )
        self._lecture = LectureRoom(desk, self._claims, floor, house, record_desk)
        for space in (CreateRoom(desk), EnterRoom(desk), self._lecture):
            self._gateway.add(space)
        self._is_closed = False

    @property
    def connections(self) -> int:
        """Engine.IO sessions now."""
        return len(self._gateway.connections)

    def carry_out(self, order: Order) -> int:
        """Do what some process ordered about connections of ours (``lecture.orders.Crew``)."""
        found = (self._gateway.connections.get(name) for name in order.connections)
        return sum(carry_out(connection, order) for connection in found if connection is not None)

    def asgi(self, other_app: Any) -> Any:
        """Return the ASGI application: Socket.IO at its path, everything else to ``other_app``."""
        return socketio.ASGIApp(self._gateway, other_app, socketio_path="socket.io")

    async def open(self) -> None:
        """Start pinging, and watching for silent clients."""
        self._gateway.eio.watch()
        _ = self._tasks.start("ice-servers", self._ice.run, OnCrash.RESTART)
        _ = self._tasks.start("members", self._keep_for_ever, OnCrash.RESTART)
        _ = self._tasks.start("lobby", self._watch_lobby, OnCrash.RESTART)
        if self._lecture.floor is not None:
            await self._lecture.floor.open()

    async def close(self) -> None:
        """Send every client away politely (it connects again, to whoever serves then).

        Returns when the seats are given up, after ``close_seconds`` at the latest. Safe to call
        twice.
        """
        if self._is_closed:
            return
        self._is_closed = True
        gateway = self._gateway
        gateway.is_closing = True
        connections = list(gateway.connections.values())
        for number, connection in enumerate(connections):
            await gateway.eio.end(connection.id)
            if number % ENDS_AT_ONCE == 0:
                await asyncio.sleep(0)
        try:
            async with asyncio.timeout(self._config.close_seconds):
                # Looked at, not waited for: these are many small ends, none with an event.
                while any(map(_is_busy, connections)) or gateway.eio.websockets:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except TimeoutError:
            log.warning("clients did not go in time", left=len(gateway.eio.websockets))
        for websocket in list(gateway.eio.websockets.values()):
            websocket.cut()
        await self._tasks.close()

    async def keep_members(self) -> None:
        """Let all who are connected be known for another day: they may come back after it."""
        for number, connection in enumerate(list(self._gateway.connections.values()), 1):
            seat = connection.seat
            if seat is None:
                continue
            try:
                await self._lectures.keep(seat)
            except LecternError as error:
                log.info("members were not kept", reason=error.code)
                return
            if number % KEPT_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _keep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            await self.keep_members()

    async def _watch_lobby(self) -> None:
        while True:
            await asyncio.sleep(self._config.lobby_seconds / LOBBY_LOOKS)
            self._gateway.close_idle()

    async def _on_gone(self, connection: Connection) -> None:
        """Give up the seat of a connection that is gone: once, whatever else it does later."""
        self._ice.forget(connection)
        place = connection.place
        if not isinstance(place, Seated):
            return
        connection.place = Outside()
        if isinstance(place.seat, PresenterSeat):
            self._trail.received(place.seat.room, connection.outbox.proved)
        self._lecture.forget(connection, place.seat)
        await self._lectures.lost(place.seat)
        if isinstance(place.seat, AudienceSeat) and place.seat.kind == "GUEST":
            await self._guests.lost(place.seat.identity, connection.id)

    async def _take_seats(self, room: RoomId) -> None:
        """Have everybody who is in a room that was written back known to it again."""
        for number, connection in enumerate(self._hub.members(room), 1):
            place, who = connection.place, connection.who
            if not isinstance(place, Seated) or who is None:
                continue
            try:
                await self._lectures.readmit(who, place.seat, place.peer)
            except LecternError as error:
                log.info("a seat was not taken again", room=room, reason=error.code)
            if number % KEPT_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _on_room_event(self, event: RoomEvent, members: list[Connection]) -> None:
        if event.type in {"restored", "ended"}:
            self._sketches.forget(event.room)
        if event.type == "restored":
            _ = self._tasks.start("seats", lambda: self._take_seats(event.room))
        if event.type in {"drawn", "page"}:
            self._sketches.changed(event.room, members)
        elif event.type == "asked":
            self._trail.sent(event.room, event.data["questionId"], event.seq)
        elif event.type == "assistants":
            note_assistants(event, members)
        elif event.type == "ended":
            self._trail.forget(event.room)
            for connection in members:
                if connection.seat is not None:
                    self._lecture.dismiss(connection, connection.seat)
        elif event.type == "presenter_away":
            self._claims.hasten(event.room)


def _is_busy(connection: Connection) -> bool:
    return connection.inbox.is_busy
