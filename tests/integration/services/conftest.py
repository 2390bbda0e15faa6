"""Two api processes over one Redis and one database, with the server API and sockets; the relay is
scripted."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from app.auth.accounts import Accounts
from app.auth.nonces import Nonces
from app.auth.passwords import PasswordConfig, Passwords
from app.auth.room_tokens import RoomTokens
from app.auth.sealing import Sealer
from app.auth.seat_tokens import SeatTokens
from app.auth.services import Service, Services
from app.auth.signatures import own_text, sign_own
from app.auth.tickets import Tickets
from app.auth.tokens import UserTokens
from app.cluster.commands import CommandBus
from app.cluster.heartbeat import Heartbeat
from app.cluster.node import NodeInfo
from app.cluster.placement import Preference
from app.cluster.registry import Registry
from app.core.clock import SystemClock
from app.core.errors import Unavailable
from app.core.ids import LectureId, NodeId, PeerId, RoomId
from app.feed.door import Door, check_url
from app.feed.forwarder import Forwarder
from app.feed.hooks import Hooks
from app.feed.owners import Owners
from app.feed.stream import FeedStream
from app.feed.webhooks import Webhooks
from app.lecture.admission import Admissions
from app.lecture.broadcast import Broadcasts
from app.lecture.captions import Captions
from app.lecture.ending import Endings
from app.lecture.expulsion import Expulsions
from app.lecture.floor import Floor
from app.lecture.media import Media
from app.lecture.model import LectureConfig
from app.lecture.orders import Orders
from app.lecture.service import Lectures
from app.questions.service import Questions
from app.questions.store import RedisQuestionStore
from app.recording.model import RecordingState
from app.relay.answers import PeerOpened
from app.relay.messages import OpenPeer
from app.rooms.catalogue import Catalogue
from app.rooms.floor import FloorStore
from app.rooms.guests import Guests
from app.rooms.presence import Presence
from app.rooms.roster import Roster
from app.rooms.service_rooms import ServiceRooms
from app.rooms.sessions import SessionStore
from app.rooms.store import RoomStore
from app.store.fanout import FanOut
from app.store.redis import Redis
from app.store.sql import Sql
from app.transport.http.app import create_http
from app.transport.http.config import HttpConfig
from app.transport.http.v1.api import server_api
from app.transport.http.v1.gate import Gate
from app.transport.http.v1.parts import ApiParts
from app.transport.http.whip import MediaEndpoints
from app.transport.sio.captions import RecordDesk
from app.transport.sio.config import SioConfig
from app.transport.sio.house import HouseDesk
from app.transport.sio.service import SioServer
from app.transport.sio.tickets import TicketOffice
from app.whiteboard.service import Boards
from app.whiteboard.store import RedisBoardStore
from tests.integration.sio.conftest import OFFER, Client
from tests.web_server import web_server

SECRET = "a-secret-of-the-tests-that-is-long-enough"
OPERATOR = "the operator's own token, long enough"
RELAY = NodeInfo(NodeId("relay-test"), "relay", "", 0.0, 100.0)


@dataclass
class ScriptedRelay:
    """Answers every offer; remembers what it was told, by all processes."""

    opened: list[OpenPeer] = field(default_factory=list)
    closed: list[PeerId] = field(default_factory=list)
    controls: list[Any] = field(default_factory=list)

    async def open(self, node: NodeId, command: OpenPeer, /) -> PeerOpened:
        self.opened.append(command)
        ufrag = "a=ice-ufrag:relay\r\n"
        return PeerOpened(sdp=f"v=0\r\n{ufrag}m=audio 9 X 0\r\na=recvonly\r\n", candidates=[])

    async def control(self, node: NodeId, command: Any, /) -> None:
        self.controls.append(command)

    async def close_peer(self, node: NodeId, room: RoomId, peer: PeerId, /) -> None:
        self.closed.append(peer)

    async def close_room(self, node: NodeId, room: RoomId, /) -> None:
        pass

    async def see(self, node: NodeId, room: RoomId, peers: Any, /) -> set[PeerId]:
        return set(peers) - set(self.closed)


@dataclass
class Portals:
    """Names nobody: the request's own address is good."""

    asked: list[Preference] = field(default_factory=list)
    failing: bool = False

    async def choose(self, preference: Preference) -> str | None:
        self.asked.append(preference)
        if self.failing:
            raise Unavailable("No worker matches the preference.")
        return None


class Switch:
    """Recordings that are switched, and made nowhere."""

    async def begin_if_wanted(self, lecture: LectureId) -> bool:
        return False

    async def switch(self, room: RoomId, epoch: int, on: bool) -> RecordingState:
        return RecordingState("on" if on else "off")


@dataclass
class Turn:
    """Notes whose credentials were revoked."""

    revoked: list[tuple[str, str]] = field(default_factory=list)

    async def revoke(self, room: str, identity: str) -> None:
        self.revoked.append((room, identity))


@dataclass
class Process:
    """One api process."""

    url: str
    http: httpx.AsyncClient
    tickets: Tickets
    roster: Roster
    rooms: RoomStore
    services: Services
    catalogue: Catalogue
    broadcasts: Broadcasts
    socket_side: SioServer
    accounts: Accounts


@dataclass
class Site:
    """Two processes, a service, and the tests' handles on them."""

    one: Process
    two: Process
    relay: ScriptedRelay
    portals: Portals
    turn: Turn
    redis: Redis
    service: Service
    clients: list[Client] = field(default_factory=list)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        by: Service | None = None,
        process: Process | None = None,
        **more: Any,
    ) -> httpx.Response:
        """Call the server API with a whole signature."""
        process = process or self.one
        request = process.http.build_request(method, path, json=body, **more)
        sign(request, by or self.service)
        return await process.http.send(request)

    async def room(self, **options: Any) -> dict[str, Any]:
        made = await self.call("POST", "/v1/rooms", {"name": "Physics", "options": options})
        assert made.status_code == 200, made.text
        return dict(made.json())

    async def ticket(self, room: str, user: str, role: str) -> str:
        body = {"user": user, "role": role}
        made = await self.call("POST", f"/v1/rooms/{room}/tokens", body)
        assert made.status_code == 200, made.text
        return made.text

    async def code(self, room: str) -> RoomId:
        return RoomId((await self.call("GET", f"/v1/rooms/{room}")).json()["code"])

    def client(self, process: Process | None = None) -> Client:
        client = Client((process or self.one).url, ["websocket"])
        self.clients.append(client)
        return client

    async def enter(
        self,
        room: str,
        user: str,
        role: str = "viewerWithData",
        process: Process | None = None,
        offer: dict[str, Any] = OFFER,
        **more: Any,
    ) -> Client:
        """Come in with a ticket: as the presenter where the role is, else as a participant."""
        client = self.client(process)
        ticket = await self.ticket(room, user, role)
        space, event = ("/create-room", "presenterOffer") if role in PRESENTING else PARTICIPANT
        await client.join(space, "", ticket=ticket)
        code = await self.code(room)
        answer = await client.ask(space, event, {"roomId": code, "SDP": offer, **more})
        assert answer["ok"], answer
        seat = await client.event("seat")
        await client.join("/lecture", seat["accessToken"])
        await client.event("state")
        return client


PRESENTING = {"presenter", "audio_only_presenter"}
PARTICIPANT = ("/enter-room", "studentOffer")


def sign(request: httpx.Request, service: Service, wall: float | None = None) -> None:
    """Sign a request whole."""
    timestamp = str(round((SystemClock().wall() if wall is None else wall) * 1000))
    nonce = secrets.token_hex(8)
    target = request.url.raw_path.decode()
    text = own_text(timestamp, nonce, request.method, target, request.content)
    request.headers["Authorization"] = (
        f"Lectern-HMAC-SHA256 service={service.id},timestamp={timestamp},nonce={nonce},"
        f"signature={sign_own(service.key, text)}"
    )


@contextlib.asynccontextmanager
async def alive(registry: Registry, node: NodeInfo) -> AsyncIterator[None]:
    """Keep a process in the registry: who was announced once is gone in a few seconds."""
    heartbeat = Heartbeat(registry, lambda: node)
    await heartbeat.beat()
    await heartbeat.open()
    try:
        yield
    finally:
        await heartbeat.close()


@contextlib.asynccontextmanager
async def process(
    name: str, redis_url: str, sql: Sql, relay: ScriptedRelay, portals: Portals, turn: Turn
) -> AsyncIterator[Process]:
    clock, me = SystemClock(), NodeId(name)
    redis = Redis(redis_url)
    await redis.open()
    registry, catalogue, rooms = Registry(redis), Catalogue(sql, clock), RoomStore(redis)
    config = LectureConfig(grace_seconds=30.0, lease_seconds=30.0)
    media = Media(registry, relay)  # type: ignore[arg-type]
    feed = FeedStream(redis)
    forwarder = Forwarder(redis, feed, me)
    endings = Endings(rooms, catalogue, media, forwarder.bring)
    boards, questions = Boards(RedisBoardStore(redis)), Questions(RedisQuestionStore(redis))
    lectures = Lectures(
        rooms, boards, Presence(), media, endings, catalogue, me, config, recordings=Switch()
    )
    broadcasts = Broadcasts(rooms, SessionStore(redis), media, endings, catalogue, config)
    fanout, bus, roster = FanOut(redis), CommandBus(redis, me, clock), Roster(redis)
    await fanout.open()
    await bus.open()
    store, orders = FloorStore(redis), Orders(bus, me)
    floor = Floor(rooms, store, media)
    admissions = Admissions(roster, rooms, registry, media, me)
    expulsions = Expulsions(
        roster, rooms, admissions, media, SessionStore(redis), store, orders, turn
    )
    tickets, services = Tickets(redis, SECRET), Services(sql, SECRET, clock)

    async def heard(other: NodeId) -> int | None:
        return await registry.heard("api", other)

    server = SioServer(
        SioConfig(close_seconds=1.0),
        lectures,
        boards,
        questions,
        fanout,
        UserTokens(SECRET),
        clock,
        Guests(redis, me, heard),
        floor=floor,
        office=TicketOffice(clock, tickets, SeatTokens(SECRET)),
        house=HouseDesk(roster, expulsions),
        record_desk=RecordDesk(Captions(redis)),
    )
    orders.serve(server)
    await server.open()
    hooks = Hooks(
        sql, Sealer(SECRET, "webhooks"), clock, lambda address: check_url(address, private=True)
    )
    webhooks = Webhooks(redis, hooks, feed, Door(private=True), clock, Owners(sql).of, me)
    await webhooks.open()
    await forwarder.open()
    parts = ApiParts(
        services, ServiceRooms(sql, catalogue, clock), tickets, portals, rooms, roster,
        expulsions, floor, lectures, clock, webhooks,
    )  # fmt: skip
    gate = Gate(services, Nonces(redis), clock, OPERATOR)
    passwords = Passwords(PasswordConfig(memory_kib=64, passes=1))
    accounts = Accounts(sql, passwords, clock)
    app = create_http(
        HttpConfig(service_token=OPERATOR),
        accounts=accounts,
        catalogue=catalogue,
        tokens=UserTokens(SECRET),
        lectures=lectures,
        redis_ready=redis.ready,
        sql_ready=sql.ready,
        relay_ready=redis.ready,
        clock=clock,
        media=MediaEndpoints(broadcasts, RoomTokens(SECRET), clock),
        more=lambda _: server_api(gate, parts),
    )
    served = web_server(server.asgi(app), ws_ping_interval=None)
    async with contextlib.AsyncExitStack() as stack:
        for part in (redis, fanout, questions, media, bus):
            stack.push_async_callback(part.close)
        await stack.enter_async_context(alive(registry, NodeInfo(me, "api", "", 0.0, 1.0)))
        stack.callback(passwords.close)
        url = await stack.enter_async_context(served)
        stack.push_async_callback(forwarder.close)
        stack.push_async_callback(webhooks.close)
        stack.push_async_callback(server.close)
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url))
        yield Process(
            url, http, tickets, roster, rooms, services, catalogue, broadcasts, server, accounts
        )


@pytest.fixture
async def sql(sqlite_url: str) -> AsyncIterator[Sql]:
    sql = Sql(sqlite_url)
    await sql.open()
    yield sql
    await sql.close()


@pytest.fixture
async def site(redis_url: str, sql: Sql) -> AsyncIterator[Site]:
    relay, portals, turn, redis = ScriptedRelay(), Portals(), Turn(), Redis(redis_url)
    service = await Services(sql, SECRET, SystemClock()).create("Campus")
    await redis.open()
    async with (
        alive(Registry(redis), RELAY),
        process("api-one", redis_url, sql, relay, portals, turn) as one,
        process("api-two", redis_url, sql, relay, portals, turn) as two,
    ):
        made = Site(one, two, relay, portals, turn, redis, service)
        yield made
        for client in made.clients:
            await client.close()
    await redis.close()
