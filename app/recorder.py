"""The processes that write recordings and make them whole: small ones, which import no more than
they need, for they are started while a lecture waits (app.bootstrap takes two seconds)."""

import asyncio
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from app.core.clock import SystemClock
from app.core.ids import LectureId
from app.recording.storage.folder import FolderStorage
from app.recording.storage.port import Storage
from app.recording.storage.s3 import S3Config, S3Storage
from app.recording.storage.signing import Signer
from app.settings import Settings


def recordings_folder(settings: Settings) -> Path:
    """Return where this machine's recorders work, and by default where recordings are kept."""
    return settings.data_dir.absolute() / "recordings"


def spool_folder(settings: Settings) -> Path:
    return recordings_folder(settings) / "spool"


def has_leftovers(settings: Settings) -> bool:
    """Tell whether an earlier recorder of this machine left anything."""
    folder = spool_folder(settings)
    return folder.is_dir() and any(folder.iterdir())


def work_folder(settings: Settings) -> Path:
    return recordings_folder(settings) / "work"


def storage(settings: Settings, signer: Signer | None = None) -> Storage:
    """Return where recordings are kept; without a signer a folder gives no links."""
    place = settings.recordings_url
    if place is None or not place.startswith("s3:"):
        root = Path(place) if place else recordings_folder(settings) / "kept"
        return FolderStorage(root, signer)
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


async def run_recorder(settings: Settings, link: int) -> None:
    """Write what the relay at the other end of ``link`` sends, until it is gone."""
    # Imported here: it brings FFmpeg, and an api process asks this module for its storage alone.
    from app.recording.recorder_process import RecorderConfig, RecorderProcess  # noqa: PLC0415

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


async def run_finalise(settings: Settings, lecture: LectureId) -> None:
    """Make one recording whole, as the order on standard input says; report on standard output.

    It ends with whoever ordered it: when that is gone, standard input ends.
    """
    from app.recording.assembly import Assembly  # noqa: PLC0415 (as above)
    from app.recording.orders import Order, Report  # noqa: PLC0415

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
