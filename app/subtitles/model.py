"""Speech that is turned into text: what is asked for, what comes back, and when to try again."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from app.core.ids import LectureId

JobState = Literal["waiting", "running", "submitted", "done", "failed"]

MAX_ATTEMPTS = 8

FIRST_DELAY_SECONDS = 30.0
LONGEST_DELAY_SECONDS = 3600.0

CALLBACK_SECONDS = 6 * 3600.0
"""How long a service may take before it is asked again."""

Segment = tuple[int, int | None, str]
"""Start and end in ms since the lecture began, and the text."""

Progress = Callable[[int], Awaitable[None]]
"""Told the percentage that is done."""


class SpeechError(Exception):
    """Speech was not recognised. ``retriable``: the same request may succeed later."""

    def __init__(self, reason: str, *, retriable: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retriable = retriable


@dataclass(frozen=True, slots=True)
class Audio:
    """A lecture's sound. Its time is the lecture's."""

    url: str
    """A signed address, absolute, for somebody else to fetch it from."""
    key: str = ""
    """Its name in our own storage."""


class SpeechToText(Protocol):
    """The port: an engine here, or a service elsewhere."""

    async def recognise(
        self, lecture: LectureId, audio: Audio, progress: Progress
    ) -> Sequence[Segment] | None:
        """Return what was said; None: accepted, and the result comes by callback.

        Raises SpeechError.
        """


class AudioSource(Protocol):
    """Where a lecture's sound comes from: what was recorded."""

    async def audio(self, lecture: LectureId) -> Audio | None:
        """Return the sound; None while there is none. Raises Unavailable."""

    async def may_come(self, lecture: LectureId) -> bool:
        """Tell whether there will be sound that is not there yet. Raises Unavailable."""


class SpeechSink(Protocol):
    """Where recognised speech goes: the archive."""

    async def set_speech(self, lecture: LectureId, segments: Sequence[Segment]) -> int:
        """Replace the lecture's recognised speech; return how many segments there are."""


def delay_seconds(attempts: int) -> float:
    """Return how long to wait after so many failed attempts."""
    return min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** max(0, attempts - 1))
