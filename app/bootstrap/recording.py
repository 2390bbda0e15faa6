"""Puts the recording together: the relay's side, its recorder process, and where files are kept."""

import asyncio
import contextlib
import sys
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from app.bootstrap.foundation import Foundation
from app.bootstrap.process import entered
from app.bootstrap.secrets import jwt_secret
from app.core.ids import LectureId
from app.recorder import spool_folder, storage, work_folder
from app.recording.delivery import Deliveries
from app.recording.finaliser import Finaliser
from app.recording.jobs import RecordingJobs
from app.recording.records import RecordingRecords
from app.recording.service import RecordingConfig, Recordings
from app.recording.state import RecordingStates
from app.recording.storage.folder import FolderStorage
from app.recording.storage.signing import Signer
from app.settings import Settings
from app.transport.http.recording_routes import LocalFiles

REPORT_BYTES: Final = 1 << 20
"""Of one line of a worker's."""


@dataclass(frozen=True, slots=True)
class ApiRecording:
    """An api process' side."""

    recordings: Recordings
    is_on: bool
    files: LocalFiles | None
    """What this server itself hands out."""


async def api_recording(base: Foundation, stack: contextlib.AsyncExitStack) -> ApiRecording:
    """Open an api process' side: what is asked of recordings, and its share of finalising them.

    Also where no lecture may be recorded (any more): older recordings stay what they are.
    """
    settings, clock = base.settings, base.clock
    links = Signer(jwt_secret(settings))
    kept = storage(settings, links)
    records = RecordingRecords(base.sql, clock)
    recordings = Recordings(
        records,
        RecordingStates(base.redis),
        kept,
        clock,
        RecordingConfig(
            is_on=settings.recording == "on",
            by_default=settings.recording_default == "on",
            link_seconds=settings.recording_link_seconds,
        ),
    )
    await entered(stack, Deliveries(kept, spool_folder(settings)))
    await entered(
        stack,
        Finaliser(
            records,
            RecordingJobs(base.sql, clock),
            kept,
            _spawn_worker,
            base.node,
            work_folder(settings),
        ),
    )
    files = None
    if isinstance(kept, FolderStorage):
        files = LocalFiles(kept.root, links, clock)
    return ApiRecording(recordings, settings.recording == "on", files)


def media_origins(settings: Settings) -> tuple[str, ...]:
    """Return where browsers get recordings from, if that is not this server."""
    if settings.recordings_url is None or not settings.recordings_url.startswith("s3:"):
        return ()
    if settings.s3_endpoint is None:
        return (f"https://s3.{settings.s3_region}.amazonaws.com",)
    parts = urlsplit(settings.s3_endpoint)
    return (f"{parts.scheme}://{parts.netloc}",)


async def _spawn_worker(lecture: LectureId) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "finalise", lecture,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=REPORT_BYTES,
    )  # fmt: skip
