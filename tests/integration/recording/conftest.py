"""A relay with real clients, and a real recorder process beside it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.core.clock import SystemClock
from app.core.ids import LectureId, RoomId
from app.recording.feed import Feed
from tests.integration.relay.clients import Rig

LECTURE = LectureId("0123456789abcdef0123456789abcdef")


class Studio:
    """A relay, its feed, and the recorder that the feed starts."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.rig = Rig()
        self.faults: list[tuple[RoomId, str | None]] = []
        self.recorders: list[asyncio.subprocess.Process] = []
        self._environment = {
            **os.environ,
            "LECTERN_DATA_DIR": str(folder),
            "LECTERN_RECORDING_RESERVE_MB": "0",
            **settings,
        }
        self.feed = Feed(
            self.rig.service,
            self._spawn,
            SystemClock(),
            lambda room, _, reason: self.faults.append((room, reason)),
        )

    @property
    def spool(self) -> Path:
        return self.folder / "recordings" / "spool"

    @property
    def raw(self) -> Path:
        return self.folder / "recordings" / "kept" / LECTURE / "raw"

    async def _spawn(self, link: int) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app", "recorder", "--link", str(link),
            pass_fds=(link,),
            env=self._environment,
        )  # fmt: skip
        self.recorders.append(process)
        return process

    async def open(self) -> None:
        await self.rig.service.open()
        await self.feed.open()

    async def close(self) -> None:
        await self.feed.close()
        await self.rig.close()
        for process in self.recorders:
            async with asyncio.timeout(30):
                await process.wait()


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    made = Studio(tmp_path)
    await made.open()
    yield made
    await made.close()


async def until(condition: Callable[[], object], within: float = 30.0) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.05)
