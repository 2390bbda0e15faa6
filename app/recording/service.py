"""Recordings, for whoever serves people: switched, looked up, read by links, dropped."""

from dataclasses import dataclass
from typing import Final, Literal

import structlog

from app.core.clock import Clock
from app.core.errors import Conflict, Forbidden, NotFound
from app.core.ids import Email, LectureId, RoomId
from app.recording.model import RecordingState
from app.recording.records import Recording, RecordingRecords
from app.recording.segments import RecordedFile, key_of, mix_name
from app.recording.state import RecordingStates
from app.recording.storage.port import Storage

log = structlog.get_logger(__name__)

SWITCHED_OFF: Final = "this server records no lectures"


@dataclass(frozen=True, slots=True)
class RecordingConfig:
    """What an operator decides."""

    is_on: bool = True
    """Lectures may be recorded at all."""
    by_default: bool = False
    """A lecture is recorded from its start where nobody said otherwise."""
    link_seconds: int = 21_600
    """How long a link to a file is good."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a file may be read, by anybody who has this, until it ends; a path of this server, or
    an address of the storage."""

    url: str
    expires: float
    """Seconds since the epoch."""


class Recordings:
    """Every method raises Unavailable while SQL, Redis or the storage is away. Who may do what is
    the callers' to know, except that a presenter's epoch is checked."""

    def __init__(
        self,
        records: RecordingRecords,
        states: RecordingStates,
        storage: Storage,
        clock: Clock,
        config: RecordingConfig,
    ) -> None:
        self._records = records
        self._states = states
        self._storage = storage
        self._clock = clock
        self._config = config

    # Live ------------------------------------------------------------------------------------

    async def set_wish(self, lecture: LectureId, on: bool) -> None:
        """Say whether a lecture is to be recorded from its start. Raises Forbidden where the
        server records nothing."""
        if on and not self._config.is_on:
            raise Forbidden(SWITCHED_OFF)
        await self._records.set_wish(lecture, on)

    async def begin_if_wanted(self, lecture: LectureId) -> bool:
        """Tell whether a lecture that starts now is to be recorded, and expect its files if so."""
        if not self._config.is_on:
            return False
        wish = await self._records.wish(lecture)
        wanted = self._config.by_default if wish is None else wish
        if wanted:
            await self._records.went_live(lecture)
        return wanted

    async def switch(self, room: RoomId, epoch: int, on: bool) -> RecordingState:
        """Record a live lecture from now on, or no more; everybody in it is told.

        Raises StalePresenter, NotStarted, Ended; Forbidden where the server records nothing.
        """
        if on:
            if not self._config.is_on:
                raise Forbidden(SWITCHED_OFF)
            view = await self._states.view(room)
            if view is not None:  # first, so that no file is ever left without anybody knowing
                await self._records.went_live(view.lecture)
        return await self._states.switch(room, epoch, on)

    # Afterwards ------------------------------------------------------------------------------

    async def of(self, lecture: LectureId) -> Recording:
        """Return how far a lecture's recording has come, and its files. Raises NotFound where it
        was never recorded."""
        found = await self._records.read(lecture)
        if found is None or (found.state == "idle" and not found.files):
            raise NotFound("this lecture has no recording")
        return found

    async def role(self, lecture: LectureId, email: Email) -> Literal["owner", "attended"] | None:
        """Return what somebody was in a lecture: its recording is for those two."""
        return await self._records.role(lecture, email)

    def seconds_left(self, of: Recording) -> int | None:
        """Return an estimate of how long the work on it will take; None where there is none."""
        return of.seconds_left(self._records.now())

    async def link(self, lecture: LectureId, name: str) -> Link:
        """Return where one file can be read: by Range, with HEAD only where it is local."""
        now = self._clock.wall()
        seconds = self._config.link_seconds
        url = await self._storage.url(key_of(lecture, name), seconds, now)
        return Link(url, now + seconds)

    async def links(self, of: Recording) -> list[tuple[RecordedFile, Link]]:
        """Return every file of a recording with its link."""
        return [(one, await self.link(of.lecture, one.name)) for one in of.files]

    async def audio(self, lecture: LectureId) -> Link | None:
        """Return where the sound of a whole lecture is, or None while there is none."""
        found = await self._records.read(lecture)
        name = mix_name(lecture)
        if found is None or not any(one.name == name for one in found.files):
            return None
        return await self.link(lecture, name)

    async def ask_again(self, lecture: LectureId) -> None:
        """Finalise a recording that failed, was cancelled, or is done, once more.

        Raises NotFound, and Conflict while it is being worked on.
        """
        if not await self._records.ask_again(lecture):
            _ = await self.of(lecture)
            raise Conflict("this recording is live, or being worked on")

    async def cancel(self, lecture: LectureId) -> None:
        """Stop finalising; what was recorded stays, and it may be asked for again.

        Raises NotFound, and Conflict where there is nothing to stop.
        """
        if not await self._records.cancel(lecture):
            _ = await self.of(lecture)
            raise Conflict("nothing is being done with this recording")

    async def keys(self, lecture: LectureId) -> list[str]:
        """Return the storage's key of everything there is of a lecture, finished or not."""
        return [one.key for one in await self._storage.names(f"{lecture}/")]

    async def delete(self, lecture: LectureId) -> int:
        """Drop every file of a lecture and what is noted of it; return how many files.

        Idempotent. Work on it stops first. After Unavailable some may be left: repeat it.
        """
        _ = await self._records.cancel(lecture)
        keys = await self.keys(lecture)
        for key in keys:
            await self._storage.delete(key)
        await self._records.forget(lecture)
        if keys:
            log.info("a recording was deleted", lecture=lecture, files=len(keys))
        return len(keys)
