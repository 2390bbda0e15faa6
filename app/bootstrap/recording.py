"""Puts the recording together: the relay's side, its recorder process, and where files are kept."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.bootstrap.foundation import Foundation
from app.bootstrap.process import entered
from app.bootstrap.secrets import jwt_secret
from app.core.clock import Clock, SystemClock
from app.core.ids import LectureId, NodeId
from app.recording.assembly import Assembly, Order, Report
from app.recording.delivery import Deliveries
from app.recording.feed import Feed
from app.recording.finaliser import Finaliser
from app.recording.recorder_process import RecorderConfig, RecorderProcess
from app.recording.records import RecordingRecords
from app.recording.service import RecordingConfig, Recordings
from app.recording.state import RecordingStates
from app.recording.storage.folder import FolderStorage
from app.recording.storage.port import Storage
from app.recording.storage.s3 import S3Config, S3Storage
from app.recording.storage.signing import Signer
from app.recording.watch import Watch
from app.relay.service import RelayService
from app.settings import Settings
from app.store.redis import Redis
from app.transport.http.recording_routes import LocalFiles

REPORT_BYTES: Final = 1 << 20
"""Of one line of a worker's."""


def recordings_folder(settings: Settings) -> Path:
    """Return where this machine's recorders work, and by default where recordings are kept."""
    return settings.data_dir.absolute() / "recordings"


def spool_folder(settings: Settings) -> Path:
    return recordings_folder(settings) / "spool"


def work_folder(settings: Settings) -> Path:
    return recordings_folder(settings) / "work"


def signer(settings: Settings) -> Signer:
    return Signer(jwt_secret(settings))


def storage(settings: Settings) -> Storage:
    """Return where recordings are kept."""
    place = settings.recordings_url
    if place is None or not place.startswith("s3:"):
        root = Path(place) if place else recordings_folder(settings) / "kept"
        return FolderStorage(root, signer(settings))
    secret = settings.s3_secret
    return S3Storage(
        S3Config.of(
            place,
            endpoint=settings.s3_endpoint,
            region=settings.s3_region,
            key_id=settings.s3_key_id,
            secret=secret.get_secret_value() if secret is not None else "",
        )
    )


async def relay_recording(
    settings: Settings,
    redis: Redis,
    relay: RelayService,
    node: NodeId,
    clock: Clock,
    stack: contextlib.AsyncExitStack,
) -> None:
    """Let a relay's rooms be recorded, where lectures may be."""
    if settings.recording == "off":
        return
    watch = Watch(RecordingStates(redis), node, lambda: relay.rooms)
    feed = Feed(relay, _spawn_recorder, clock, watch.note_fault)
    watch.attach(feed)
    await entered(stack, feed)
    await entered(stack, watch)


async def _spawn_recorder(link: int) -> asyncio.subprocess.Process:
    """Start a recorder with the same settings as this process'. It ends when its link does."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "recorder", "--link", str(link),
        stdin=asyncio.subprocess.DEVNULL,
        pass_fds=(link,),
        start_new_session=True,
    )  # fmt: skip


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
    kept = storage(settings)
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
    await entered(stack, Finaliser(records, kept, _spawn_worker, base.node, work_folder(settings)))
    files = None
    if isinstance(kept, FolderStorage):
        files = LocalFiles(kept.root, signer(settings), clock)
    return ApiRecording(recordings, settings.recording == "on", files)


async def _spawn_worker(lecture: LectureId) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "finalise", lecture,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=REPORT_BYTES,
    )  # fmt: skip


async def run_finalise(settings: Settings, lecture: LectureId) -> None:
    """Make one recording whole, as the order on standard input says; report on standard output.

    It ends with whoever ordered it: when that is gone, standard input ends.
    """
    os.nice(10)
    order = Order.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, name="finalise.parent", daemon=True).start()

    def report(said: Report) -> None:
        sys.stdout.write(said.model_dump_json() + "\n")
        sys.stdout.flush()

    await Assembly(order, storage(settings), work_folder(settings) / lecture, report).run()


def _end_with_parent() -> None:
    # Not by ``sys.stdin``, whose lock would be held at the interpreter's end.
    while os.read(0, 4096):
        pass
    os._exit(1)


async def run_recorder(settings: Settings, link: int) -> None:
    """Write what the relay at the other end of ``link`` sends, until it is gone."""
    os.nice(5)  # forwarding comes first
    config = RecorderConfig(
        spool=spool_folder(settings),
        reserve_bytes=settings.recording_reserve_mb * 1024 * 1024,
    )
    process = RecorderProcess(config, socket.socket(fileno=link), storage(settings), SystemClock())
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, process.stop)
    loop.add_signal_handler(signal.SIGINT, process.stop)
    await process.run()
