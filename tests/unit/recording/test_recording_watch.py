"""A relay records what its rooms say, whatever comes in between."""

import pytest

from app.core.errors import Unavailable
from app.core.ids import LectureId, NodeId, RoomId
from app.recording.model import FaultReason, RecordingState
from app.recording.state import View
from app.recording.watch import Watch

ROOM, ME = RoomId("004217"), NodeId("relay-me")
LECTURE, NEXT = LectureId("a" * 32), LectureId("b" * 32)
ON, OFF = RecordingState("on", "2026-11-21T09:00:00.000Z"), RecordingState()


class States:
    def __init__(self) -> None:
        self.views: dict[RoomId, View] = {}
        self.is_away = False
        self.faults: list[FaultReason | None] = []

    async def view(self, room: RoomId) -> View | None:
        if self.is_away:
            raise Unavailable("away")
        return self.views.get(room)

    async def elapsed(self, view: View) -> float:
        return 12.5

    async def note_fault(
        self, room: RoomId, lecture: LectureId, reason: FaultReason | None
    ) -> RecordingState:
        if self.is_away:
            raise Unavailable("away")
        self.faults.append(reason)
        return ON


class Feed:
    def __init__(self) -> None:
        self.rooms: dict[RoomId, LectureId] = {}
        self.said: list[str] = []

    def begin(self, room: RoomId, lecture: LectureId, elapsed: float) -> None:
        self.rooms[room] = lecture
        self.said.append(f"begin {lecture[0]} {elapsed}")

    def end(self, room: RoomId) -> None:
        self.said.append(f"end {self.rooms.pop(room)[0]}")


@pytest.fixture
def states() -> States:
    return States()


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def watch(states: States, feed: Feed) -> Watch:
    made = Watch(states, ME, lambda: [ROOM])
    made.attach(feed)
    return made


def view(recording: RecordingState, lecture: LectureId = LECTURE, relay: NodeId = ME) -> View:
    return View(lecture, relay, 0, recording)


async def test_it_follows_the_switch(watch: Watch, states: States, feed: Feed) -> None:
    for recording in (OFF, ON, ON, RecordingState("failed", ON.since, "disk_full"), OFF):
        states.views[ROOM] = view(recording)
        await watch.look()
    assert feed.said == ["begin a 12.5", "end a"]


async def test_another_relay_records_its_own_rooms(
    watch: Watch, states: States, feed: Feed
) -> None:
    states.views[ROOM] = view(ON, relay=NodeId("relay-other"))
    await watch.look()
    assert feed.said == []
    states.views[ROOM] = view(ON)
    await watch.look()
    states.views[ROOM] = view(ON, relay=NodeId("relay-other"))  # drained: it moved away
    await watch.look()
    assert feed.said == ["begin a 12.5", "end a"]


async def test_a_code_that_is_given_again_is_another_lecture(
    watch: Watch, states: States, feed: Feed
) -> None:
    states.views[ROOM] = view(ON)
    await watch.look()
    states.views[ROOM] = view(ON, NEXT)
    await watch.look()
    assert feed.said == ["begin a 12.5", "end a", "begin b 12.5"]


async def test_a_room_without_its_peers_is_recorded_on(
    states: States, feed: Feed
) -> None:  # the presenter is away, and nobody listens
    placed = [ROOM]
    watch = Watch(states, ME, lambda: placed)
    watch.attach(feed)
    states.views[ROOM] = view(ON)
    await watch.look()
    placed.clear()
    await watch.look()
    assert feed.said == ["begin a 12.5"]
    states.views.clear()  # it ended
    await watch.look()
    assert feed.said == ["begin a 12.5", "end a"]


async def test_a_redis_that_is_away_changes_nothing_and_loses_no_fault(
    watch: Watch, states: States, feed: Feed
) -> None:
    states.views[ROOM] = view(ON)
    await watch.look()
    watch.note_fault(ROOM, LECTURE, "disk_full")
    states.is_away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            await watch.look()
    states.is_away = False
    await watch.look()
    await watch.look()
    assert (feed.said, states.faults) == (["begin a 12.5"], ["disk_full"])
