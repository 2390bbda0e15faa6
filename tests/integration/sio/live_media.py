"""A live lecture whose media is real: an api process' socket side, a relay, its clients."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from app.core.clock import SystemClock
from app.core.ids import RoomId
from app.lecture.model import LectureConfig
from app.relay.client import RelayClient
from app.relay.config import RelayConfig
from app.relay.reports import Reports
from app.relay.service import RelayService
from app.store.redis import Redis
from app.store.sql import Sql
from app.transport.sio.config import SioConfig
from tests.integration.relay.clients import DirectBus
from tests.integration.relay.network import Network
from tests.integration.relay.repairing import Answerer, Receiver, Sender
from tests.integration.sio.conftest import OWNER, STRANGER, STUDENT, Client, Stack, running


@dataclass
class Lecture:
    """A presenter and two participants, on sockets and with media."""

    process: Stack
    room: RoomId
    service: RelayService
    host: Client
    weak: Client
    strong: Client
    sender: Sender
    receivers: tuple[Receiver, Receiver]
    network: Network
    """The weak one's."""

    async def ask(self, client: Client, event: str, **data: Any) -> Any:
        return await client.ask("/lecture", event, {"roomId": self.room, **data})


def offered(client: Client, namespace: str, event: str, room: RoomId) -> Answerer:
    async def answer(sdp: str) -> str:
        data = {"roomId": room, "SDP": {"type": "offer", "sdp": sdp}}
        reply = await client.ask(namespace, event, data)
        assert reply["ok"], reply
        return str((await client.event("serverAnswer"))["SDP"]["sdp"])

    return answer


@contextlib.asynccontextmanager
async def live_lecture(
    redis_url: str,
    sql: Sql,
    sio_config: SioConfig,
    lecture_config: LectureConfig,
    receiver: type[Receiver] = Receiver,
) -> AsyncIterator[Lecture]:
    """Run all of it; ``receiver`` is what participants receive by."""
    async with contextlib.AsyncExitStack() as stack:
        redis = Redis(redis_url)
        await redis.open()
        stack.push_async_callback(redis.close)
        reports = Reports(redis)
        await reports.open()
        stack.push_async_callback(reports.close)
        bus = DirectBus()
        service = RelayService(RelayConfig(bind_port=0), bus, SystemClock(), reports.notice)
        await service.open()
        stack.push_async_callback(service.close)
        client = RelayClient(bus)
        process = await stack.enter_async_context(
            running(redis_url, sql, "api-one", sio_config, lecture_config, client)
        )
        yield await begin(process, service, stack, receiver)
        assert service.stats()["errors"] == 0


async def begin(
    process: Stack,
    service: RelayService,
    stack: contextlib.AsyncExitStack,
    receiver: type[Receiver],
) -> Lecture:
    room = await process.room()
    target = ("127.0.0.1", service.port)
    networks = [await stack.enter_async_context(Network(target, seed)) for seed in range(3)]
    host, *members = (process.client() for _ in range(3))
    await host.join("/create-room", process.token(OWNER))
    sender = Sender(offered(host, "/create-room", "presenterOffer", room), frame=(1_150,) * 5)
    stack.callback(sender.close)
    await sender.come(networks[0])
    await host.join("/lecture", process.token(OWNER))
    await host.event("state")
    receivers = []
    for member, email, network in zip(members, (STUDENT, STRANGER), networks[1:], strict=True):
        await member.join("/enter-room", process.token(email))
        one = receiver(offered(member, "/enter-room", "studentOffer", room))
        stack.callback(one.close)
        await one.come(network)
        await member.join("/lecture", process.token(email))
        await member.event("state")
        receivers.append(one)
    weak, strong = receivers
    return Lecture(
        process, room, service, host, members[0], members[1], sender, (weak, strong), networks[1]
    )


@contextlib.asynccontextmanager
async def playing(sender: Sender) -> AsyncIterator[None]:
    task = asyncio.create_task(sender.play(120.0))
    try:
        yield
    finally:
        task.cancel()
