"""The relay under test: a process of its own, reached over Redis as in production."""

import asyncio
import sys
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from app.cluster.commands import CommandBus
from app.cluster.registry import Registry
from app.core.ids import NodeId, RoomId, new_node_id, new_peer_id
from app.relay.client import RelayClient
from app.relay.messages import OpenPeer
from app.store.redis import Redis
from bench.clients import Publisher
from bench.ports import free_port
from bench.process import Child, pin, start_redis
from bench.receiver import Receiver

ROOM = RoomId("424242")
START_SECONDS = 20.0


class RelayServer:
    """An async context manager: Redis and ``python -m app relay`` while it lasts."""

    name = "lectern"

    def __init__(self, folder: Path, core: int) -> None:
        self._folder = folder
        self._core = core
        self._children: list[Child] = []

    @property
    def pid(self) -> int:
        """The relay's process id."""
        return self._relay.pid

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self._stop()

    async def publish(self, publisher: Publisher) -> None:
        """Connect the presenter."""
        await publisher.connect(await self._join("presenter", publisher.offer))

    async def subscribe(self, receiver: Receiver) -> None:
        """Connect a participant."""
        await receiver.connect(await self._join("participant", receiver.offer))

    async def _join(self, role: Literal["presenter", "participant"], offer: str) -> str:
        epoch = 1 if role == "presenter" else 0
        command = OpenPeer(room=ROOM, peer=new_peer_id(), role=role, sdp=offer, epoch=epoch)
        return (await self._client.open(self._node, command)).sdp

    async def _start(self) -> None:
        redis_child, url = await start_redis(self._folder)
        self._children.append(redis_child)
        self._redis = Redis(url)
        await self._redis.open()
        self._bus = CommandBus(self._redis, new_node_id("bench"))
        await self._bus.open()
        self._client = RelayClient(self._bus)
        environment = {
            "REDIS_URL": url,
            "LECTERN_DATA_DIR": str(self._folder),
            "LECTERN_MEDIA_PORT": str(free_port()),
        }
        command = [sys.executable, "-m", "app", "relay", "--index", "0"]
        self._relay = await Child.start(command, environment, self._folder / "relay.log")
        self._children.append(self._relay)
        pin(self._relay.pid, self._core)
        self._node = await asyncio.wait_for(self._announced(), START_SECONDS)

    async def _announced(self) -> NodeId:
        registry = Registry(self._redis)
        while True:
            self._relay.check()
            found = await registry.alive("relay")
            if found:
                return found[0].id
            await asyncio.sleep(0.1)

    async def _stop(self) -> None:
        if hasattr(self, "_bus"):
            await self._bus.close()
        if hasattr(self, "_redis"):
            await self._redis.close()
        for child in reversed(self._children):
            await child.stop()
