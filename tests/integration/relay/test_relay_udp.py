"""The media socket on real sockets: bursts, batches, families, and what must not stop it."""

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest

from app.core.clock import SystemClock
from app.relay.core.media import Address
from app.relay.timers import WakeTimer
from app.relay.udp import UdpEndpoint

Batches = list[list[tuple[bytes, Address]]]


class Rig:
    def __init__(self, host: str = "127.0.0.1", batch: int = 16) -> None:
        self.batches: Batches = []
        self.fail = False
        self.endpoint = UdpEndpoint(SystemClock(), self._receive, batch, 1.0, 256 * 1024)
        self.endpoint.open(host, 0)

    def _receive(self, batch: list[tuple[memoryview, Address]]) -> None:
        self.batches.append([(bytes(data), address) for data, address in batch])
        if self.fail:
            raise RuntimeError("a defect")

    @property
    def received(self) -> list[bytes]:
        return [data for batch in self.batches for data, _ in batch]


@pytest.fixture
def far() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(2)
        yield sock


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_burst_is_one_send_of_many_datagrams(far: socket.socket) -> None:
    rig = Rig()
    data = b"".join(bytes([n]) * 100 for n in range(9)) + b"tail"
    assert rig.endpoint.sender.one(memoryview(data), 100, far.getsockname()) == 10
    received = [far.recv(2048) for _ in range(10)]
    assert received == [bytes([n]) * 100 for n in range(9)] + [b"tail"]
    assert (rig.endpoint.sender.bursts_sent, rig.endpoint.sender.singles_sent) == (1, 0)
    assert rig.endpoint.sender.one(memoryview(b"one"), 3, far.getsockname()) == 1
    assert far.recv(2048) == b"one"
    rig.endpoint.close()


async def test_a_kernel_without_segmentation_is_served_plainly(
    far: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what an old kernel answers with EINVAL
    monkeypatch.setattr("app.relay.sending.UDP_SEGMENT", 9_999)
    rig = Rig()
    for _ in range(20):
        assert rig.endpoint.sender.one(memoryview(b"aabbc"), 2, far.getsockname()) == 3
        assert [far.recv(9), far.recv(9), far.recv(9)] == [b"aa", b"bb", b"c"]
    assert rig.endpoint.sender.bursts_sent == 0
    assert not rig.endpoint.sender._is_segmenting
    rig.endpoint.close()


async def test_a_full_kernel_buffer_tells_how_many_were_taken(far: socket.socket) -> None:
    rig = Rig()

    class Full:
        """A socket whose buffer takes three datagrams."""

        def __init__(self) -> None:
            self.left = 3

        def sendmsg(self, *args: object) -> int:
            raise BlockingIOError

        def sendto(self, data: bytes, address: Address) -> int:
            if not self.left:
                raise BlockingIOError
            self.left -= 1
            return len(data)

    real, rig.endpoint.sender._socket = rig.endpoint.sender._socket, Full()
    assert rig.endpoint.sender.one(memoryview(bytes(50)), 10, far.getsockname()) == 0
    rig.endpoint.sender._is_segmenting = False
    assert rig.endpoint.sender.one(memoryview(bytes(50)), 10, far.getsockname()) == 3
    assert rig.endpoint.sender.would_block == 2
    rig.endpoint.sender._socket = real
    rig.endpoint.close()


async def test_an_unreachable_address_is_taken_and_counted() -> None:
    rig = Rig()
    assert rig.endpoint.sender.one(memoryview(b"x"), 1, ("255.255.255.255", 9)) == 1
    assert rig.endpoint.sender.one(memoryview(b"aab"), 2, ("255.255.255.255", 9)) == 2
    assert rig.endpoint.sender.send_errors == 2
    rig.endpoint.close()


async def test_a_flood_is_read_in_bounded_batches(far: socket.socket) -> None:
    rig = Rig(batch=16)
    for n in range(100):
        far.sendto(b"%d" % n, ("127.0.0.1", rig.endpoint.port))
    await until(lambda: len(rig.received) == 100)
    assert rig.received == [b"%d" % n for n in range(100)]
    assert max(len(batch) for batch in rig.batches) <= 16
    assert rig.batches[0][0][1] == far.getsockname()
    rig.endpoint.close()


async def test_expensive_datagrams_shrink_the_batch() -> None:
    rig = Rig(batch=16)
    assert rig.endpoint.reader.bound() == 16
    rig.endpoint.reader._cost = 0.1
    assert rig.endpoint.reader.bound() == 10
    rig.endpoint.reader._cost = 10.0
    assert rig.endpoint.reader.bound() == 8
    rig.endpoint.close()


async def test_an_exception_neither_stops_nor_deafens_the_socket(far: socket.socket) -> None:  # P7
    rig = Rig()
    rig.fail = True
    far.sendto(b"poison", ("127.0.0.1", rig.endpoint.port))
    await until(lambda: rig.received == [b"poison"])
    rig.fail = False
    far.sendto(b"", ("127.0.0.1", rig.endpoint.port))
    far.sendto(bytes(3_000), ("127.0.0.1", rig.endpoint.port))
    far.sendto(b"well", ("127.0.0.1", rig.endpoint.port))
    await until(lambda: rig.received == [b"poison", b"", b"well"])
    assert rig.endpoint.reader.receive_errors == 1
    assert rig.endpoint.reader.oversize == 1
    rig.endpoint.close()


async def test_one_socket_serves_both_families(far: socket.socket) -> None:
    rig = Rig(host="::")
    far.sendto(b"four", ("127.0.0.1", rig.endpoint.port))
    await until(lambda: rig.received == [b"four"])
    assert rig.batches[0][0][1] == far.getsockname()
    assert rig.endpoint.sender.one(memoryview(b"aabb"), 2, far.getsockname()) == 2
    assert far.recv(10) + far.recv(10) == b"aabb"
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
        six.settimeout(2)
        six.bind(("::1", 0))
        six.sendto(b"six", ("::1", rig.endpoint.port))
        await until(lambda: len(rig.received) == 2)
        address = rig.batches[-1][0][1]
        assert address == six.getsockname()[:2]
        assert rig.endpoint.sender.one(memoryview(b"six"), 3, address) == 1
        assert six.recv(10) == b"six"
    rig.endpoint.close()


async def test_a_taken_port_is_an_error_and_leaks_nothing() -> None:
    first = Rig()
    second = UdpEndpoint(SystemClock(), lambda batch: None, 4, 1.0, 65_536)
    with pytest.raises(OSError, match="in use"):
        second.open("127.0.0.1", first.endpoint.port)
    first.endpoint.close()
    first.endpoint.close()
    second.open("127.0.0.1", first.endpoint.port)
    second.close()


async def test_the_timer_fires_for_the_earliest_wish() -> None:
    clock = SystemClock()
    fired: list[float] = []
    timer = WakeTimer(clock, lambda: fired.append(clock.now()))
    start = clock.now()
    timer.arm(start + 30)
    timer.arm(None)
    timer.arm(start + 0.02)
    timer.arm(start + 0.5)
    await until(lambda: bool(fired))
    assert 0.015 <= fired[0] - start < 0.4
    timer.arm(start + 30)
    timer.cancel()
    assert len(fired) == 1
