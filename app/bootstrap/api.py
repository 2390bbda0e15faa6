"""Puts an api process together: REST, Socket.IO and the pages."""

import asyncio
import contextlib
from typing import Any

import structlog
import uvicorn

from app.auth.accounts import Accounts
from app.auth.attempts import AttemptLimits
from app.auth.passwords import Passwords
from app.auth.room_tokens import RoomTokens
from app.auth.shared_attempts import SIGN_UP_LIMITS, SharedAttempts
from app.auth.tokens import UserTokens
from app.bootstrap.archive import api_archive
from app.bootstrap.feed import feed
from app.bootstrap.foundation import Foundation, foundation
from app.bootstrap.process import entered, on_signals
from app.bootstrap.recording import api_recording, media_origins
from app.bootstrap.registration import home_of
from app.bootstrap.secrets import jwt_secret, service_token
from app.bootstrap.server import Server
from app.bootstrap.service_api import service_api
from app.cluster.registry import Registry
from app.core import garbage, metrics
from app.core.clock import SystemClock
from app.core.ids import NodeId
from app.core.limits import allow_more_files
from app.core.tasks import Tasks
from app.lecture.admission import Admissions
from app.lecture.broadcast import Broadcasts
from app.lecture.captions import Captions
from app.lecture.copying import Copying
from app.lecture.ending import Endings
from app.lecture.floor import Floor
from app.lecture.keeper import Keeper
from app.lecture.media import Media
from app.lecture.model import LectureConfig
from app.lecture.relay_watch import RelayWatch
from app.lecture.service import Lectures
from app.questions.model import QuestionConfig
from app.questions.service import Questions
from app.questions.store import RedisQuestionStore
from app.relay.client import RelayClient
from app.rooms.catalogue import Catalogue
from app.rooms.copies import Copies
from app.rooms.floor import FloorStore
from app.rooms.guests import Guests
from app.rooms.overview import Overview
from app.rooms.presence import Presence
from app.rooms.roster import Roster
from app.rooms.sessions import SessionStore
from app.rooms.store import RoomStore
from app.settings import Settings
from app.transport.http.app import create_http
from app.transport.http.config import HttpConfig
from app.transport.http.feed_routes import feed_routes
from app.transport.http.operator_routes import OperatorPort, operator_routes
from app.transport.http.recording_routes import recording_routes
from app.transport.http.whip import IceServers, MediaEndpoints
from app.transport.sio.captions import RecordDesk
from app.transport.sio.config import SioConfig
from app.transport.sio.frames import LeanWebSocket
from app.transport.sio.service import SioServer
from app.transport.turnstile import Turnstile
from app.turn.service import TurnServers
from app.turn.store import TurnStore
from app.whiteboard.service import Boards
from app.whiteboard.store import RedisBoardStore

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 5
"""How long requests that are being answered may take when the api ends."""

LISTEN_BACKLOG = 4096
"""Connections that may wait to be accepted: a class that reconnects at once."""


async def run_api(settings: Settings) -> None:
    """Serve REST, Socket.IO and the pages until SIGTERM or SIGINT."""
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        base = await foundation(settings, clock, stack)
        app, socket_side = await _api(base, stack)
        config = uvicorn.Config(
            Turnstile(socket_side.asgi(app)),
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
        server = Server(config, lambda: _listens(base), socket_side.close)
        tasks = Tasks("api")
        stack.push_async_callback(tasks.close)
        on_signals(base.drain.ask)
        _ = tasks.start("drain", lambda: _drained(base, server))
        await server.serve()


def _listens(base: Foundation) -> None:
    base.condition.opened()
    base.heartbeat.changed()


async def _drained(base: Foundation, server: Server) -> None:
    """End when asked to: first nobody is sent here any more, then everybody is sent away."""
    await base.drain.asked()
    base.condition.drain()
    _ = await base.heartbeat.beat()
    server.ask_to_stop()


async def _api(base: Foundation, stack: contextlib.AsyncExitStack) -> tuple[Any, SioServer]:
    settings, clock = base.settings, base.clock
    node, redis, sql, registry = base.node, base.redis, base.sql, base.registry
    lecture_config = LectureConfig(grace_seconds=settings.presenter_grace_seconds)
    tokens = UserTokens(jwt_secret(settings))
    passwords = Passwords()
    stack.callback(passwords.close)
    accounts, catalogue = Accounts(sql, passwords, clock), Catalogue(sql, clock)

    rooms, presence = RoomStore(redis), Presence()
    metrics.ROOMS.set_function(lambda: len(presence.held()))
    relay_client = RelayClient(base.bus)
    media = Media(registry, relay_client, base.scheduler, base.clock, home_of(settings))
    stack.push_async_callback(media.close)
    told = await feed(base, stack)
    endings = Endings(rooms, catalogue, media, told.forwarder.bring)
    boards = Boards(RedisBoardStore(redis))
    limits = QuestionConfig(claim_seconds=settings.claim_seconds)
    questions = Questions(RedisQuestionStore(redis, limits))
    stack.push_async_callback(questions.close)
    recording = await api_recording(base, stack)
    archive = await api_archive(base, recording.recordings, stack)
    lectures = Lectures(
        rooms,
        boards,
        presence,
        media,
        endings,
        catalogue,
        node,
        lecture_config,
        Admissions(Roster(redis), rooms, registry, media, node, told.announcer),
        recordings=recording.recordings,
    )
    broadcasts = Broadcasts(rooms, SessionStore(redis), media, endings, catalogue, lecture_config)
    await entered(stack, broadcasts)
    copies = Copies(redis)
    copying = await entered(stack, Copying(copies, presence, base.fanout, clock))
    keeper = Keeper(rooms, presence, endings, node, clock, lecture_config, copies, copying)
    await entered(stack, keeper)
    await entered(stack, RelayWatch(rooms, presence, media, registry, base.scheduler, clock))

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
            jwt_secret(settings),
            settings.turn_region,
            settings.turn_credential_seconds,
            clock,
        )
        await entered(stack, turn)
    api = service_api(base, rooms, media, lectures, catalogue, turn, told.webhooks)
    socket_side = SioServer(
        SioConfig(cors_origins=settings.origins),
        lectures,
        boards,
        questions,
        base.fanout,
        tokens,
        clock,
        guests,
        turn=turn,
        floor=Floor(rooms, FloorStore(redis), media),
        record_desk=RecordDesk(Captions(redis), archive.attendance),
        office=api.office,
        house=api.house,
    )
    api.orders.serve(socket_side)
    await entered(stack, socket_side)
    most = SioConfig().max_connections
    base.condition.measured_by(lambda: socket_side.connections / most)
    sign_ins = SharedAttempts(redis, "sign-in", clock, AttemptLimits())
    http = create_http(
        HttpConfig(
            allowed_origins=settings.origins,
            web_dist=settings.web_dir,
            media_origins=media_origins(settings),
            service_token=service_token(settings),
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
            broadcasts, RoomTokens(jwt_secret(settings)), clock, _ice_servers(turn)
        ),
        relay_figures=relay_figures,
        more=lambda callers: [
            operator_routes(OperatorPort(registry, Overview(redis), clock), callers),
            feed_routes(told.stream, told.webhooks, callers),
            recording_routes(recording.recordings, callers, recording.files),
            *archive.routes(callers, accounts, sign_ins),
            *api.routers,
        ],
        wishes=recording.recordings if recording.is_on else None,
        states=archive.states,
        sign_ins=sign_ins,
        sign_ups=SharedAttempts(redis, "sign-up", clock, SIGN_UP_LIMITS),
    )
    return http, socket_side


async def _relay_figures(registry: Registry, relays: RelayClient) -> dict[str, dict[str, int]]:
    """Return the counters of every relay that answers, and how full it says it is."""
    nodes = await registry.alive("relay")
    answers = await asyncio.gather(
        *(relays.count(node.id) for node in nodes), return_exceptions=True
    )
    return {
        node.id: {
            **found,
            "load_percent": round(100 * node.share),
            "takes_rooms": int(node.is_available),
        }
        for node, found in zip(nodes, answers, strict=True)
        if not isinstance(found, BaseException)
    }


def _ice_servers(turn: TurnServers | None) -> IceServers | None:
    """Return who gives broadcasting programs and players their TURN servers."""
    if turn is None:
        return None
    return lambda room, identity: turn.issue(room, identity).entries()
