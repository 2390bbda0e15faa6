"""What a relay's notices become: a few notes a second for each room, the newest of each kind."""

import json

import pytest

from app.core.errors import Unavailable
from app.core.ids import PeerId, RoomId
from app.relay import reports
from app.relay.notices import (
    BandwidthAlert,
    LayerChanged,
    LayersWanted,
    Levels,
    PeerLeft,
    SectionBound,
    SpeakerChanged,
    TrackBegan,
)
from app.relay.reports import FIRST, MAX_PENDING, Reports

ROOM = RoomId("004217")


class FakeRedis:
    """Takes notes while it is up."""

    def __init__(self) -> None:
        self.notes: list[dict[str, object]] = []
        self.is_away = False

    async def on_room(self, name: str, room: RoomId, note: bytes) -> None:
        if self.is_away:
            raise Unavailable("away")
        assert (name, room) == ("media_note", ROOM)
        self.notes.append(json.loads(note))


@pytest.fixture
def redis() -> FakeRedis:
    return FakeRedis()


@pytest.fixture
def told(redis: FakeRedis) -> Reports:
    return Reports(redis)  # type: ignore[arg-type]


def levels(*pairs: tuple[str, int]) -> Levels:
    return Levels(room=ROOM, levels=[(PeerId(peer), level) for peer, level in pairs])


async def rounds(told: Reports, count: int = reports.LEVEL_ROUNDS) -> None:
    for _ in range(count):
        await told.report()


async def test_levels_are_told_once_a_second_and_silence_is_an_empty_list(  # M14
    told: Reports, redis: FakeRedis
) -> None:
    for number in range(3):
        told.notice(levels(("a", -20 - number), ("b", -90)))
        await told.report()
    assert [note["levels"] for note in redis.notes] == [[["a", -22]]]
    told.notice(levels(("a", -127), ("b", -81)))
    await rounds(told)
    assert redis.notes[-1]["levels"] == []


async def test_of_one_microphone_alone_only_sound_and_silence_are_news(
    told: Reports, redis: FakeRedis
) -> None:
    for level in (-30, -25, -40, -127, -120, -30):
        told.notice(levels(("a", level)))
        await rounds(told)
    assert [len(note["levels"]) for note in redis.notes] == [1, 0, 1]  # type: ignore[arg-type]


async def test_the_newest_of_each_kind_is_told(told: Reports, redis: FakeRedis) -> None:
    peer = PeerId("p")
    for layer in (0, 2):
        told.notice(
            LayerChanged(room=ROOM, peer=peer, mid="1", layer=layer, temporal=3, is_paused=False)
        )
    told.notice(BandwidthAlert(room=ROOM, peer=peer, mid="1", is_short=True, available_bps=210_000))
    told.notice(LayersWanted(room=ROOM, peer=peer, source="camera", rids=["q", "h"]))
    told.notice(LayersWanted(room=ROOM, peer=peer, source="screen", rids=[""]))
    told.notice(SpeakerChanged(room=ROOM, peer=None))
    await told.report()
    assert redis.notes == [
        {
            "speaker": "",
            "layers": [["p", "1", 2, 3, False]],
            "alerts": [["p", "1", True, 210_000]],
            "wanted": [["p", "camera", "q h"], ["p", "screen", "*"]],
        }
    ]
    await told.report()
    assert len(redis.notes) == 1


async def test_many_are_told_in_parts_and_too_many_are_dropped(
    told: Reports, redis: FakeRedis
) -> None:
    for number in range(MAX_PENDING + 50):
        told.notice(
            SectionBound(room=ROOM, peer=PeerId(f"p{number}"), mid="3", owner=None, source=None)
        )
    await told.report()
    parts = [len(note["bindings"]) for note in redis.notes]  # type: ignore[arg-type]
    assert sum(parts) == MAX_PENDING
    assert max(parts) == FIRST


async def test_what_redis_did_not_take_waits_and_the_newest_counts(
    told: Reports, redis: FakeRedis
) -> None:
    redis.is_away = True
    began = TrackBegan(room=ROOM, peer=PeerId("sam"), source="microphone", codec="opus")
    told.notice(began)
    told.notice(PeerLeft(room=ROOM, peer=PeerId("sam"), reason="silent"))
    told.notice(SpeakerChanged(room=ROOM, peer=PeerId("a")))
    told.notice(levels(("a", -20), ("b", -30)))
    await rounds(told)
    told.notice(SpeakerChanged(room=ROOM, peer=PeerId("b")))
    redis.is_away = False
    await rounds(told)
    merged = {key: value for note in redis.notes for key, value in note.items()}
    assert merged == {"speaker": "b", "left": ["sam"], "levels": [["a", -20], ["b", -30]]}


async def test_who_only_listened_leaves_without_a_word(told: Reports, redis: FakeRedis) -> None:
    told.notice(PeerLeft(room=ROOM, peer=PeerId("listener"), reason="closed"))
    await told.report()
    assert redis.notes == []
