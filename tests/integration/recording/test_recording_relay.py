"""What real clients send through a real relay is what the files hold."""

import asyncio
import time

import pytest

from tests.integration.recording.conftest import LECTURE, Studio, until
from tests.integration.recording.recorded import contents, segments
from tests.integration.relay.clients import ROOM


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
