"""A disk that fills while a lecture is recorded: row 38 of the fault matrix."""

import contextlib
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.faults.recordings import seconds_in, whole
from tests.faults.rows import Row
from tests.faults.world import World, until


@pytest.fixture
def recorded() -> Iterator[World]:
    """A world whose recorder writes to a disk of 8 MB; whoever runs this needs to be root."""
    world = World(apis=1, relays=1)
    for relay in world.relays:
        relay.environment["LECTERN_RECORDING_RESERVE_MB"] = "0"
    spool = world.folder / "recordings" / "spool"
    spool.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(spool)]
    subprocess.run(mount, check=True, timeout=10)
    try:
        with world:
            yield world
    finally:
        subprocess.run(["umount", "-l", str(spool)], check=True, timeout=10)


async def test_row_38_disk_full_while_recording(recorded: World, row: Row) -> None:
    """Disk full while recording: the lecture goes on, files play to the cut, and it resumes."""
    mine = Row(recorded, row.properties)
    await mine.lecture(2)
    mine.stay()
    show = await mine.show()
    host, spool = mine.host, recorded.folder / "recordings" / "spool"
    answer = await host.call("record", {"on": True})
    assert (answer["ok"], answer["state"]) == (True, "on")
    began = time.monotonic()
    await until(lambda: list(spool.glob("*/*.webm")), 20, "a file is written")
    written = time.monotonic()
    await until(lambda: time.monotonic() - written > 3, 10)
    load = mine.load()
    ballast = spool / "ballast"
    with ballast.open("wb") as full, contextlib.suppress(OSError):
        while True:
            full.write(bytes(65_536))
            full.flush()
    filled = time.monotonic()
    await host.until(lambda: _states(host)[-1:] == [("failed", "disk_full")], 10)
    row.figure("presenter told", time.monotonic() - filled, most=5.0)
    kept = recorded.folder / "recordings" / "kept"
    await until(lambda: list(kept.rglob("*.webm")), 15, "the file is brought out")
    (cut,) = kept.rglob("*.webm")
    row.figure("playable to the cut, lost", filled - written - seconds_in(cut), most=2.5)
    taken = load.taken
    await until(lambda: load.taken >= taken + 20, 20, "the lecture goes on")
    ballast.unlink()
    freed = time.monotonic()
    await host.until(lambda: _states(host)[-1:] == [("on", None)], 20)
    row.figure("recording again", time.monotonic() - freed, most=10.0)
    await until(lambda: list(spool.glob("*/*.webm")), 20, "another file is written")
    row.figure("longest silence of the media", show.longest_gap, most=0.5)
    await load.stop()
    await mine.settled()
    ended = time.monotonic()
    await mine.finish()
    lecture = cut.parent.parent.name
    found = await whole(recorded, lecture)
    longest = max(one["end"] for one in found["files"]) / 1000
    # The lecture began a moment before the recording; X15 asks for a second.
    row.figure("file time less lecture time", abs(longest - _lecture_seconds(found, began, ended)))
    assert {one["kind"] for one in found["files"]} == {"audio", "mix"}


def _states(host: object) -> list[tuple[str, str | None]]:
    heard = host.heard("recording")  # type: ignore[attr-defined]
    return [(one["state"], one["reason"]) for one in heard]


def _lecture_seconds(found: dict[str, object], began: float, ended: float) -> float:
    files = found["files"]
    assert isinstance(files, list)
    first = min(one["start"] for one in files if one["kind"] == "audio") / 1000
    return first + ended - began
