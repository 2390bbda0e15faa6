"""Many messages by one call, on real sockets: what arrives is what one call for each sends."""

import socket
from collections.abc import Callable, Iterator, Sequence

import pytest

from app.core.clock import SystemClock
from app.relay.complaints import Complaints
from app.relay.core.media import Address
from app.relay.core.transmit import OneByOneMailing
from app.relay.sending import DatagramSender
from app.relay.sendmmsg import SystemCall, find_call, socket_address

COUNT = 12
NOWHERE = ("255.255.255.255", 9)
STREAM = ("127.0.0.1", 70_000)

Far = list[socket.socket]


def bound(family: int, host: str) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.settimeout(2)
    return sock


@pytest.fixture
def far() -> Iterator[Far]:
    socks = [bound(socket.AF_INET, "127.0.0.1") for _ in range(COUNT)]
    yield socks
    for sock in socks:
        sock.close()


class Streams:
    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def one(self, data: memoryview, segment_size: int, address: Address) -> int:
        assert address == STREAM
        self.sent.append(bytes(data))
        return -(-len(data) // segment_size)


class Rig:
    def __init__(self, family: int = socket.AF_INET) -> None:
        self.sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        if family == socket.AF_INET6:
            self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.streams = Streams()
        self.sender = DatagramSender(Complaints(SystemClock()), self.streams.one)
        self.sender.use(self.sock)

    def close(self) -> None:
        self.sender.use(None)
        self.sock.close()


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


def messages(count: int, length: int) -> memoryview:
    """Different bytes for everybody, in a buffer as the core has it."""
    return memoryview(
        bytearray(b"".join(bytes([65 + n, at]) for n in range(count) for at in range(length // 2)))
    )


def received(far: Far, count: int) -> list[list[bytes]]:
    return [[sock.recv(2048) for _ in range(count)] for sock in far]


def addresses(far: Far) -> list[Address]:
    return [sock.getsockname()[:2] for sock in far]


@pytest.mark.parametrize(("length", "segment"), [(200, 200), (200, 80), (160, 80)])
def test_everybody_gets_what_one_call_for_each_would_send(
    rig: Rig, far: Far, length: int, segment: int
) -> None:
    count = -(-length // segment)
    together = rig.sender.mailing(addresses(far))
    each = OneByOneMailing(rig.sender.one, addresses(far))
    data = messages(COUNT, length)
    outcomes = []
    for mailing in (together, each):
        before = rig.sender.bursts_sent, rig.sender.singles_sent, rig.sender.datagrams_sent
        assert mailing.send(data, length, segment, 0) == {}
        after = rig.sender.bursts_sent, rig.sender.singles_sent, rig.sender.datagrams_sent
        counted = [now - then for now, then in zip(after, before, strict=True)]
        outcomes.append((received(far, count), counted))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0][3] == [
        bytes(data[3 * length : 4 * length][at : at + segment]) for at in range(0, length, segment)
    ]


def test_a_part_of_a_row_is_sent_to_that_part(rig: Rig, far: Far) -> None:
    mailing = rig.sender.mailing(addresses(far))
    for size in (100, 40, 100):
        for first in (0, 5, 10):
            part = far[first : first + 5]
            data = messages(len(part), size)
            assert mailing.send(data, size, size, first) == {}
            assert received(part, 1) == [
                [bytes(data[at * size : (at + 1) * size])] for at in range(len(part))
            ]


def test_it_is_one_call_for_all_of_them(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = find_call()
    assert real is not None

    def call(handle: int, start: int, count: int, flags: int) -> int:
        calls.append(count)
        return real(handle, start, count, flags)

    monkeypatch.setattr("app.relay.sending.find_call", lambda: call)
    rig = Rig()
    mailing = rig.sender.mailing(addresses(far))
    mailing.send(messages(COUNT, 50), 50, 50, 0)
    assert calls == [COUNT]
    assert len(received(far, 1)) == COUNT
    rig.close()


def test_streams_and_unreachable_addresses_stand_in_a_row_like_others(rig: Rig, far: Far) -> None:
    everybody = [STREAM, *addresses(far[:4]), NOWHERE, *addresses(far[4:]), ("::1", 9), STREAM]
    mailing = rig.sender.mailing(everybody)
    data = messages(len(everybody), 100)
    parts = [bytes(data[at : at + 100]) for at in range(0, len(data), 100)]
    assert mailing.send(data, 100, 100, 0) == {}
    assert received(far, 1) == [[part] for part in (*parts[1:5], *parts[6:-2])]
    assert rig.streams.sent == [parts[0], parts[-1]]
    assert (rig.sender.send_errors, rig.sender.singles_sent) == (2, COUNT)
    assert mailing.send(data, 100, 60, 0) == {}
    assert len(received(far, 2)) == COUNT
    assert (rig.sender.send_errors, rig.sender.bursts_sent) == (4, COUNT)


def test_an_ipv6_socket_sends_to_both_families(far: Far) -> None:
    rig = Rig(socket.AF_INET6)
    six = [bound(socket.AF_INET6, "::1") for _ in range(3)]
    everybody = [six[0], *far[:5], *six[1:]]
    data = messages(len(everybody), 120)
    mailing = rig.sender.mailing(addresses(everybody))
    assert mailing.send(data, 120, 60, 0) == {}
    for place, sock in enumerate(everybody):
        whole = bytes(data[place * 120 : (place + 1) * 120])
        assert sock.recv(200) + sock.recv(200) == whole
    assert (rig.sender.bursts_sent, rig.sender.send_errors) == (8, 0)
    for sock in six:
        sock.close()
    rig.close()


@pytest.mark.parametrize(
    ("address", "target"),
    [
        (("127.0.0.1", 5), ("::ffff:127.0.0.1", 5, 0, 0)),
        (("2001:db8::1", 65_535), ("2001:db8::1", 65_535, 0, 0)),
        (("fe80::1%3", 5), ("fe80::1", 5, 0, 3)),
    ],
)
def test_a_scope_is_the_number_of_an_interface(address: Address, target: Sequence[object]) -> None:
    packed = socket_address(address, True)
    assert len(packed) == 28
    assert int.from_bytes(packed[2:4], "big") == target[1]
    assert packed[8:24] == socket.inet_pton(socket.AF_INET6, str(target[0]))
    assert int.from_bytes(packed[24:], "little") == target[3]
    assert socket_address(STREAM, True) == b""
    assert socket_address(("::1", 5), False) == b""


def full_after(left: int) -> tuple[SystemCall, Callable[..., int]]:
    """Return a system call and a ``sendto`` of a kernel whose buffer takes so many messages."""

    def call(_handle: int, _start: int, count: int, _flags: int) -> int:
        nonlocal left
        taken = min(count, left)
        left -= taken
        return taken or -1

    def send(*_: object) -> int:
        nonlocal left
        if not left:
            raise BlockingIOError
        left -= 1
        return 1

    return call, send


@pytest.mark.parametrize(("length", "segment"), [(100, 100), (100, 40)])
def test_a_full_kernel_is_told_for_each(
    monkeypatch: pytest.MonkeyPatch, far: Far, length: int, segment: int
) -> None:
    call, send = full_after(5)

    class Full:
        family = socket.AF_INET

        def fileno(self) -> int:
            return 0

        sendto = sendmsg = staticmethod(send)

    monkeypatch.setattr("app.relay.sending.find_call", lambda: call)
    sender = DatagramSender(Complaints(SystemClock()))
    sender.use(Full())  # type: ignore[arg-type]  # all that it uses of a socket
    mailing = sender.mailing(addresses(far))
    short = mailing.send(messages(COUNT, length), length, segment, 0)
    assert short == dict.fromkeys(range(5, COUNT), 0)
    assert sender.would_block == COUNT - 5


@pytest.mark.parametrize("system", ["no sendmmsg", "no UDP_SEGMENT"])
def test_a_kernel_that_lacks_something_is_served_plainly(
    monkeypatch: pytest.MonkeyPatch, far: Far, system: str
) -> None:
    if system == "no sendmmsg":
        monkeypatch.setattr("app.relay.sending.find_call", lambda: None)
    else:  # what an old kernel answers with EINVAL
        monkeypatch.setattr("app.relay.sendmmsg.UDP_SEGMENT", 9_999)
        monkeypatch.setattr("app.relay.sending.UDP_SEGMENT", 9_999)
    rig = Rig()
    mailing = rig.sender.mailing(addresses(far))
    for _ in range(3):
        data = messages(COUNT, 100)
        assert mailing.send(data, 100, 60, 0) == {}
        assert received(far, 2) == [
            [bytes(data[at : at + 60]), bytes(data[at + 60 : at + 100])]
            for at in range(0, len(data), 100)
        ]
    assert rig.sender.datagrams_sent == 3 * 2 * COUNT
    assert rig.sender.send_errors == 0
    assert rig.sender._is_segmenting == (system == "no sendmmsg")
    rig.close()


def test_a_closed_socket_takes_everything(far: Far) -> None:
    rig = Rig()
    mailing = rig.sender.mailing(addresses(far))
    rig.close()
    assert mailing.send(messages(COUNT, 100), 100, 100, 0) == {}
    assert rig.sender.datagrams_sent == 0
