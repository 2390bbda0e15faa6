"""Frames written straight to a transport: their bytes, and when they must not be."""

from typing import Any

import pytest
from engineio.packet import NOOP, PING, Packet
from websockets.frames import Frame, Opcode

from app.transport.sio.frames import FrameWriter, frame
from app.transport.sio.outbox import Outbox
from app.transport.sio.parcel import BoardPart, Parcel
from app.transport.sio.pings import Pings
from tests.manual_clock import ManualClock


class Wire:
    """A transport and the ordinary writer, in one list in the order of writing."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.takes = True
        self.written: list[bytes] = []
        self.started = 0

    def attach(self) -> None:
        self.outbox.attach(self, self.start)

    @property
    def websocket(self) -> "Wire":
        return self

    def put(self, frames: bytes) -> None:
        self.written.append(frames)

    def write(self, frames: bytes) -> bool:
        if self.takes:
            self.written.append(frames)
        return self.takes

    def start(self) -> None:
        self.started += 1

    def write_one(self) -> bool:
        """What the ordinary writer does for one packet."""
        packet = self.outbox.take()
        if packet is not None:
            self.written.append(frame(packet.encode()))
        return packet is not None


@pytest.fixture
def wire() -> Wire:
    return Wire(Outbox(10, 10_000))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
@pytest.mark.parametrize("kind", [str, bytes])
def test_a_frame_is_what_the_protocol_library_writes(size: int, kind: type) -> None:
    message: Any = "x" * size if kind is str else b"x" * size
    opcode = Opcode.TEXT if kind is str else Opcode.BINARY
    expected = Frame(opcode, b"x" * size).serialize(mask=False)
    assert frame(message) == expected


async def test_both_paths_write_the_same_bytes(wire: Wire) -> None:
    parcels = [
        Parcel(['51-/lecture,["update",{}]', b"\x00\x01" * 400], BoardPart.WHOLE, 1),
        Parcel(['2/lecture,["asked",{"content":"é 中"}]'], seq=2),
    ]
    wire.attach()
    for parcel in parcels:
        wire.outbox.offer(parcel)
    wire.outbox.put_nowait(Packet(PING))
    direct, wire.written, wire.takes = b"".join(wire.written), [], False
    for parcel in parcels:
        wire.outbox.offer(parcel)
    wire.outbox.put_nowait(Packet(PING))
    wire.takes = True
    while wire.write_one():
        pass
    assert b"".join(wire.written) == direct
    assert wire.started == 1


async def test_what_waits_is_never_overtaken(wire: Wire) -> None:
    wire.attach()
    wire.takes = False
    wire.outbox.offer(Parcel(["2first", b"blob"]))
    wire.takes = True
    wire.outbox.offer(Parcel(["2second"]))
    assert wire.write_one()  # the first message is half written now
    wire.outbox.put_nowait(Packet(NOOP))
    wire.outbox.offer(Parcel(["2third"]))
    while wire.write_one():
        pass
    wire.outbox.offer(Parcel(["2fourth"]))
    texts = [written[2:] for written in wire.written]
    assert texts == [b"42first", b"blob", b"42second", b"6", b"42third", b"42fourth"]


async def test_a_writer_that_is_writing_its_last_packet_is_not_overtaken(wire: Wire) -> None:
    wire.attach()
    wire.takes = False
    wire.outbox.offer(Parcel(["2first"]))
    packet = wire.outbox.take()  # nothing waits any more, but this is not written yet
    wire.takes = True
    wire.outbox.offer(Parcel(["2second"]))
    assert wire.written == []
    wire.written.append(frame(packet.encode()))
    while wire.write_one():
        pass
    assert [written[2:] for written in wire.written] == [b"42first", b"42second"]


async def test_what_came_before_the_websocket_is_written_first(wire: Wire) -> None:
    wire.outbox.put_nowait(Packet(NOOP))
    wire.outbox.offer(Parcel(["2early"]))
    wire.attach()
    wire.outbox.offer(Parcel(["2late"]))
    assert [written[2:] for written in wire.written] == [b"6", b"42early", b"42late"]
    assert wire.outbox.waiting_bytes == 0
    assert wire.started == 0


async def test_a_slow_readers_boards_give_way_and_the_rest_waits(wire: Wire) -> None:
    wire.attach()
    wire.takes = False
    for number in range(5):
        wire.outbox.offer(Parcel([f"5{number}"], BoardPart.WHOLE, number))
        wire.outbox.offer(Parcel([f"2{number}"], seq=number))
    while wire.write_one():
        pass
    assert [written[2:] for written in wire.written] == [
        b"420", b"421", b"422", b"423", b"454", b"424"
    ]  # fmt: skip


async def test_a_direct_ping_proves_what_was_written_before_it(wire: Wire) -> None:
    wire.attach()
    wire.outbox.offer(Parcel(["2asked"], seq=7))
    wire.outbox.ask_for_proof()
    wire.outbox.offer(Parcel(["2asked"], seq=8))
    wire.outbox.pong()
    assert wire.outbox.proved == 7


async def test_after_a_cut_nothing_is_written(wire: Wire) -> None:
    wire.attach()
    wire.takes = False
    for _ in range(11):
        wire.outbox.offer(Parcel(["2x"]))
    assert wire.outbox.is_cut
    wire.takes = True
    assert not wire.outbox.offer(Parcel(["2y"]))
    assert wire.outbox.take() is None
    assert wire.outbox.is_ended
    assert wire.written == []


async def test_another_server_is_written_to_by_its_own_means() -> None:
    async def send(_: Any) -> None: ...

    assert FrameWriter.of(send) is None
    outbox, started = Outbox(10, 1000), []
    outbox.attach(None, lambda: started.append(1))
    outbox.offer(Parcel(["2x"]))
    assert started == [1]
    assert outbox.take().encode() == "42x"


def test_pings_are_due_an_interval_after_each_sign_of_life(clock: ManualClock) -> None:
    pinged: list[tuple[str, float]] = []

    class Session:
        def __init__(self, name: str) -> None:
            self.name = name

        def ping(self, now: float) -> None:
            pinged.append((self.name, now))

    began, pings = clock.now(), Pings(clock, 3)
    pings.file(Session("a"))
    clock.advance(1)
    pings.file(Session("b"))
    clock.advance(2)
    pings.send()
    assert pinged == [("a", began + 3)]
    clock.advance(1)
    pings.send()
    assert [name for name, _ in pinged] == ["a", "b"]
    assert len(pings) == 0
