"""Finalises recordings after their lectures: any api process takes any job, one at a time.

A job is a row in SQL with a lease: whoever dies loses it, and another begins anew. The work itself
is done by a child process (``assembly``).
"""

import asyncio
import contextlib
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import structlog
from pydantic import ValidationError

from app.core import metrics
from app.core.errors import LecternError, Unavailable
from app.core.ids import LectureId, NodeId
from app.core.tasks import OnCrash, Tasks
from app.recording.delivery import raw_prefix
from app.recording.jobs import RecordingJobs
from app.recording.orders import (
    REPORTS,
    Advanced,
    Assembled,
    Away,
    Incomplete,
    Order,
    Report,
)
from app.recording.records import RecordingRecords
from app.recording.storage.port import Storage

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 2.0
AGAIN_SECONDS: Final = 60.0
"""Between two looks for late segments of lectures that are done."""
LEASE_SECONDS: Final = 20.0
RENEW_SECONDS: Final = 4.0
INCOMPLETE_SECONDS: Final = 10.0
STALL_SECONDS: Final = 1_800.0
"""A worker that reports nothing for so long hangs; a long lecture's percents come every minute."""
PATIENCE_SECONDS: Final = 600.0
"""After the end, segments that were announced and have not come are waited for no more."""
MOST_CRASHES: Final = 4
CRASH_SECONDS: Final = 10.0
AWAY_SECONDS: Final = 30.0
"""Before the next try where the storage is away; tried for ever, for the lecture is in there."""


class Worker(Protocol):
    """An ``assembly`` process: an order goes in, reports come out."""

    stdin: asyncio.StreamWriter | None
    stdout: asyncio.StreamReader | None

    async def wait(self) -> int: ...
    def kill(self) -> None: ...


SpawnWorker = Callable[[LectureId], Awaitable[Worker]]


@dataclass(slots=True)
class _Job:
    lecture: LectureId
    attempt: int
    percent: int = 0
    outcome: Report | None = None


class Finaliser:
    """This process' share of the jobs."""

    def __init__(
        self,
        records: RecordingRecords,
        jobs: RecordingJobs,
        storage: Storage,
        spawn: SpawnWorker,
        node: NodeId,
        work: Path,
    ) -> None:
        """``work``: where workers have their folders, named after their lectures."""
        self._records = records
        self._jobs = jobs
        self._storage = storage
        self._spawn = spawn
        self._node = node
        self._work = work
        self._tasks = Tasks("finaliser")

    async def open(self) -> None:
        """Begin to look for jobs."""
        _ = self._tasks.start("jobs", self._run, OnCrash.RESTART)
        _ = self._tasks.start("again", self._look_again, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop; a job under way is another process' when its lease ends. Safe to call twice."""
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            try:
                worked = await self.work()
            except Unavailable as error:
                log.debug("no jobs now", reason=error.message)
                worked = False
            if not worked:
                await asyncio.sleep(LOOK_SECONDS)

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            try:
                await self.look_again()
            except LecternError as error:
                log.debug("late segments are looked for later", reason=error.message)

    async def look_again(self) -> None:
        """Finalise once more what got segments after it was done. Raises Unavailable."""
        for lecture in await self._jobs.again():
            if await self._storage.names(raw_prefix(lecture)):
                log.info("segments came late", lecture=lecture)
                _ = await self._records.ask_again(lecture)

    async def work(self) -> bool:
        """Take one job that is due, and finish it; False where there is none. Raises
        Unavailable."""
        for lecture in await self._jobs.due():
            attempt = await self._jobs.take(lecture, self._node, LEASE_SECONDS)
            if attempt is not None:
                await self._work_on(_Job(lecture, attempt))
                return True
        return False

    async def _work_on(self, job: _Job) -> None:
        known = await self._records.read(job.lecture)
        order = Order(
            lecture=job.lecture,
            finals=list(known.files) if known is not None else [],
            is_last_call=await self._jobs.ended_for(job.lecture) > PATIENCE_SECONDS,
        )
        log.info("a recording is finalised", lecture=job.lecture, attempt=job.attempt)
        worker = await self._spawn(job.lecture)
        try:
            if await self._follow(worker, job, order):
                await self._conclude(job)
            else:
                metrics.RECORDING_JOBS.labels("cancelled").inc()
                log.info("a recording is not finalised any more", lecture=job.lecture)
        finally:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
            await worker.wait()
            folder = self._work / job.lecture
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _follow(self, worker: Worker, job: _Job, order: Order) -> bool:
        """Read the worker's reports to their end; False when the job is ours no more."""
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(order.model_dump_json().encode() + b"\n")
        await worker.stdin.drain()
        loop = asyncio.get_running_loop()
        renew_at = loop.time() + RENEW_SECONDS
        heard_at = loop.time()
        while True:
            try:
                async with asyncio.timeout_at(renew_at):
                    text = await worker.stdout.readline()
            except TimeoutError:
                text = None
            if text == b"" or loop.time() - heard_at > STALL_SECONDS:
                return True
            if text is not None:
                heard_at = loop.time()
                self._hear(job, text)
            if loop.time() >= renew_at:
                renew_at = loop.time() + RENEW_SECONDS
                if not await self._renew(job):
                    return False

    async def _renew(self, job: _Job) -> bool:
        try:
            return await self._jobs.renew(job.lecture, self._node, LEASE_SECONDS, job.percent)
        except Unavailable:  # the lease may end; whoever takes the job then does it again
            return True

    def _hear(self, job: _Job, text: bytes) -> None:
        try:
            report = REPORTS.validate_json(text)
        except ValidationError:
            log.warning("a worker said something else")
            return
        if isinstance(report, Advanced):
            job.percent = report.percent
        else:
            job.outcome = report

    async def _conclude(self, job: _Job) -> None:
        match job.outcome:
            case Assembled() as made:
                await self._finish(job, made)
            case Incomplete() as short:
                await self._postpone(job, f"{short.missing} files to come", INCOMPLETE_SECONDS)
            case Away() as away:
                await self._postpone(job, away.reason, AWAY_SECONDS)
            case _:
                await self._crashed(job)

    async def _postpone(self, job: _Job, reason: str, seconds: float) -> None:
        """Not now; that counts for no attempt."""
        log.info("a recording waits", lecture=job.lecture, reason=reason)
        await self._jobs.postpone(job.lecture, self._node, seconds, reason, job.attempt - 1)

    async def _crashed(self, job: _Job) -> None:
        reason = "the work on it crashed"
        if job.attempt < MOST_CRASHES:
            await self._jobs.postpone(
                job.lecture, self._node, CRASH_SECONDS * job.attempt, reason, job.attempt
            )
            return
        metrics.RECORDING_JOBS.labels("failed").inc()
        log.error("a recording cannot be finalised", lecture=job.lecture)
        await self._jobs.fail(job.lecture, self._node, reason)

    async def _finish(self, job: _Job, made: Assembled) -> None:
        if not await self._jobs.finish(job.lecture, self._node, made.files, made.audio):
            return
        metrics.RECORDING_JOBS.labels("done").inc()
        log.info("a recording is whole", lecture=job.lecture, files=len(made.files))
        for key in made.used:
            try:
                await self._storage.delete(key)
            except Unavailable as error:  # it is found again by the look an hour later
                log.warning("a segment stays", reason=error.message)
