"""Turns the speech of lectures that are over into text, one at a time in each process."""

import asyncio
from collections.abc import Sequence

import structlog

from app.core.errors import LecternError, Unavailable
from app.core.ids import LectureId
from app.core.tasks import OnCrash, Tasks
from app.subtitles.jobs import SubtitleJobs
from app.subtitles.model import AudioSource, Segment, SpeechError, SpeechSink, SpeechToText

log = structlog.get_logger(__name__)

ROUND_SECONDS = 5.0

LEASE_SECONDS = 120.0
"""After which another process takes up the work of one that died."""

RENEW_SECONDS = 30.0

AUDIO_SECONDS = 15.0
"""Between two looks whether a recording is finished."""


class Subtitles:
    """Guarantees that a lecture's speech is recognised once it was asked for, as long as it has
    sound: failures that may pass are tried again, eight times over some hours; a process that dies
    is followed by another one."""

    def __init__(
        self, jobs: SubtitleJobs, engine: SpeechToText | None, audio: AudioSource, sink: SpeechSink
    ) -> None:
        self._jobs = jobs
        self._engine = engine
        self._audio = audio
        self._sink = sink
        self._tasks = Tasks("subtitles")

    async def open(self) -> None:
        """Begin, if there is an engine."""
        if self._engine is not None:
            _ = self._tasks.start("recognise", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop; what was begun is taken up again by whoever runs next. Safe to call twice."""
        await self._tasks.close()

    async def want(self, lecture: LectureId) -> None:
        """Have a lecture's speech recognised. Idempotent; nothing where there is no engine."""
        if self._engine is not None:
            _ = await self._jobs.want(lecture)

    async def take(self, lecture: LectureId, segments: Sequence[Segment]) -> int:
        """Keep what a service found, whenever it comes; return how many segments."""
        count = await self._sink.set_speech(lecture, segments)
        await self._jobs.done(lecture)
        return count

    async def refuse(self, lecture: LectureId, reason: str) -> None:
        """Note that a service found nothing; it is asked again, for a while."""
        state = await self._jobs.failed(lecture, reason, retriable=True)
        log.warning("speech was not recognised", lecture=lecture, state=state)

    async def _run(self) -> None:
        while True:
            try:
                while await self.work():
                    pass
            except Unavailable as error:
                log.debug("subtitles wait", reason=error.message)
            await asyncio.sleep(ROUND_SECONDS)

    async def work(self) -> bool:
        """Do one job whose time has come; False when there is none."""
        lecture = await self._jobs.take(LEASE_SECONDS)
        if lecture is None or self._engine is None:
            return False
        audio = await self._audio.audio(lecture)
        if audio is None:
            if await self._audio.may_come(lecture):
                await self._jobs.postpone(lecture, AUDIO_SECONDS)
            else:
                await self._jobs.drop(lecture)  # it was never recorded
            return True

        async def progress(percent: int) -> None:
            await self._jobs.renew(lecture, LEASE_SECONDS, min(99, percent))

        try:
            segments = await self._engine.recognise(lecture, audio, progress)
        except Unavailable:
            raise  # its lease ends, and somebody takes it up again
        except (SpeechError, LecternError) as fault:
            error = fault if isinstance(fault, SpeechError) else _lost(fault)
            state = await self._jobs.failed(lecture, error.reason, retriable=error.retriable)
            log.warning("speech was not recognised", reason=error.reason, state=state)
            return True
        if segments is None:
            await self._jobs.submitted(lecture)
        else:
            _ = await self.take(lecture, segments)
            log.info("speech was recognised", segments=len(segments))
        return True


def _lost(fault: LecternError) -> SpeechError:
    """The sound was deleted, or made anew, while it was about to be heard."""
    return SpeechError(f"the sound: {fault.code}", retriable=True)
