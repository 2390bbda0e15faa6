"""The composition root: the only module that knows every concrete part, and puts them together."""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol, TypeVar

import structlog
import uvicorn
import uvloop

from app.auth.accounts import Accounts
from app.auth.passwords import Passwords
from app.auth.room_tokens import RoomTokens
from app.auth.tokens import UserTokens
from app.child import Child
from app.cluster.commands import CommandBus
from app.cluster.node import NodeInfo
from app.cluster.registry import Heartbeat, Registry
from app.core import garbage, metrics
from app.core.clock import Clock, SystemClock
from app.core.ids import NodeId, new_node_id
from app.core.limits import allow_more_files
from app.core.loop_watch import LoopWatch
from app.lecture.broadcast import Broadcasts
from app.lecture.ending import Endings
from app.lecture.floor import Floor
from app.lecture.keeper import Keeper
from app.lecture.media import Media
from app.lecture.model import LectureConfig
from app.lecture.service import Lectures
from app.questions.model import QuestionConfig
from app.questions.service import Questions
from app.questions.store import RedisQuestionStore
from app.relay.client import RelayClient
from app.relay.config import RelayConfig
from app.relay.reports import Reports
from app.relay.service import RelayService
from app.rooms.catalogue import Catalogue
from app.rooms.copies import Copies
from app.rooms.floor import FloorStore
from app.rooms.guests import Guests
from app.rooms.presence import Presence
from app.rooms.sessions import SessionStore
from app.rooms.store import RoomStore
from app.settings import Settings, SettingsError
from app.store.data_folder import DataFolder
from app.store.fanout import FanOut
from app.store.redis import Redis
from app.store.sql import Sql
from app.transport.http.app import create_http
from app.transport.http.config import HttpConfig
from app.transport.http.whip import IceServers, MediaEndpoints
from app.transport.sio.config import SioConfig
from app.transport.sio.frames import LeanWebSocket
from app.transport.sio.service import SioServer
from app.turn import coturn
from app.turn.assembly import TurnRole
from app.turn.config import TurnConfig
from app.turn.service import TurnServers
from app.turn.store import TurnStore
from app.whiteboard.service import Boards
from app.whiteboard.store import RedisBoardStore

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 5
"""How long requests that are being answered may take when the api ends."""

LISTEN_BACKLOG = 4096
"""Connections that may wait to be accepted: a class that reconnects at once."""


def event_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop of an api or relay process."""
    return uvloop.new_event_loop()


async def run_api(settings: Settings) -> None:
    """Serve REST, Socket.IO and the pages until SIGTERM or SIGINT."""
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        app, socket_side = await _api(settings, clock, stack)
        config = uvicorn.Config(
            socket_side.asgi(app),
            host=settings.host,
            port=settings.port,
            http="httptools",
            ws=LeanWebSocket,
            ws_max_size=SioConfig().max_message_bytes,
            ws_ping_interval=None,  # Engine.IO has its own, and watches them
            ws_per_message_deflate=False,
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            backlog=LISTEN_BACKLOG,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        garbage.set_aside()
        files = allow_more_files()
        log.info("api opens", host=settings.host, port=settings.port, files=files)
        await Server(config, socket_side.close).run_until_signal()


class Server(uvicorn.Server):
    """uvicorn that ends without raising the signal again, and says goodbye to clients first."""

    def __init__(self, config: uvicorn.Config, goodbye: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._goodbye = goodbye

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to ``run_until_signal``."""
        yield

    async def run_until_signal(self) -> None:
        """Serve; return when everything has been said."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._asked_to_stop)
        await self.serve()

    def _asked_to_stop(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: Any = None) -> None:
        """Stop listening, send the clients away, then end as uvicorn does."""
        for server in self.servers:
            server.close()
        await self._goodbye()
        await super().shutdown(sockets)


async def _api(
    settings: Settings, clock: Clock, stack: contextlib.AsyncExitStack
) -> tuple[Any, SioServer]:
    node = new_node_id("api")
    lecture_config = LectureConfig(grace_seconds=settings.presenter_grace_seconds)
    tokens = UserTokens(_jwt_secret(settings))

    await _entered(stack, LoopWatch(clock))
    redis = await _entered(stack, Redis(_redis_url(settings)))
    sql = await _entered(stack, Sql(settings.database))
    passwords = Passwords()
    stack.callback(passwords.close)
    accounts, catalogue = Accounts(sql, passwords, clock), Catalogue(sql, clock)

    fanout = await _entered(stack, FanOut(redis))
    bus = await _entered(stack, CommandBus(redis, node, clock))
    registry = Registry(redis)
    await _entered(stack, Heartbeat(registry, lambda: _api_info(node)))

    rooms, presence = RoomStore(redis), Presence()
    relay_client = RelayClient(bus)
    media = Media(registry, relay_client)
    stack.push_async_callback(media.close)
    endings = Endings(rooms, catalogue, media)
    boards = Boards(RedisBoardStore(redis))
    limits = QuestionConfig(claim_seconds=settings.claim_seconds)
    questions = Questions(RedisQuestionStore(redis, limits))
    stack.push_async_callback(questions.close)
    lectures = Lectures(rooms, boards, presence, media, endings, catalogue, node, lecture_config)
    broadcasts = Broadcasts(rooms, SessionStore(redis), media, endings, catalogue, lecture_config)
    await _entered(stack, broadcasts)
    copies = Copies(redis)
    keeper = Keeper(rooms, presence, registry, endings, node, clock, lecture_config, copies)
    await _entered(stack, keeper)

    async def heard(other: NodeId) -> int | None:
        return await registry.heard("api", other)

    async def has_relay() -> bool:
        return bool(await registry.alive("relay"))

    async def relay_figures() -> dict[str, dict[str, int]]:
        return await _relay_figures(registry, relay_client)

    guests = Guests(redis, node, heard, settings.guest_grace_seconds)
    turn = None
    if settings.turn == "on":
        turn = TurnServers(
            TurnStore(redis),
            _jwt_secret(settings),
            settings.turn_region,
            settings.turn_credential_seconds,
            clock,
        )
        await _entered(stack, turn)
    socket_side = SioServer(
        SioConfig(cors_origins=settings.origins),
        lectures,
        boards,
        questions,
        fanout,
        tokens,
        clock,
        guests,
        turn=turn,
        floor=Floor(rooms, FloorStore(redis), media),
    )
    await _entered(stack, socket_side)
    http = create_http(
        HttpConfig(
            allowed_origins=settings.origins,
            web_dist=settings.web_dir,
            service_token=_service_token(settings),
            docs=not settings.is_production,
        ),
        accounts=accounts,
        catalogue=catalogue,
        tokens=tokens,
        lectures=lectures,
        redis_ready=redis.ready,
        sql_ready=sql.ready,
        relay_ready=has_relay,
        clock=clock,
        turn=turn,
        media=MediaEndpoints(
            broadcasts, RoomTokens(_jwt_secret(settings)), clock, _ice_servers(turn)
        ),
        relay_figures=relay_figures,
    )
    return http, socket_side


async def _relay_figures(registry: Registry, relays: RelayClient) -> dict[str, dict[str, int]]:
    """Return the counters of every relay that answers."""
    nodes = [node.id for node in await registry.alive("relay")]
    answers = await asyncio.gather(*(relays.count(node) for node in nodes), return_exceptions=True)
    pairs = zip(nodes, answers, strict=True)
    return {node: found for node, found in pairs if not isinstance(found, BaseException)}


def _ice_servers(turn: TurnServers | None) -> IceServers | None:
    """Return who gives broadcasting programs and players their TURN servers."""
    if turn is None:
        return None
    return lambda room, identity: turn.issue(room, identity).entries()


def _api_info(node: NodeId) -> NodeInfo:
    return NodeInfo(node, "api", "", load=0.0, capacity=1.0)


async def run_relay(settings: Settings, index: int) -> None:
    """Forward media on UDP port ``media_port + index`` until SIGTERM or SIGINT."""
    clock = SystemClock()
    node = new_node_id("relay")
    config = RelayConfig(
        bind_host=settings.media_bind_host,
        bind_port=settings.media_port + index,
        public_hosts=settings.media_host,
        max_peers=settings.max_peers,
    )
    async with contextlib.AsyncExitStack() as stack:
        redis = await _entered(stack, Redis(_redis_url(settings)))
        bus = await _entered(stack, CommandBus(redis, node, clock))
        reports = await _entered(stack, Reports(redis))
        relay = RelayService(config, bus, clock, reports.notice)
        try:
            await _entered(stack, relay)
        except OSError as error:
            where = f"UDP port {config.bind_port} of {config.bind_host}"
            raise SettingsError(
                [f"LECTERN_MEDIA_PORT: cannot listen on {where} ({error.strerror})"]
            ) from None
        address = f"{config.public_hosts[0]}:{relay.port}"

        def describe() -> NodeInfo:
            return NodeInfo(node, "relay", address, load=relay.load(), capacity=1.0)

        await _entered(stack, Heartbeat(Registry(redis), describe))
        garbage.set_aside()
        await _signalled()


async def run_turn(settings: Settings) -> None:
    """Run and watch one coturn until SIGTERM or SIGINT; then leave the registry, save, end it."""
    clock = SystemClock()
    config = _turn_config(settings)
    child = Child("coturn", lambda: coturn.command(config), {})
    async with contextlib.AsyncExitStack() as stack:
        redis = await _entered(stack, Redis(_redis_url(settings)))
        role = TurnRole(config, TurnStore(redis), child, clock, metrics.REGISTRY)
        try:
            await _entered(stack, role)
        except OSError as error:
            port = f"TCP port {config.rest_port} of {config.rest_host}"
            raise SettingsError(
                [f"LECTERN_TURN_METRICS_PORT: cannot listen on {port} ({error.strerror})"]
            ) from None
        await _signalled()


def _turn_config(settings: Settings) -> TurnConfig:
    executable = shutil.which("turnserver")
    if executable is None:
        raise SettingsError(
            ["LECTERN_TURN=on needs coturn: there is no turnserver on PATH (apt install coturn)"]
        )
    folder = DataFolder(settings.data_dir)
    folder.prepare()
    host = settings.turn_address
    return TurnConfig(
        folder=folder.path.absolute() / f"turn-{settings.turn_port}",
        executable=executable,
        host=host,
        name=settings.turn_tls_name or host,
        bind=settings.turn_bind or host,
        port=settings.turn_port,
        tls_port=settings.turn_tls_port,
        certificate=settings.turn_tls_cert and settings.turn_tls_cert.absolute(),
        key=settings.turn_tls_key and settings.turn_tls_key.absolute(),
        relay_ports=(settings.turn_first_port, settings.turn_last_port),
        peers=settings.turn_peers or settings.media_host,
        region=settings.turn_region,
        interface=settings.turn_interface,
        capacity_bps=settings.turn_capacity_mbps * 1_000_000,
        user_quota=settings.turn_user_quota,
        total_quota=settings.turn_last_port - settings.turn_first_port + 1,
        session_bytes_per_second=settings.turn_session_kbps * 1000 // 8,
        rest_host=settings.host,
        rest_port=settings.turn_metrics_port,
        credential_seconds=settings.turn_credential_seconds,
        secret_seconds=settings.turn_secret_seconds,
        long_term=settings.turn_users == "turnadmin",
    )


async def _signalled() -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()


class _Part(Protocol):
    async def open(self) -> None: ...
    async def close(self) -> None: ...


P = TypeVar("P", bound=_Part)


async def _entered(stack: contextlib.AsyncExitStack, part: P) -> P:
    """Open a part and have it closed in the reverse order."""
    stack.push_async_callback(part.close)
    await part.open()
    return part


def _redis_url(settings: Settings) -> str:
    if settings.redis_url is None:
        raise SettingsError(
            ["REDIS_URL must be set: only `python -m app serve` brings a Redis of its own"]
        )
    return settings.redis_url


def _jwt_secret(settings: Settings) -> str:
    if settings.jwt_secret_key is not None:
        return settings.jwt_secret_key.get_secret_value()
    return DataFolder(settings.data_dir).secret("jwt-secret")


def _service_token(settings: Settings) -> str | None:
    if settings.service_token is not None:
        return settings.service_token.get_secret_value()
    if settings.is_production:
        return None
    return DataFolder(settings.data_dir).secret("service-token")
