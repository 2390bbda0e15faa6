"""Whatever happens to the recorder or its disk, the lecture goes on and what was written plays."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.recording.model import Segment
from tests.integration.recording.conftest import LECTURE, Studio, until
from tests.integration.recording.recorded import contents
from tests.integration.relay.clients import ROOM

pytestmark = pytest.mark.usefixtures("foremost")

TMPFS_BYTES = 8 * 1024 * 1024


def microphone(studio: Studio) -> list[tuple[Segment, Path]]:
    """Return the microphone's segments that are in the storage, in time."""
    found = [
        (Segment.model_validate_json(beside.read_bytes()), Path(str(beside).removesuffix(".json")))
        for beside in sorted(studio.raw.glob("*-microphone-*.json"))
    ]
    return [(segment, path) for segment, path in found if path.exists()]


async def test_a_killed_recorder_costs_a_second(studio: Studio) -> None:  # L27, O31
    studio.feed.begin(ROOM, LECTURE, elapsed=0)
    began = time.monotonic()
    await studio.rig.join(presenter=True)
    guest = await studio.rig.join()
    await until(lambda: list(studio.spool.glob("*/*-microphone-*.webm")))
    await asyncio.sleep(3)
    studio.recorders[0].send_signal(signal.SIGKILL)
    killed = time.monotonic() - began
    await guest.hears()  # the lecture never noticed
    await until(lambda: len(microphone(studio)) == 1)  # the next one brought what it left
    await until(lambda: list(studio.spool.glob("*/*-microphone-*.webm")))
    await asyncio.sleep(2)
    studio.feed.end(ROOM)
    ended = time.monotonic() - began
    await until(lambda: len(microphone(studio)) == 2)
    (first, left), (second, path) = microphone(studio)
    before, after = contents(left), contents(path)
    assert first.start_ms / 1000 + before.duration > killed - 2.2
    assert min(before.levels[3:-3]) > 0.2
    assert second.start_ms / 1000 < killed + 6
    assert second.start_ms / 1000 + after.duration == pytest.approx(ended, abs=1)  # X15
    assert studio.faults == [(ROOM, "recorder_down"), (ROOM, None)]
    await until(lambda: not list(studio.spool.glob("*/*.webm*")))


async def test_a_recorder_that_stands_still_holds_nobody_up(studio: Studio) -> None:  # O29
    studio.feed.begin(ROOM, LECTURE, elapsed=0)
    await studio.rig.join(presenter=True)
    guest = await studio.rig.join()
    await until(lambda: list(studio.spool.glob("*/*-microphone-*.webm")))
    studio.recorders[0].send_signal(signal.SIGSTOP)
    try:
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            await guest.hears()
    finally:
        studio.recorders[0].send_signal(signal.SIGCONT)
    await asyncio.sleep(0.5)
    studio.feed.end(ROOM)
    await until(lambda: len(microphone(studio)) == 1)
    ((_, path),) = microphone(studio)
    found = contents(path)
    assert min(found.levels[3:-12]) > 0.2  # what waited in the socket is all there
    assert studio.feed.dropped == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose spool is on a disk of its own, of 8 MB."""
    spool = tmp_path / "recordings" / "spool"
    spool.mkdir(parents=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", str(spool)], check=True
    )
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(spool)], check=True)


@pytest.fixture
async def cramped(small_disk: Path) -> AsyncIterator[Studio]:
    made = Studio(small_disk)
    await made.open()
    yield made
    await made.close()


def fill(path: Path) -> None:
    with path.open("wb") as file, contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(4096))


async def test_a_full_disk_ends_the_files_and_not_the_lecture(cramped: Studio) -> None:  # 38
    await cramped.rig.join(presenter=True)
    guest = await cramped.rig.join()  # before: its handshake stops the loop that plays the sound
    cramped.feed.begin(ROOM, LECTURE, elapsed=0)
    await until(lambda: list(cramped.spool.glob("*/*-microphone-*.webm")))
    await asyncio.sleep(2)
    ballast = cramped.spool / "ballast"
    fill(ballast)
    await until(lambda: cramped.faults == [(ROOM, "disk_full")])
    await guest.hears()  # the lecture goes on
    await until(lambda: len(microphone(cramped)) == 1)  # brought out, though the disk is full
    ((_, path),) = microphone(cramped)
    found = contents(path)
    assert found.duration > 1
    assert min(found.levels[3:]) > 0.2, found.levels  # playable to the cut
    ballast.unlink()
    await until(lambda: (ROOM, None) in cramped.faults)
    await until(lambda: list(cramped.spool.glob("*/*-microphone-*.webm")))
    await asyncio.sleep(1)
    cramped.feed.end(ROOM)
    await until(lambda: len(microphone(cramped)) == 2)
    _, (_, path) = microphone(cramped)
    assert contents(path).duration > 0.8
