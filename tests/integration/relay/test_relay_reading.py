"""Publishers' sockets beside the main one, on real sockets: who gets what, and in which turn."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager

import pytest
import uvloop

from app.core.clock import SystemClock
from app.relay.core.media import Address
from app.relay.publisher_sockets import PublisherSockets, bind_beside, connect, is_able
from app.relay.reading import HASTE_SECONDS, STEADY_WAKES, OwnSocket
from app.relay.udp import UdpEndpoint

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has such sockets")

HOSTS = [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("::", "::1")]
BATCH = 16
MEDIA_SECONDS = 0.005


class Rig:
    """An endpoint whose publishers are whom a test says."""

    def __init__(self, host: str = "127.0.0.1", limit: int = 8) -> None:
        self.batches: list[list[tuple[bytes, Address]]] = []
        self.sources: set[Address] = set()
        self.endpoint = UdpEndpoint(SystemClock(), self._receive, BATCH, 1.0, 256 * 1024)
        self.endpoint.open(host, 0)
        self.reading = self.endpoint.reading
        self.publishers = PublisherSockets(self.reading, lambda: set(self.sources), limit)
        self.publishers.open()

    def _receive(self, batch: list[tuple[memoryview, Address]]) -> None:
        self.batches.append([(bytes(data), address) for data, address in batch])

    @property
    def received(self) -> list[tuple[bytes, Address]]:
        return [one for batch in self.batches for one in batch]

    @property
    def own(self) -> int:
        return self.endpoint.counters()["udp_own_sockets"]

    def publish(self, *clients: socket.socket) -> None:
        """Let these clients, and no others, be publishers."""
        self.sources = {address_of(client) for client in clients}
        self.publishers.follow()

    @asynccontextmanager
    async def media(self, *clients: socket.socket) -> AsyncIterator[None]:
        """Let publishers send steadily meanwhile, and wait until the main socket is gathered."""
        self.publish(*clients)

        async def send() -> None:
            while True:
                for client in clients:
                    client.send(b"media")
                await asyncio.sleep(MEDIA_SECONDS)

        task = asyncio.create_task(send())
        try:
            await until(lambda: self.reading.is_gathering)
            yield
        finally:
            task.cancel()


def address_of(client: socket.socket) -> Address:
    host, port = client.getsockname()[:2]
    return (host, port)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


@pytest.fixture
def sockets() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def client(sockets: ExitStack, port: int, host: str = "127.0.0.1") -> socket.socket:
    """Return a client's socket that sends to ``port``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = sockets.enter_context(socket.socket(family, socket.SOCK_DGRAM))
    made.bind((host, 0))
    made.connect((host, port))
    return made


@pytest.mark.parametrize(("host", "theirs"), HOSTS)
async def test_nothing_is_lost_when_sockets_come_and_go_under_traffic(
    sockets: ExitStack, host: str, theirs: str
) -> None:
    rig = Rig(host)
    clients = [client(sockets, rig.endpoint.port, theirs) for _ in range(6)]
    sent: dict[Address, list[bytes]] = {address_of(one): [] for one in clients}

    def send(number: int) -> None:
        for one in clients:
            data = b"%d" % number
            one.send(data)
            sent[address_of(one)].append(data)

    for number in range(60):
        send(number)
        rig.publish(*clients[: number % 5])
        send(number)
        if number % 3 == 0:
            await asyncio.sleep(0)
    expected = sum(map(len, sent.values()))
    await until(lambda: len(rig.received) >= expected)
    for one in clients:
        address = address_of(one)
        came = [data for data, source in rig.received if source == address]
        assert sorted(came) == sorted(sent[address])
    rig.publish()
    await until(lambda: rig.own == 0)
    assert len(rig.received) == expected
    rig.endpoint.close()


@pytest.mark.parametrize(("host", "theirs"), HOSTS)
async def test_what_comes_before_a_socket_is_connected_keeps_its_source(
    sockets: ExitStack, host: str, theirs: str
) -> None:
    rig = Rig(host)
    publisher = client(sockets, rig.endpoint.port, theirs)
    strangers = [client(sockets, rig.endpoint.port, theirs) for _ in range(20)]
    main = rig.reading.main
    assert main is not None
    made = bind_beside(main)
    for stranger in strangers:
        stranger.send(b"stranger")
    own = connect(made, address_of(publisher))
    assert own.poll(0)  # some of them are in it
    rig.reading.add(own)
    await until(lambda: len(rig.received) == len(strangers))
    assert {source for _, source in rig.received} == set(map(address_of, strangers))
    for _ in range(2 * STEADY_WAKES):
        publisher.send(b"media")
        strangers[0].send(b"stranger")
        await until(lambda: rig.received[-1][0] == b"media")
    await until(lambda: len(rig.received) == len(strangers) + 4 * STEADY_WAKES)
    rig.endpoint.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
async def test_a_second_relay_on_the_port_is_told_so(sockets: ExitStack, host: str) -> None:
    rig = Rig(host)
    publisher = client(sockets, rig.endpoint.port)
    second = UdpEndpoint(SystemClock(), lambda batch: None, 4, 1.0, 65_536)
    for sources in ([], [publisher]):
        rig.publish(*sources)
        with pytest.raises(OSError, match="in use"):
            second.open(host, rig.endpoint.port)
    rig.endpoint.close()
    second.open(host, rig.endpoint.port)
    second.close()


async def test_what_others_send_is_read_along_with_media(sockets: ExitStack) -> None:
    rig = Rig()
    publisher = client(sockets, rig.endpoint.port)
    others = [client(sockets, rig.endpoint.port) for _ in range(4)]
    async with rig.media(publisher):
        rig.batches.clear()
        for number in range(50):
            for other in others:
                other.send(b"%d" % number)
            await asyncio.sleep(0.001)
        await until(lambda: sum(data != b"media" for data, _ in rig.received) == 200)
        assert rig.reading.is_gathering
    mixed = [batch for batch in rig.batches if {data for data, _ in batch} > {b"media"}]
    assert mixed
    assert all(batch[-1][0] == b"media" for batch in mixed)  # older things first
    assert max(map(len, rig.batches)) <= BATCH
    rig.endpoint.close()


async def test_without_media_everything_is_read_at_once(sockets: ExitStack) -> None:
    rig = Rig()
    publisher, other = (client(sockets, rig.endpoint.port) for _ in range(2))
    async with rig.media(publisher):
        pass
    await until(lambda: not rig.reading.is_gathering)
    gathered = rig.reading.gathered
    other.send(b"other")
    await until(lambda: rig.received[-1][0] == b"other")
    assert rig.reading.gathered == gathered
    for _ in range(STEADY_WAKES // 2):  # a packet now and then is not steady media
        publisher.send(b"media")
        await asyncio.sleep(0.07)
    assert not rig.reading.is_gathering
    rig.endpoint.close()


async def test_while_somebody_connects_everything_is_read_at_once(sockets: ExitStack) -> None:
    rig = Rig()
    publisher = client(sockets, rig.endpoint.port)
    async with rig.media(publisher):
        rig.reading.hasten()
        assert not rig.reading.is_gathering
        start = asyncio.get_running_loop().time()
        await until(lambda: rig.reading.is_gathering)
        assert asyncio.get_running_loop().time() - start >= HASTE_SECONDS - 0.01
    rig.endpoint.close()


async def test_a_flood_and_media_take_turns(sockets: ExitStack) -> None:
    rig = Rig()
    publisher, flood = (client(sockets, rig.endpoint.port) for _ in range(2))
    async with rig.media(publisher):
        for number in range(20):
            for _ in range(6 * BATCH):  # more than is read meanwhile
                flood.send(b"flood")
            rig.batches.clear()
            wanted = b"wanted %d" % number
            publisher.send(wanted)
            await until(lambda wanted=wanted: wanted in [data for data, _ in rig.received])
            order = [data for data, _ in rig.received]
            assert order[: order.index(wanted)].count(b"flood") <= 2 * BATCH
            assert max(map(len, rig.batches)) <= BATCH
    # and the other way round: a publisher that sends without end does not silence the others
    rig.batches.clear()
    for _ in range(20 * BATCH):
        publisher.send(b"media")
    flood.send(b"other")
    await until(lambda: b"other" in [data for data, _ in rig.received])
    before = [data for data, _ in rig.received].index(b"other")
    assert before <= 4 * BATCH
    rig.endpoint.close()


async def test_a_publisher_without_a_socket_of_its_own_waits_for_nobody(
    sockets: ExitStack,
) -> None:
    rig = Rig(limit=1)
    first, second = (client(sockets, rig.endpoint.port) for _ in range(2))
    async with rig.media(first):
        rig.publish(first, second)
        assert rig.own == 1
        assert not rig.reading.is_gathering
        second.send(b"second")
        await until(lambda: (b"second", address_of(second)) in rig.received)
        await asyncio.sleep(2 * STEADY_WAKES * MEDIA_SECONDS)
        assert not rig.reading.is_gathering
        rig.publish(first)
        await until(lambda: rig.reading.is_gathering)
    rig.endpoint.close()


async def test_a_socket_by_which_nothing_comes_is_not_relied_on(sockets: ExitStack) -> None:
    rig = Rig()
    first, deaf = (client(sockets, rig.endpoint.port) for _ in range(2))
    async with rig.media(first):
        rig.publish(first, deaf)
        await asyncio.sleep(2 * STEADY_WAKES * MEDIA_SECONDS)
        assert not rig.reading.is_gathering
        deaf.send(b"media")
        await until(lambda: rig.reading.is_gathering)
    rig.endpoint.close()


@pytest.mark.parametrize(
    ("system", "release", "able"),
    [
        ("linux", "6.18.4-generic", True),
        ("linux", "5.5.0", True),
        ("linux", "5.4.0-190-generic", False),
        ("linux", "4.4.0", False),
        ("darwin", "23.1.0", False),
    ],
)
def test_systems_that_are_able(system: str, release: str, able: bool) -> None:
    assert is_able(system, release) is able


async def test_elsewhere_everything_comes_by_one_socket(
    sockets: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.relay.publisher_sockets.is_able", lambda system, release: False)
    rig = Rig()
    await _served_by_one_socket(rig, sockets)


async def test_a_kernel_that_refuses_is_asked_once(
    sockets: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Address] = []

    def refuse(sock: socket.socket, address: Address) -> OwnSocket:
        asked.append(address)
        sock.close()
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("app.relay.publisher_sockets.connect", refuse)
    rig = Rig()
    await _served_by_one_socket(rig, sockets)
    assert len(asked) == 1


async def _served_by_one_socket(rig: Rig, sockets: ExitStack) -> None:
    publisher = client(sockets, rig.endpoint.port)
    for _ in range(3 * STEADY_WAKES):
        rig.publish(publisher)
        publisher.send(b"media")
        await asyncio.sleep(0.001)
    await until(lambda: len(rig.received) == 3 * STEADY_WAKES)
    assert (rig.own, rig.reading.gathered) == (0, 0)
    rig.endpoint.close()


def _in(loop: str) -> asyncio.Runner:
    return asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_an_icmp_error_is_counted_and_deafens_nobody(sockets: ExitStack, loop: str) -> None:
    async def run() -> None:
        rig = Rig()
        gone = client(sockets, rig.endpoint.port)
        address = address_of(gone)
        rig.publish(gone)
        gone.send(b"media")
        await until(lambda: len(rig.received) == 1)
        gone.close()
        for count in range(1, 4):
            assert rig.endpoint.sender.one(memoryview(b"x"), 1, address) == 1
            await until(lambda wanted=count: rig.endpoint.reader.receive_errors == wanted)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
            back.bind(address)
            back.sendto(b"again", ("127.0.0.1", rig.endpoint.port))
            await until(lambda: rig.received[-1] == (b"again", address))
        rig.endpoint.close()

    with _in(loop) as runner:
        runner.run(run())


async def test_closing_frees_every_socket(sockets: ExitStack) -> None:
    rig = Rig()
    clients = [client(sockets, rig.endpoint.port) for _ in range(5)]
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    rig.publish(*clients)
    rig.publish(*clients[:2])
    assert rig.own == 5  # those that were given up are emptied first
    rig.endpoint.close()
    rig.endpoint.close()
    assert len(os.listdir("/proc/self/fd")) == before - 1  # noqa: PTH208
    rig.publish(*clients)
    assert rig.own == 0
