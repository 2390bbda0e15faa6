"""Everybody in a lecture knows whether it is recorded; its presenter decides."""

from pathlib import Path

import pytest

from app.core.ids import LectureId, RoomId
from app.recording.model import RecordingState
from app.recording.records import RecordingRecords
from app.recording.service import RecordingConfig, Recordings
from app.recording.state import RecordingStates
from app.recording.storage.folder import FolderStorage
from app.recording.watch import Watch
from app.store.sql import Sql
from tests.integration.sio.conftest import OFFER, OWNER, RELAY, STRANGER, Stack

OFF = {"state": "off", "since": None, "reason": None}


class Feed:
    """What a relay's feed was told."""

    def __init__(self) -> None:
        self.rooms: dict[RoomId, LectureId] = {}
        self.elapsed: list[float] = []

    def begin(self, room: RoomId, lecture: LectureId, elapsed: float) -> None:
        self.rooms[room] = lecture
        self.elapsed.append(elapsed)

    def end(self, room: RoomId) -> None:
        del self.rooms[room]


class Studio:
    """The stack with recording in it, and a relay that looks."""

    def __init__(self, stack: Stack, sql: Sql, folder: Path, config: RecordingConfig) -> None:
        self.records = RecordingRecords(sql, stack.clock)
        self.states = RecordingStates(stack.redis)
        storage = FolderStorage(folder / "kept", None)
        self.recordings = Recordings(self.records, self.states, storage, stack.clock, config)
        stack.lectures._recordings = self.recordings
        stack.lectures._starts._recordings = self.recordings
        self.feed = Feed()
        self.watch = Watch(self.states, RELAY.id, lambda: self.placed)
        self.watch.attach(self.feed)
        self.placed: list[RoomId] = []


@pytest.fixture
def studio(stack: Stack, sql: Sql, tmp_path: Path) -> Studio:
    return Studio(stack, sql, tmp_path, RecordingConfig())


async def test_a_switch_is_heard_by_all_and_seen_by_those_who_come_later(
    stack: Stack, studio: Studio
) -> None:
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    assert presenter.all("state")[0]["recording"] == OFF
    answer = await presenter.ask("/lecture", "record", {"roomId": room, "on": True})
    since = answer["since"]
    assert answer == {"ok": True, "state": "on", "since": since, "reason": None}
    for client in (presenter, student):
        told = await client.event("recording")
        assert told == {"state": "on", "since": since, "reason": None, "seq": told["seq"]}
    late = await stack.student(room, STRANGER)
    assert late.all("state")[0]["recording"] == {"state": "on", "since": since, "reason": None}
    again = await presenter.ask("/lecture", "record", {"roomId": room, "on": True})
    assert again["since"] == since
    assert (await presenter.ask("/lecture", "record", {"roomId": room, "on": False}))["ok"]
    for client in (presenter, student):
        assert (await client.event("recording", 2))["state"] == "off"
    assert len(presenter.all("recording")) == 2  # a repeat tells nobody anything


async def test_only_who_presents_now_may_switch(stack: Stack, studio: Studio) -> None:
    room = await stack.room()
    older, student = await stack.presenter(room), await stack.student(room)
    ask = {"roomId": room, "on": True}
    refused = await student.ask("/lecture", "record", ask)
    assert refused["error"]["code"] == "forbidden"
    newer = stack.client()
    await newer.join("/create-room", stack.token(OWNER))
    offer = {"roomId": room, "SDP": OFFER}
    assert (await newer.ask("/create-room", "presenterOffer", offer))["ok"]
    refused = await older.ask("/lecture", "record", ask)
    assert refused["error"]["code"] == "stale_presenter"
    for wrong in ({"roomId": room}, {"roomId": room, "on": "yes please"}):
        refused = await older.ask("/lecture", "record", wrong)
        assert refused["error"]["code"] == "bad_request"
    assert student.all("recording") == []


async def test_a_lecture_that_wishes_so_is_recorded_from_its_start(
    stack: Stack, studio: Studio
) -> None:
    room = await stack.room()
    lecture = await stack.catalogue.open_by_code(room)
    assert lecture is not None
    await studio.recordings.set_wish(lecture.id, True)
    presenter = await stack.presenter(room)
    assert presenter.all("state")[0]["recording"]["state"] == "on"
    studio.placed.append(room)
    await studio.watch.look()
    assert studio.feed.rooms == {room: lecture.id}
    assert 0 <= studio.feed.elapsed[0] < 10
    assert (await studio.recordings.of(lecture.id)).state == "live"
    back = await stack.presenter(room)  # the same lecture, not begun again
    assert back.all("state")[0]["recording"] == presenter.all("state")[0]["recording"]


async def test_a_fault_is_told_and_so_is_its_end(stack: Stack, studio: Studio) -> None:  # 38
    room = await stack.room()
    presenter = await stack.presenter(room)
    await presenter.ask("/lecture", "record", {"roomId": room, "on": True})
    studio.placed.append(room)
    await studio.watch.look()
    lecture = studio.feed.rooms[room]
    studio.watch.note_fault(room, lecture, "disk_full")
    await studio.watch.look()
    failed = await presenter.event("recording", 2)
    assert (failed["state"], failed["reason"]) == ("failed", "disk_full")
    assert studio.feed.rooms == {room: lecture}  # it is still wanted
    studio.watch.note_fault(room, lecture, None)
    await studio.watch.look()
    works = await presenter.event("recording", 3)
    assert (works["state"], works["reason"]) == ("on", None)
    assert works["since"] == failed["since"]
    stranger = LectureId("f" * 32)  # an older lecture of the same code says nothing here
    same = await studio.states.note_fault(room, stranger, "disk_full")
    assert same == RecordingState("on", works["since"], None)
    await presenter.ask("/lecture", "end", {"roomId": room})
    await studio.watch.look()
    assert studio.feed.rooms == {}


async def test_a_server_that_records_nothing_says_so(
    stack: Stack, sql: Sql, tmp_path: Path
) -> None:
    studio = Studio(stack, sql, tmp_path, RecordingConfig(is_on=False, by_default=True))
    room = await stack.room()
    presenter = await stack.presenter(room)
    assert presenter.all("state")[0]["recording"] == OFF
    refused = await presenter.ask("/lecture", "record", {"roomId": room, "on": True})
    assert refused["error"]["code"] == "forbidden"
    assert studio.feed.rooms == {}
