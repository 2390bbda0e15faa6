"""A recogniser of our own: PocketSphinx with the English model of its wheel, in a child process.

Nothing leaves the machine, and nothing has to be fetched. What it is worth: read English, close to
the microphone, comes out with a few words in ten wrong; free speech, accents, noise and technical
words far worse. It is a draft to be corrected, and a way to find a passage; not a transcript.
"""

import asyncio
import importlib.util
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import orjson
import structlog

from app.core.ids import LectureId
from app.subtitles.model import Audio, Progress, Segment, SpeechError

log = structlog.get_logger(__name__)

SILENT_SECONDS = 300.0
"""A child that says nothing for so long is ended: it says how far it is every few seconds."""

LINE_BYTES = 1024 * 1024

Fetch = Callable[[str, Path], Awaitable[None]]
"""Brings a file of our storage to a path. Raises Unavailable."""


def is_installed() -> bool:
    """Tell whether the optional part ``speech`` is installed."""
    return importlib.util.find_spec("pocketsphinx") is not None


class Sphinx:
    """``fetch`` brings the sound here."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def recognise(
        self,
        lecture: LectureId,  # noqa: ARG002 (the port's)
        audio: Audio,
        progress: Progress,
    ) -> Sequence[Segment]:
        """Return what was said. Raises SpeechError."""
        with tempfile.TemporaryDirectory(prefix="lectern-speech-") as folder:
            path = Path(folder) / Path(audio.key).name
            await self._fetch(audio.key, path)
            return await self._hear(path, progress)

    async def _hear(self, path: Path, progress: Progress) -> list[Segment]:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "app.subtitles.sphinx_worker",
            str(path),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=LINE_BYTES,
        )
        assert child.stdout is not None
        segments: list[Segment] = []
        try:
            while True:
                async with asyncio.timeout(SILENT_SECONDS):
                    line = await child.stdout.readline()
                if not line:
                    break
                said = orjson.loads(line)
                if "percent" in said:
                    await progress(said["percent"])
                else:
                    segments.append((said["start"], said["end"], said["text"]))
            status = await child.wait()
        except (TimeoutError, ValueError) as fault:
            raise SpeechError("the recogniser hangs", retriable=True) from fault
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if status != 0:
            raise SpeechError(f"the recogniser ended with {status}", retriable=status < 0)
        return segments
