"""Relay processes as an operator starts them, some in a network namespace, and a room's clients."""

import asyncio
import subprocess
import sys
from pathlib import Path

from app.cluster.commands import CommandBus
from app.cluster.registry import Registry
from app.core.clock import Clock, SystemClock
from app.core.ids import Email, LectureId, NodeId, RoomId, new_peer_id
from app.relay.client import RelayClient
from app.relay.messages import OpenPeer
from app.rooms.store import RoomStore
from app.store.redis import Redis
from bench.client.dtls import Certificate, make_certificate
from bench.clients import Publisher
from bench.delay import Delays
from bench.ports import free_port
from bench.receiver import Receiver
from tests.integration.serve.conftest import ROOT, clean_environment
from tests.integration.turn.namespaces import Namespace

ROOM = RoomId("004217")
START_SECONDS = 40.0


class RelayProcess:
    """One relay, reached at ``host``; within ``inside`` if that is given."""

    def __init__(
        self, redis_url: str, host: str, folder: Path, inside: Namespace | None = None
    ) -> None:
        self.host = host
        self.port = free_port()
        self.node = NodeId("")
        command = [sys.executable, "-m", "app", "relay"]
        folder.mkdir()
        self._log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            inside.command(*command) if inside is not None else command,
            cwd=ROOT,
            env=clean_environment(
                REDIS_URL=redis_url,
                LECTERN_MEDIA_HOST=host,
                LECTERN_MEDIA_BIND=host,
                LECTERN_MEDIA_PORT=str(self.port),
                LECTERN_DATA_DIR=str(folder),
            ),
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def kill(self) -> None:
        """End it as a power cut would. (``ip netns exec`` becomes the program it starts.)"""
        self.process.kill()
        self.process.wait(timeout=10)

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
        self._log.close()


class Hall:
    """A live room in Redis, its relays, one publisher and many listeners."""

    def __init__(self, redis_url: str) -> None:
        self.redis = Redis(redis_url)
        self.clock: Clock = SystemClock()
        self._bus = CommandBus(self.redis, NodeId("api-test"), self.clock)
        self.registry = Registry(self.redis)
        self.client = RelayClient(self._bus)
        self.rooms = RoomStore(self.redis)
        self.certificate = make_certificate()
        self.publisher = Publisher(self.certificate, self.clock)
        self.listeners: list[Listener] = []

    async def open(self, relays: list[RelayProcess]) -> None:
        await self.redis.open()
        await self._bus.open()
        async with asyncio.timeout(START_SECONDS):
            while True:
                alive = {node.address: node.id for node in await self.registry.alive("relay")}
                for relay in relays:
                    relay.node = alive.get(f"{relay.host}:{relay.port}", NodeId(""))
                if all(relay.node for relay in relays):
                    return
                await asyncio.sleep(0.1)

    async def begin(self, first: RelayProcess, seen: tuple[int, NodeId | None] = (0, None)) -> None:
        """Have the presenter publish at ``first``, and the room be live there."""
        command = OpenPeer(
            room=ROOM,
            peer=new_peer_id(first.node),
            role="presenter",
            sdp=self.publisher.offer,
            epoch=seen[0] + 1,
        )
        answer = await self.client.open(first.node, command)
        claim = await self.rooms.claim(
            ROOM,
            LectureId("0" * 32),
            Email("ada@example.org"),
            "api-test/tab",
            60.0,
            seen=seen,
            relay=first.node,
        )
        assert claim is not None
        await self.publisher.connect(answer.sdp)

    def renew_publisher(self) -> None:
        """Give the presenter a new peer connection."""
        self.publisher.close()
        self.publisher = Publisher(self.certificate, self.clock)

    async def listen(self, relay: RelayProcess) -> "Listener":
        """Let one more listener in at ``relay``."""
        one = Listener(self.certificate, self.clock, relay)
        self.listeners.append(one)
        command = OpenPeer(room=ROOM, peer=one.ident, role="participant", sdp=one.offer)
        answer = await self.client.open(relay.node, command)
        await one.connect(answer.sdp)
        return one

    async def leave(self, one: "Listener") -> None:
        self.listeners.remove(one)
        one.close()
        await self.client.close_peer(one.relay.node, ROOM, one.ident)

    async def count(self, relay: RelayProcess) -> dict[str, int]:
        return await self.client.count(relay.node)

    async def close(self) -> None:
        for one in self.listeners:
            one.close()
        self.publisher.close()
        await self._bus.close()
        await self.redis.close()


class Listener(Receiver):
    """A receiver that opens and checks whatever comes."""

    def __init__(self, certificate: Certificate, clock: Clock, relay: RelayProcess) -> None:
        super().__init__(certificate, clock, Delays())
        self.relay = relay
        self.ident = new_peer_id(relay.node)
