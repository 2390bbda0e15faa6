"""What thousands feel at once is done a little in each turn of the event loop."""

import asyncio
import gc
from typing import Any

import pytest

from app.core import garbage
from app.core.ids import ConnectionId, RoomId
from app.core.tasks import Tasks
from app.lecture.seat import AudienceSeat
from app.store.events import RoomEvent
from app.transport.sio import frames, hub, pings
from app.transport.sio.connection import Connection, Seated
from app.transport.sio.frames import LOSSES_AT_ONCE, FrameWriter, LeanWebSocket, Losses
from app.transport.sio.hub import AT_ONCE, MAX_LATE, RoomHub
from app.transport.sio.inbox import Inbox
from app.transport.sio.outbox import Outbox
from app.transport.sio.pings import Pings
from app.transport.sio.rate import Budget, Budgets
from tests.manual_clock import ManualClock

ROOM = RoomId("004217")


class Wire:
    """A fan-out that the test speaks through."""

    def __init__(self) -> None:
        self.sink: Any = None

    async def subscribe(self, _: RoomId, sink: Any, after: int | None = None) -> int:
        self.sink = sink
        return 0

    def unsubscribe(self, *_: Any) -> None: ...

    async def missed(self, *_: Any) -> list[RoomEvent]:
        return []


def member(n: int) -> Connection:
    clock = ManualClock()
    budget = Budget.full(1, 1, clock.now())
    connection = Connection(
        ConnectionId(f"c{n}"),
        Outbox(2 * MAX_LATE, 1 << 20),
        Inbox(Tasks("test"), clock, 3, 100, 5.0),
        Budgets(budget, budget, budget, budget),
        lambda: None,
    )
    connection.namespaces["/lecture"] = f"s{n}"
    seat = AudienceSeat(ROOM, connection.id, "STUDENT", f"{n}@example.org", f"{n}")
    connection.place = Seated(seat, None, returned=False)
    return connection


class Hall:
    """A room of that many members."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.done: list[int] = []
        self.hub = RoomHub(self.wire, lambda event, _: self.done.append(event.seq))
        self.members: list[Connection] = []

    async def fill(self, count: int) -> None:
        for n in range(len(self.members), len(self.members) + count):
            self.members.append(member(n))
            (await self.hub.join(ROOM, self.members[-1])).release(0)

    def say(self, seq: int, kind: str = "solved", blob: bytes = b"") -> None:
        self.wire.sink(RoomEvent(ROOM, seq, kind, {"n": seq}, blob))

    def told(self) -> int:
        return sum(not each.outbox.empty() for each in self.members)


@pytest.fixture
async def hall() -> Hall:
    hall = Hall()
    await hall.fill(2 * AT_ONCE + 1)
    return hall


async def test_a_small_room_is_told_at_once() -> None:
    hall = Hall()
    await hall.fill(AT_ONCE)
    hall.say(1)
    assert (hall.told(), hall.done) == (AT_ONCE, [1])


async def test_a_large_room_is_told_in_turns_and_in_order(hall: Hall) -> None:  # P8
    hall.say(1)
    hall.say(2)
    assert (hall.told(), hall.done) == (AT_ONCE, [])
    await asyncio.sleep(0)
    assert hall.told() == 2 * AT_ONCE
    for _ in range(5):
        await asyncio.sleep(0)
    assert hall.done == [1, 2]
    for each in hall.members:
        texts = [each.outbox.get_nowait().data for _ in range(each.outbox.qsize())]
        assert ['"seq":1}' in texts[0], '"seq":2}' in texts[1], len(texts)] == [True, True, 2]


async def test_one_who_left_between_two_turns_hears_nothing(hall: Hall) -> None:
    hall.say(1)
    last = hall.members[-1]
    hall.hub.leave(ROOM, last.id)
    for _ in range(3):
        await asyncio.sleep(0)
    assert hall.told() == 2 * AT_ONCE
    assert last.outbox.empty()


async def test_of_boards_that_wait_the_newest_is_told(hall: Hall) -> None:
    hall.say(1, "board", b"first")
    hall.say(2, "board", b"second")
    hall.say(3)
    hall.say(4, "board", b"third")
    for _ in range(12):
        await asyncio.sleep(0)
    assert hall.done == [1, 3, 4]


async def test_more_than_may_wait_is_told_without_a_pause(hall: Hall) -> None:
    for seq in range(1, MAX_LATE + 3):
        hall.say(seq)
    assert hall.done[:1] == [1]
    for _ in range(4 * MAX_LATE):
        await asyncio.sleep(0)
    assert hall.done == list(range(1, MAX_LATE + 3))


async def test_an_event_that_fails_holds_up_no_other(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(event: RoomEvent) -> Any:
        if event.seq == 1:
            raise ValueError
        return real(event)

    real = hub.room_events.room_event
    monkeypatch.setattr(hub.room_events, "room_event", fail)
    hall.say(1)
    hall.say(2)
    for _ in range(6):
        await asyncio.sleep(0)
    assert hall.done == [2]


async def test_a_class_that_is_lost_ends_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:  # P8
    ended: list[int] = []

    class Socket:
        def __init__(self, n: int) -> None:
            self.n = n

        def end(self, _: Exception | None) -> None:
            ended.append(self.n)
            if self.n == 3:
                raise KeyError

    losses = Losses()
    for n in range(2 * LOSSES_AT_ONCE + 1):
        losses.add(Socket(n), None)  # type: ignore[arg-type]  # all that is asked of one
    assert ended == []
    await asyncio.sleep(0)
    assert len(ended) == LOSSES_AT_ONCE
    for _ in range(3):
        await asyncio.sleep(0)
    assert ended == list(range(2 * LOSSES_AT_ONCE + 1))
    losses.add(Socket(99), None)  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert ended[-1] == 99


class Pinged:
    def __init__(self) -> None:
        self.pings = 0

    def ping(self, _: float) -> None:
        self.pings += 1


async def test_pings_go_out_in_turns() -> None:
    clock = ManualClock()
    line = Pings(clock, 3.0)
    sessions = [Pinged() for _ in range(pings.AT_ONCE + 1)]
    for session in sessions:
        line.file(session)
    assert not line.send()
    clock.advance(3.0)
    assert line.send()
    assert sum(session.pings for session in sessions) == pings.AT_ONCE
    assert not line.send()
    assert sum(session.pings for session in sessions) == pings.AT_ONCE + 1


class Text:
    def __init__(self, data: bytes, fin: bool = True) -> None:
        self.data, self.fin = data, fin


def test_a_pong_wakes_no_reader_and_anything_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[bytes] = []
    monkeypatch.setattr(
        frames.WebSocketsSansIOProtocol, "handle_text", lambda _, event: passed.append(event.data)
    )
    heard: list[int] = []
    socket = LeanWebSocket.__new__(LeanWebSocket)
    socket.handle_text(Text(b"3"))  # type: ignore[arg-type]  # before anybody listens
    FrameWriter.hear_pongs(_writer_of(socket), lambda: heard.append(1))
    for text in (Text(b"3"), Text(b"3", fin=False), Text(b"3probe"), Text(b"2")):
        socket.handle_text(text)  # type: ignore[arg-type]
    assert (heard, passed) == ([1], [b"3", b"3", b"3probe", b"2"])


def _writer_of(socket: LeanWebSocket) -> FrameWriter:
    writer = FrameWriter.__new__(FrameWriter)
    writer.websocket = socket
    return writer


@pytest.fixture
def thresholds() -> Any:
    before = gc.get_threshold()
    yield lambda: gc.get_threshold()[2]
    gc.set_threshold(*before)


def test_full_collections_wait_while_there_are_many(
    thresholds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda: collected.append(1))
    pace = garbage.Pace()
    gc.set_threshold(700, 10, garbage.FULL_COLLECTION_AFTER)
    many = garbage.MANY_CONNECTIONS + 1
    pace.note(many, 0)
    assert thresholds() > 1_000_000
    pace.note(10, 5)
    pace.note(many, 20)
    pace.note(10, 49)
    assert thresholds() > 1_000_000
    assert collected == []
    pace.note(10, 50)
    assert (thresholds(), collected) == (garbage.FULL_COLLECTION_AFTER, [1])


def test_a_full_collection_is_not_put_off_for_ever(
    thresholds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda: collected.append(1))
    pace = garbage.Pace()
    many = garbage.MANY_CONNECTIONS + 1
    for now in (0.0, garbage.AT_LEAST_EVERY_SECONDS - 1):
        pace.note(many, now)
    assert collected == []
    pace.note(many, garbage.AT_LEAST_EVERY_SECONDS)
    pace.note(many, garbage.AT_LEAST_EVERY_SECONDS + 1)
    assert collected == [1]
    assert thresholds() > 1_000_000
