"""What real clients send through a real relay is what the files hold."""

import asyncio
import time

import pytest

from app.relay.messages import MuteTrack
from tests.integration.recording.conftest import LECTURE, Studio, until
from tests.integration.recording.recorded import contents, segments
from tests.integration.relay.clients import NODE, ROOM


async def test_sound_and_pictures_end_with_the_lecture(studio: Studio) -> None:  # L27, X15
    studio.feed.begin(ROOM, LECTURE, elapsed=100.0)
    began = time.monotonic()
    await studio.rig.join(presenter=True)
    await asyncio.sleep(4)
    studio.feed.end(ROOM)
    taken = time.monotonic() - began
    await until(lambda: len(list(studio.raw.glob("*"))) == 4)
    found = segments(studio.raw)
    sound, path = found["microphone"]
    heard = contents(path)
    assert sound.start_ms / 1000 + heard.duration == pytest.approx(100 + taken, abs=1)  # X15
    assert min(heard.levels[2:-12]) > 0.2
    picture, path = found["camera"]
    seen = contents(path)
    assert picture.start_ms / 1000 + seen.duration == pytest.approx(100 + taken, abs=1)
    assert len(seen.pictures) > 20
    assert {(width, height) for _, width, height in seen.pictures} == {(160, 120)}
    assert studio.faults == []
    assert studio.feed.dropped == 0


async def test_mutes_and_a_new_connection_go_on_in_the_same_file(studio: Studio) -> None:  # X15
    studio.feed.begin(ROOM, LECTURE, elapsed=0)
    began = time.monotonic()
    first = await studio.rig.join(presenter=True, epoch=1)
    await until(lambda: list(studio.spool.glob("*/*-microphone-*.webm")))
    await asyncio.sleep(1.5)
    mute = MuteTrack(room=ROOM, peer=None, source="microphone", by="presenter", on=True)
    await studio.rig.client.control(NODE, mute)
    muted = time.monotonic() - began
    await asyncio.sleep(1.5)
    await studio.rig.join(presenter=True, epoch=2, tone=880.0)  # a reload: new SSRCs, not muted
    back = time.monotonic() - began
    await first.close()
    await asyncio.sleep(1.5)
    studio.feed.end(ROOM)
    ended = time.monotonic() - began
    await until(lambda: len(list(studio.raw.glob("*"))) == 4)
    segment, path = segments(studio.raw)["microphone"]
    found = contents(path)
    start = segment.start_ms / 1000
    assert start + found.duration == pytest.approx(ended, abs=1)
    silent = found.levels[round((muted + 0.4 - start) * 10) : round((back - 0.4 - start) * 10)]
    assert len(silent) > 3
    assert max(silent) == 0  # what nobody may hear is not kept either
    assert max(found.levels[round((back + 0.6 - start) * 10) :]) > 0.2
