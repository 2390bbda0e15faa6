"""A real api process' socket side on real Redis, SQLite and HTTP; only the relay is scripted."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import socketio
import sqlalchemy as sa

from app.archive.attendance import AttendanceBook
from app.archive.log import RoomLogs
from app.auth.principal import Account
from app.auth.tokens import UserTokens
from app.cluster.node import NodeInfo
from app.cluster.registry import Registry
from app.core.clock import SystemClock
from app.core.errors import BadOffer
from app.core.ids import Email, NodeId, PeerId, RoomId, new_lecture_id
from app.lecture.captions import Captions
from app.lecture.ending import Endings
from app.lecture.floor import Floor
from app.lecture.keeper import Keeper
from app.lecture.media import Media
from app.lecture.model import LectureConfig
from app.lecture.ports import RelayPort
from app.lecture.service import Lectures
from app.questions.service import Questions
from app.questions.store import RedisQuestionStore
from app.relay.answers import Candidate, PeerOpened
from app.relay.messages import OpenPeer
from app.rooms.catalogue import Catalogue
from app.rooms.floor import FloorStore
from app.rooms.guests import Guests
from app.rooms.presence import Presence
from app.rooms.store import RoomStore
from app.store.fanout import FanOut
from app.store.redis import Redis
from app.store.sql import Sql
from app.store.tables import accounts
from app.transport.sio.captions import RecordDesk
from app.transport.sio.config import SioConfig
from app.transport.sio.service import SioServer
from app.whiteboard.service import Boards
from app.whiteboard.store import RedisBoardStore
from tests.web_server import web_server

OWNER = "ada@example.org"
STUDENT = "bob@example.org"
STRANGER = "eve@example.org"
SECRET = "a-secret-of-the-tests-that-is-long-enough"
OFFER = {"type": "offer", "sdp": "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n"}
RELAY = NodeInfo(NodeId("relay-test"), "relay", "", 0.0, 100.0)
OBJECTS = gzip.compress(json.dumps([{"type": "path", "id": 1}]).encode())


class ScriptedRelay:
    """Answers every offer as a relay would; ``opened`` and ``closed`` are what it was told."""

    def __init__(self) -> None:
        self.opened: list[OpenPeer] = []
        self.closed: list[PeerId] = []

    async def open(self, node: NodeId, command: OpenPeer, /) -> PeerOpened:
        if "garbage" in command.sdp:
            raise BadOffer("no media section")
        self.opened.append(command)
        candidate = "candidate:1 1 udp 2130706431 127.0.0.1 9 typ host"
        return PeerOpened(
            sdp="v=0 answer",
            candidates=[Candidate(candidate=candidate, sdpMid="0", sdpMLineIndex=0)],
        )

    async def close_peer(self, node: NodeId, room: RoomId, peer: PeerId, /) -> None:
        self.closed.append(peer)

    async def close_room(self, node: NodeId, room: RoomId, /) -> None:
        pass


class Client:
    """A Socket.IO client that remembers, per event, everything that it was sent."""

    def __init__(self, url: str, transports: list[str] | None = None) -> None:
        self.url = url
        self.transports = transports
        self.sio = socketio.AsyncClient(reconnection=False, logger=False)
        self.got: list[tuple[str, str, Any]] = []
        self.refused: dict[str, Any] = {}
        self._news = asyncio.Event()
        for namespace in ("/create-room", "/enter-room", "/lecture"):
            self._listen(namespace)

    def _listen(self, namespace: str) -> None:
        def heard(event: str, *args: Any) -> None:
            self.got.append((namespace, event, args[0] if args else None))
            self._news.set()

        def refused(data: Any = None) -> None:
            self.refused[namespace] = data
            self._news.set()

        self.sio.on("*", heard, namespace=namespace)
        self.sio.on("connect_error", refused, namespace=namespace)

    async def join(self, namespace: str, token: str | None, **auth: Any) -> None:
        """Join a namespace on this client's one connection (the first call makes it)."""
        credentials = {"accessToken": token, "refreshToken": "", **auth}
        if not self.sio.connected:
            await self.sio.connect(
                self.url,
                auth=credentials,
                namespaces=[namespace],
                transports=self.transports,
                wait_timeout=5,
            )
            return
        before = len(self.refused)
        self.sio.connection_namespaces.append(namespace)
        packet = self.sio.packet_class(0, namespace=namespace, data=credentials)
        await self.sio._send_packet(packet)
        await self.until(lambda: namespace in self.sio.namespaces or len(self.refused) > before)

    async def ask(self, namespace: str, event: str, data: Any) -> Any:
        """Emit and return the acknowledgement."""
        return await self.sio.call(event, data, namespace=namespace, timeout=5)

    async def tell(self, namespace: str, event: str, data: Any) -> None:
        """Emit as an old client does, without an acknowledgement."""
        await self.sio.emit(event, data, namespace=namespace)

    def all(self, event: str) -> list[Any]:
        return [data for _, name, data in self.got if name == event]

    def order(self) -> list[str]:
        return [name for _, name, _ in self.got]

    async def until(self, holds: Callable[[], object], seconds: float = 6.0) -> None:
        """Wait until ``holds()``, looking again at each event that comes in."""
        async with asyncio.timeout(seconds):
            while not holds():
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.05)

    async def event(self, name: str, count: int = 1) -> Any:
        """Wait for the ``count``-th event of a name and return what it carried."""
        await self.until(lambda: len(self.all(name)) >= count)
        return self.all(name)[count - 1]

    async def drop(self) -> None:
        """Lose the connection as a killed tab does: no word, the TCP connection is gone."""
        self.sio.eio.state = "connected"
        websocket = self.sio.eio.ws
        assert websocket is not None
        transport = websocket.get_extra_info("socket")
        assert transport is not None
        websocket._writer.transport.abort()
        await self.until(lambda: not self.sio.connected)

    async def part(self) -> None:
        """Leave every namespace and close, with everything written before, as the JS client."""
        for namespace in list(self.sio.namespaces):
            await self.sio._send_packet(self.sio.packet_class(1, namespace=namespace))
        await self.sio.eio.queue.join()
        await self.close()

    async def close(self) -> None:
        with contextlib.suppress(Exception):
            await self.sio.disconnect()


@dataclass
class Stack:
    """One api process and what the tests look at."""

    url: str
    server: SioServer
    lectures: Lectures
    redis: Redis
    catalogue: Catalogue
    relay: ScriptedRelay
    tokens: UserTokens
    clock: SystemClock
    keeper: Keeper
    attendance: AttendanceBook
    clients: list[Client] = field(default_factory=list)

    def token(self, email: str, age: float = 0.0) -> str:
        account = Account(Email(email), email.split("@", maxsplit=1)[0])
        return self.tokens.issue(account, self.clock.wall() - age)

    def client(self, transports: list[str] | None = None) -> Client:
        client = Client(self.url, transports)
        self.clients.append(client)
        return client

    async def room(self) -> RoomId:
        return (await self.catalogue.create(Email(OWNER), "Title", "About")).code

    async def presenter(
        self, room: RoomId, board: bool = True, transports: list[str] | None = None
    ) -> Client:
        """A presenter who is in the lecture."""
        client = self.client(transports)
        await client.join("/create-room", self.token(OWNER))
        answer = await client.ask("/create-room", "presenterOffer", {"roomId": room, "SDP": OFFER})
        assert answer["ok"], answer
        if board:
            init = {"roomId": room, "whiteboardDetails": content()}
            assert (await client.ask("/create-room", "whiteboardInit", init))["ok"]
        await client.join("/lecture", self.token(OWNER))
        await client.event("state")
        return client

    async def student(
        self, room: RoomId, email: str = STUDENT, transports: list[str] | None = None
    ) -> Client:
        """A participant with an account who is in the lecture."""
        client = self.client(transports)
        token = self.token(email)
        await client.join("/enter-room", token)
        answer = await client.ask("/enter-room", "studentOffer", {"roomId": room, "SDP": OFFER})
        assert answer["ok"], answer
        await client.join("/lecture", token)
        await client.event("state")
        return client

    async def guest(self, room: RoomId) -> tuple[Client, str]:
        """A guest who is in the lecture, and its id."""
        client = self.client()
        await client.join("/enter-room", "")
        ident = client.sio.get_sid("/enter-room")
        assert ident
        answer = await client.ask("/enter-room", "studentOffer", {"roomId": room, "SDP": OFFER})
        assert answer["ok"], answer
        await client.join("/lecture", ident)
        await client.event("state")
        return client, ident


def content(objects: bytes = OBJECTS, at: float = 1.0) -> dict[str, Any]:
    return {
        "objects": objects,
        "viewport": [1, 0, 0, 1, 0, 0],
        "eventTime": at,
        "width": 800,
        "height": 600,
    }


def edit(room: str, objects: bytes = OBJECTS, at: float = 1.0) -> dict[str, Any]:
    return {"type": "whiteBoard", "roomId": room, "content": content(objects, at)}


async def _not_found(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def sio_config() -> SioConfig:
    return SioConfig(close_seconds=1.0)


@pytest.fixture
def lecture_config() -> LectureConfig:
    return LectureConfig(grace_seconds=3.0, lease_seconds=2.0)


@pytest.fixture
async def sql(sqlite_url: str) -> AsyncIterator[Sql]:
    sql = Sql(sqlite_url)
    await sql.open()
    clock = SystemClock()
    async with sql.writing() as connection:
        for email in (OWNER, STUDENT, STRANGER):
            row = {
                "id": new_lecture_id(),
                "email": email,
                "username": email.split("@")[0],
                "password_hash": "-",
                "created_at": datetime.fromtimestamp(clock.wall(), UTC),
            }
            await connection.execute(sa.insert(accounts), row)
    yield sql
    await sql.close()


@contextlib.asynccontextmanager
async def running(
    redis_url: str,
    sql: Sql,
    node: str,
    sio_config: SioConfig,
    lecture_config: LectureConfig,
    client: RelayPort | None = None,
) -> AsyncIterator[Stack]:
    """Run one api process' socket side on a port of its own; ``client`` reaches a real relay."""
    clock = SystemClock()
    redis = Redis(redis_url)
    await redis.open()
    registry = Registry(redis)
    await registry.announce("relay", RELAY.id, RELAY)
    relay, catalogue, presence = ScriptedRelay(), Catalogue(sql, clock), Presence()
    rooms, me = RoomStore(redis), NodeId(node)
    boards, questions = Boards(RedisBoardStore(redis)), Questions(RedisQuestionStore(redis))
    media = Media(registry, client or relay)
    endings = Endings(rooms, catalogue, media)
    lectures = Lectures(rooms, boards, presence, media, endings, catalogue, me, lecture_config)
    keeper = Keeper(rooms, presence, endings, me, clock, lecture_config)
    fanout, tokens = FanOut(redis), UserTokens(SECRET)

    async def heard(other: NodeId) -> int | None:
        return await registry.heard("api", other)

    guests = Guests(redis, me, heard)
    await fanout.open()
    attendance = AttendanceBook(sql, RoomLogs(redis), me, clock)
    server = SioServer(
        sio_config, lectures, boards, questions, fanout, tokens, clock, guests,
        record_desk=RecordDesk(Captions(redis), attendance),
        floor=Floor(rooms, FloorStore(redis), media),
    )  # fmt: skip
    await server.open()
    await keeper.open()
    beat = asyncio.ensure_future(_beat(registry))
    options = {
        "ws_max_size": sio_config.max_message_bytes,
        "ws_per_message_deflate": False,
        "ws_ping_interval": None,
    }
    async with contextlib.AsyncExitStack() as ends:
        for part in (redis, fanout, media, keeper):
            ends.push_async_callback(part.close)
        ends.callback(beat.cancel)
        url = await ends.enter_async_context(web_server(server.asgi(_not_found), **options))
        ends.push_async_callback(server.close)
        stack = Stack(
            url, server, lectures, redis, catalogue, relay, tokens, clock, keeper, attendance
        )
        try:
            yield stack
        finally:
            for client in stack.clients:
                await client.close()


async def _beat(registry: Registry) -> None:
    while True:
        with contextlib.suppress(Exception):
            await registry.announce("relay", RELAY.id, RELAY)
        await asyncio.sleep(1)


@pytest.fixture
async def stack(
    redis_url: str, sql: Sql, sio_config: SioConfig, lecture_config: LectureConfig
) -> AsyncIterator[Stack]:
    async with running(redis_url, sql, "api-one", sio_config, lecture_config) as stack:
        yield stack
