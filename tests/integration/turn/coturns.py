"""A real coturn with its monitor in this process, on free ports, and clients that allocate."""

import asyncio
import shutil
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aioice import stun, turn
from prometheus_client import CollectorRegistry

from app.child import Child
from app.core.clock import SystemClock
from app.store.redis import Redis
from app.turn import coturn
from app.turn.assembly import TurnRole, read_network
from app.turn.config import TurnConfig
from app.turn.credentials import Credential
from app.turn.service import TurnServers
from app.turn.store import TurnStore
from bench.ports import free_port, free_range

KEY = "the key that pseudonyms are made with"
HOST = "127.0.0.1"
RELAY_PORTS = 61
TURNSERVER = shutil.which("turnserver") or "turnserver"


class ShiftedClock(SystemClock):
    """The real clock; the test may let its date jump forward."""

    def __init__(self) -> None:
        self.shift = 0.0

    def wall(self) -> float:
        return super().wall() + self.shift


def turn_config(folder: Path, **changes: Any) -> TurnConfig:
    first = free_range(RELAY_PORTS)
    values: dict[str, Any] = {
        "folder": folder,
        "executable": TURNSERVER,
        "host": HOST,
        "name": "localhost",
        "bind": HOST,
        "port": free_port(),
        "tls_port": free_port(),
        "certificate": None,
        "key": None,
        "relay_ports": (first, first + RELAY_PORTS - 1),
        "peers": (HOST,),
        "rest_port": free_port(),
    }
    return TurnConfig(**(values | changes))


class Coturn:
    """One server: its monitor, opened, in this process."""

    def __init__(
        self,
        config: TurnConfig,
        redis: Redis,
        clock: SystemClock,
        network: Callable[[], str] = read_network,
    ) -> None:
        self.config = config
        self.clock = clock
        self.store = TurnStore(redis)
        self.child = Child("coturn", lambda: coturn.command(config), {})
        self.role = TurnRole(config, self.store, self.child, clock, CollectorRegistry(), network)
        self.servers = TurnServers(self.store, KEY, config.region, config.credential_seconds, clock)

    async def open(self) -> None:
        await self.role.open()
        await self.until_offered()

    async def until_offered(self, within: float = 15.0) -> None:
        await eventually(self.is_offered, within)

    async def is_offered(self) -> bool:
        return any(server.id == self.config.id for server in await self.store.alive())

    async def close(self) -> None:
        await self.servers.close()
        await self.role.close()

    @property
    def pid(self) -> int:
        assert self.child._process is not None
        return self.child._process.pid

    async def issue(self, identity: str = "ada@example.org", room: str = "004217") -> Credential:
        """Return a fresh credential for one person."""
        await self.servers.look()
        issued = self.servers.issue(room, identity)
        return next(s.credential for s in issued.servers if s.server == self.config.id)

    def figures(self) -> dict[str, float]:
        """Return what /metrics answers."""
        with urllib.request.urlopen(f"http://{HOST}:{self.config.rest_port}/metrics") as answer:
            text = answer.read().decode()
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in lines}


async def eventually(holds: Any, within: float = 5.0) -> float:
    """Wait until the coroutine function ``holds`` says so; return the seconds that it took."""
    began = time.monotonic()
    async with asyncio.timeout(within):
        while not await holds():
            await asyncio.sleep(0.05)
    return time.monotonic() - began


class Echo(asyncio.DatagramProtocol):
    """A peer that sends everything back."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.heard = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard += 1
        self.transport.sendto(data, addr)

    @property
    def address(self) -> tuple[str, int]:
        name = self.transport.get_extra_info("sockname")
        return (name[0], name[1])


class Received(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.data: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.data.put_nowait(data)


class Allocation:
    """One client's allocation."""

    def __init__(self, transport: Any, received: Received) -> None:
        self.transport = transport
        self.received = received

    @property
    def client(self) -> Any:
        return self.transport._TurnTransport__inner_protocol

    async def echo(self, peer: tuple[str, int], data: bytes, within: float = 3.0) -> None:
        """Send, and wait for it to come back."""
        self.transport.sendto(data, peer)
        got = await asyncio.wait_for(self.received.data.get(), within)
        assert got == data

    async def refusal_of(self, host: str) -> int | None:
        """Return the error code with which a permission for ``host`` is refused."""
        request = stun.Message(
            message_method=stun.Method.CREATE_PERMISSION, message_class=stun.Class.REQUEST
        )
        request.attributes["XOR-PEER-ADDRESS"] = (host, 5766)
        try:
            await self.client.request_with_retry(request)
        except stun.TransactionFailed as refused:
            return refused.response.error_code
        return None

    async def close(self) -> None:
        async with asyncio.timeout(5):
            await self.client.delete()


async def allocate(
    config: TurnConfig, credential: Credential, transport: str = "udp", within: float = 5.0
) -> Allocation:
    """Open an allocation. Raises aioice.stun.TransactionFailed with the refusal."""
    async with asyncio.timeout(within):
        made, received = await turn.create_turn_endpoint(
            Received,
            server_addr=(config.host, config.port),
            username=credential.username,
            password=credential.password,
            transport=transport,
        )
    return Allocation(made, received)


async def refusal(config: TurnConfig, credential: Credential) -> int | None:
    """Return the error code with which an allocation is refused; None when it is granted."""
    try:
        made = await allocate(config, credential)
    except stun.TransactionFailed as refused:
        return refused.response.error_code
    await made.close()
    return None
