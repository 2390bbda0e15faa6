"""Puts the archive together: logs brought to SQL, subtitles, retention, a person's rights."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter

from app.archive.archiver import Archiver
from app.archive.attendance import AttendanceBook
from app.archive.caretaker import Caretaker
from app.archive.deletion import Deletion
from app.archive.entries import ArchiveEntries
from app.archive.erasure import Erased, Erasure
from app.archive.log import RoomLogs
from app.archive.reader import ArchiveReader
from app.archive.scrubber import Scrubber
from app.archive.service import Archive
from app.archive.store import ArchiveStore
from app.auth.accounts import Accounts
from app.auth.shared_attempts import Counter
from app.bootstrap.foundation import Foundation
from app.bootstrap.process import entered
from app.bootstrap.secrets import jwt_secret, redis_url
from app.core.clock import Clock, SystemClock
from app.core.errors import NotFound
from app.core.ids import Email, LectureId
from app.recorder import storage
from app.recording.records import RecordingRecords
from app.recording.segments import key_of, mix_name
from app.recording.service import RecordingConfig, Recordings
from app.recording.state import RecordingStates
from app.settings import Settings, SettingsError
from app.store.redis import Redis
from app.store.sql import Sql
from app.subtitles.callback_key import CallbackKeys
from app.subtitles.callback_service import CallbackService
from app.subtitles.jobs import SubtitleJobs
from app.subtitles.model import Audio, SpeechToText
from app.subtitles.service import Subtitles
from app.subtitles.sphinx import Sphinx, is_installed
from app.transport.http.archive_endpoints import ArchiveEndpoints
from app.transport.http.archive_routes import archive_routes
from app.transport.http.export_routes import export_routes
from app.transport.http.identity import Callers
from app.transport.http.person_routes import person_routes
from app.transport.http.subtitle_routes import SubtitleEndpoints, subtitle_routes


class RecordedFiles:
    """A lecture's recordings, as the archive and the recognisers see them."""

    def __init__(self, recordings: Recordings, public_url: str | None) -> None:
        self._recordings = recordings
        self._public_url = public_url or ""

    async def delete(self, lecture: LectureId) -> None:
        """Delete every file of the lecture."""
        _ = await self._recordings.delete(lecture)

    async def audio_url(self, lecture: LectureId) -> str | None:
        """Return a signed address of the lecture's sound."""
        link = await self._recordings.audio(lecture)
        return None if link is None else self._absolute(link.url)

    async def summary(self, lecture: LectureId) -> Mapping[str, Any]:
        """Return how far the recording is, and how many files it has."""
        try:
            found = await self._recordings.of(lecture)
        except NotFound:
            return {}
        return {"state": found.state, "percent": found.percent, "files": len(found.files)}

    async def audio(self, lecture: LectureId) -> Audio | None:
        """Return the lecture's sound, for a recogniser."""
        link = await self._recordings.audio(lecture)
        if link is None:
            return None
        return Audio(self._absolute(link.url), key_of(lecture, mix_name(lecture)))

    async def may_come(self, lecture: LectureId) -> bool:
        """Tell whether the recording is being made, or waits to be."""
        try:
            return (await self._recordings.of(lecture)).state in {"live", "waiting", "running"}
        except NotFound:
            return False

    def _absolute(self, url: str) -> str:
        return self._public_url + url if url.startswith("/") else url


@dataclass(frozen=True, slots=True)
class ApiArchive:
    """What the rest of an api process needs of it."""

    attendance: AttendanceBook
    reader: ArchiveReader
    endpoints: ArchiveEndpoints
    subtitles: SubtitleEndpoints
    erasure: Erasure
    scrubber: Scrubber

    async def states(
        self, ids: Sequence[LectureId]
    ) -> Mapping[LectureId, tuple[str, datetime | None]]:
        """Return how far the records of lectures are, and when these are deleted."""
        days = self.endpoints.retention_days
        found = await self.reader.states(ids)
        return {ident: (one.state, one.expires_at(days)) for ident, one in found.items()}

    def routes(
        self, callers: Callers, accounts: Accounts, attempts: Counter
    ) -> Sequence[APIRouter]:
        """Return the routers of the archive."""
        return [
            archive_routes(self.endpoints, callers),
            export_routes(self.endpoints, callers),
            subtitle_routes(self.subtitles, callers),
            person_routes(self.erasure, self.scrubber, accounts, callers, attempts),
        ]


async def run_erase(settings: Settings, email: str) -> tuple[Erased, bool]:
    """Erase a person, and have the files forget them; tell what was done, and whether they did.

    Raises NotFound, Conflict, Unavailable.
    """
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        redis = await entered(stack, Redis(redis_url(settings)))
        sql = await entered(stack, Sql(settings.database))
        recordings = Recordings(
            RecordingRecords(sql, clock),
            RecordingStates(redis),
            storage(settings),
            clock,
            RecordingConfig(),
        )
        files = RecordedFiles(recordings, None)
        logs, reader = RoomLogs(redis), ArchiveReader(sql)
        deletion = Deletion(sql, logs, reader, files, clock)
        erasure = Erasure(sql, redis, logs, reader, deletion, clock)
        erased = await erasure.erase(Email(email.strip().lower()))
        return erased, await erasure.scrub(settings.database)


async def api_archive(
    base: Foundation, recordings: Recordings, stack: contextlib.AsyncExitStack
) -> ApiArchive:
    """Open it."""
    settings, clock, sql, redis = base.settings, base.clock, base.sql, base.redis
    logs, reader = RoomLogs(redis), ArchiveReader(sql)
    files = RecordedFiles(recordings, settings.public_url)
    entries = ArchiveEntries(sql)
    deletion = Deletion(sql, logs, reader, files, clock)
    erasure = Erasure(sql, redis, logs, reader, deletion, clock)
    keys = CallbackKeys(jwt_secret(settings))
    engine = _engine(settings, keys, clock)
    subtitles = Subtitles(SubtitleJobs(sql, clock), engine, files, entries)
    archive = Archive(sql, reader, clock)

    async def finished(lecture: LectureId) -> None:
        await erasure.finish(lecture)
        await subtitles.want(lecture)

    attendance = await entered(stack, AttendanceBook(sql, logs, base.node, clock))
    await entered(stack, Archiver(redis, logs, ArchiveStore(sql, clock), base.node, finished))
    await entered(stack, Caretaker(redis, deletion, base.node, settings.retention_days))
    await entered(stack, subtitles)
    scrubber = await entered(stack, Scrubber(redis, erasure, settings.database, base.node))
    return ApiArchive(
        attendance,
        reader,
        ArchiveEndpoints(archive, reader, entries, deletion, settings.retention_days, files),
        SubtitleEndpoints(archive, subtitles, keys, clock),
        erasure,
        scrubber,
    )


def _engine(settings: Settings, keys: CallbackKeys, clock: Clock) -> SpeechToText | None:
    if settings.speech == "sphinx":
        if not is_installed():
            raise SettingsError(
                ["LECTERN_SPEECH=sphinx needs PocketSphinx: pip install 'lectern[speech]'"]
            )
        return Sphinx(storage(settings).fetch)
    if settings.speech == "callback":
        key = settings.speech_key
        return CallbackService(
            settings.speech_url or "",
            key.get_secret_value() if key is not None else "",
            settings.speech_language,
            settings.public_url or "",
            keys,
            clock,
        )
    return None
