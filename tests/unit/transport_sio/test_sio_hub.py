"""The hub: who hears an event, in which order, and when a room is followed."""

from collections.abc import Callable
from typing import Any

import pytest

from app.core.errors import Unavailable
from app.core.ids import ConnectionId, Email, RoomId
from app.core.tasks import Tasks
from app.lecture.seat import AudienceSeat, PresenterSeat, Seat
from app.store.events import RoomEvent
from app.transport.sio.connection import Connection, Seated
from app.transport.sio.hub import RoomHub
from app.transport.sio.inbox import Inbox
from app.transport.sio.outbox import Outbox
from app.transport.sio.rate import Budget, Budgets
from tests.manual_clock import ManualClock

ROOM = RoomId("004217")
Sink = Callable[[RoomEvent], None]


class Wire:
    """A fan-out that the test speaks through."""

    def __init__(self) -> None:
        self.sinks: list[Sink] = []
        self.away = False

    async def subscribe(self, room: RoomId, sink: Sink, after: int | None = None) -> int:
        if self.away:
            raise Unavailable("away")
        self.sinks.append(sink)
        return 0

    def unsubscribe(self, room: RoomId, sink: Sink) -> None:
        self.sinks.remove(sink)

    def say(self, seq: int, kind: str = "solved", audience: Any = "room", **data: Any) -> None:
        for sink in list(self.sinks):
            sink(RoomEvent(ROOM, seq, kind, data, audience=audience))


def member(name: str, seat: Seat | None = None) -> Connection:
    clock = ManualClock()
    budget = Budget.full(1, 1, clock.now())
    connection = Connection(
        ConnectionId(name),
        Outbox(100, 10_000),
        Inbox(Tasks("test"), clock, 3, 100, 5.0),
        Budgets(budget, budget, budget, budget),
        lambda: None,
    )
    connection.namespaces["/lecture"] = name
    seat = seat or AudienceSeat(ROOM, connection.id, "STUDENT", f"{name}@example.org", name)
    connection.place = Seated(seat, None, returned=False)
    return connection


def presenter(name: str, epoch: int) -> Connection:
    return member(name, PresenterSeat(ROOM, ConnectionId(name), Email("a@b.c"), "Ada", epoch))


def heard(connection: Connection) -> list[str]:
    messages = []
    while not connection.outbox.empty():
        text = connection.outbox.get_nowait().data
        if isinstance(text, str):
            messages.append(text.removeprefix("2/lecture,"))
    return messages


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def hub(wire: Wire) -> RoomHub:
    return RoomHub(wire, lambda event, members: None)


async def test_events_wait_for_the_snapshot_and_none_comes_twice(wire: Wire, hub: RoomHub) -> None:
    one = member("one")
    joined = await hub.join(ROOM, one)
    wire.say(4)
    wire.say(5)
    assert heard(one) == []
    joined.release(4)
    wire.say(6)
    assert heard(one) == ['["solved",{"seq":5}]', '["solved",{"seq":6}]']


async def test_an_event_is_encoded_once_for_all(wire: Wire, hub: RoomHub) -> None:
    members = [member(name) for name in "abc"]
    for each in members:
        (await hub.join(ROOM, each)).release(0)
    wire.say(1)
    packets = {id(each.outbox.get_nowait()) for each in members}
    assert len(packets) == 1


async def test_the_presenter_alone_hears_questions(wire: Wire, hub: RoomHub) -> None:
    old, new, student = presenter("old", 1), presenter("new", 2), member("student")
    for each in (old, new, student):
        (await hub.join(ROOM, each)).release(0)
    wire.say(1, "asked", "presenter", questionId="1-1", content="Why?", name="Bob")
    assert heard(old) == heard(student) == []
    assert heard(new) == [
        '["asked",{"type":"question","questionId":"1-1","content":"Why?","name":"Bob","seq":1}]'
    ]


async def test_one_that_waits_for_the_slot_misses_no_question(wire: Wire, hub: RoomHub) -> None:
    waiting = presenter("waiting", 0)
    (await hub.join(ROOM, waiting)).release(0)
    wire.say(1, "asked", "presenter", questionId="1-1", content="Why?", name="Bob")
    assert len(heard(waiting)) == 1


async def test_a_room_is_followed_while_it_has_members(wire: Wire, hub: RoomHub) -> None:
    one, two = member("one"), member("two")
    await hub.join(ROOM, one)
    await hub.join(ROOM, two)
    assert len(wire.sinks) == 1
    hub.leave(ROOM, one.id)
    hub.leave(ROOM, one.id)
    assert len(wire.sinks) == 1
    hub.leave(ROOM, two.id)
    assert wire.sinks == []
    assert len(hub) == 0


async def test_a_room_that_cannot_be_followed_has_no_members(wire: Wire, hub: RoomHub) -> None:
    wire.away = True
    with pytest.raises(Unavailable):
        await hub.join(ROOM, member("one"))
    assert len(hub) == 0
    wire.away = False
    await hub.join(ROOM, member("one"))
    assert len(wire.sinks) == 1
