"""A member that is brought to where the room is: nothing lost, nothing twice, in order."""

from dataclasses import replace

import pytest

from app.core.ids import PeerId, RoomId
from app.lecture.model import Snapshot
from app.lecture.seat import PresenterSeat
from app.questions.model import QuestionView
from app.store.events import RoomEvent
from app.transport.sio.arrival import Arrivals
from app.transport.sio.connection import Connection, Seated
from app.transport.sio.hub import MAX_HELD, Member, RoomHub
from app.transport.sio.trail import QuestionTrail
from app.whiteboard.model import Board
from tests.unit.transport_sio.test_sio_hub import ROOM, Wire, heard, member, presenter


class LoggedWire(Wire):
    """A fan-out with a log; ``behind`` events of it are published late."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[RoomEvent] = []

    def append(self, kind: str = "solved", audience: str = "room") -> None:
        event = RoomEvent(ROOM, len(self.log) + 1, kind, {}, audience=audience)  # type: ignore[arg-type]
        self.log.append(event)

    def publish(self, seq: int) -> None:
        for sink in list(self.sinks):
            sink(self.log[seq - 1])

    async def missed(self, room: RoomId, after: int) -> list[RoomEvent]:
        return [event for event in self.log if event.seq > after][:200]


class Paceless:
    """Sketches of which only the sending is used."""

    async def send(self, connection: Connection, parcels: list[object]) -> None:
        for parcel in parcels:
            connection.send(parcel)  # type: ignore[arg-type]


@pytest.fixture
def wire() -> LoggedWire:
    return LoggedWire()


@pytest.fixture
def hub(wire: LoggedWire) -> RoomHub:
    return RoomHub(wire, lambda event, members: None)


def now(seq: int) -> Snapshot:
    return Snapshot(Board(), "2026-01-01T00:00:00.000Z", seq, "LIVE", None, 0, {}, None)


async def bring(hub: RoomHub, to: Member, seq: int) -> None:
    arrivals = Arrivals(hub, Paceless(), QuestionTrail())  # type: ignore[arg-type]
    place = to.connection.place
    assert isinstance(place, Seated)
    await arrivals.bring(to, place, now(seq), QuestionView("m", "student", False, [], {}, []))


def numbers(connection: Connection) -> list[int]:
    return [
        int(m.rsplit('"seq":', 1)[1].rstrip("}]")) for m in heard(connection) if '"state"' not in m
    ]


async def test_the_log_and_late_wakes_bring_each_event_once(wire: LoggedWire, hub: RoomHub) -> None:
    one = member("one")
    one.cursor = 2
    for _ in range(5):
        wire.append()
    joined = await hub.join(ROOM, one)
    wire.publish(5)  # held, and in the log as well
    wire.append()  # after the snapshot: in the log, not yet published
    await bring(hub, joined, 5)
    wire.publish(6)
    wire.append()
    wire.publish(7)
    assert numbers(one) == [3, 4, 5, 6, 7]


async def test_more_than_can_be_held_is_read_from_the_log(wire: LoggedWire, hub: RoomHub) -> None:
    one = member("one")
    one.outbox = type(one.outbox)(5000, 10_000_000)
    one.cursor = 0
    wire.append()
    joined = await hub.join(ROOM, one)
    for seq in range(2, 3 * MAX_HELD):
        wire.append()
        wire.publish(seq)
    await bring(hub, joined, 1)
    assert numbers(one) == list(range(1, 3 * MAX_HELD))


async def test_what_is_the_presenters_is_replayed_to_no_one_else(
    wire: LoggedWire, hub: RoomHub
) -> None:
    student, owner = member("student"), presenter("owner", 1)
    wire.append()
    wire.append("restored", "presenter")
    wire.append()
    for each in (student, owner):
        each.cursor = 0
        await bring(hub, await hub.join(ROOM, each), 3)
    assert numbers(student) == [1, 3]
    assert isinstance(owner.seat, PresenterSeat)
    assert numbers(owner) == [1, 2, 3]


async def test_a_replay_tells_of_ones_own_sections(wire: LoggedWire, hub: RoomHub) -> None:
    one, other = member("one"), member("other")
    one.place = replace(one.place, peer=PeerId("peer-a"))
    bindings = {"bindings": [["peer-a", "3", "sam", "microphone"]]}
    wire.log.append(RoomEvent(ROOM, 1, "bound", bindings))
    wire.append()
    for each in (one, other):
        each.cursor = 0
        await bring(hub, await hub.join(ROOM, each), 2)
    assert numbers(one) == [1, 2]
    assert numbers(other) == [2]


async def test_a_log_that_begins_later_replays_nothing(wire: LoggedWire, hub: RoomHub) -> None:
    one = member("one")
    one.cursor = 1
    for _ in range(5):
        wire.append()
    del wire.log[:3]
    joined = await hub.join(ROOM, one)
    await bring(hub, joined, 5)
    (state,) = [text for text in heard(one) if '"state"' in text]
    assert '"resumed":false' in state


async def test_a_hole_in_the_log_ends_the_connection(wire: LoggedWire, hub: RoomHub) -> None:
    one, ended = member("one"), []
    one._end = lambda: ended.append(1)
    one.cursor = 0
    for _ in range(5):
        wire.append()
    del wire.log[2]
    await bring(hub, await hub.join(ROOM, one), 5)
    assert numbers(one) == [1, 2]
    assert ended == [1]
