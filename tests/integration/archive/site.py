"""The archive over HTTP: the application, and clients of it."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from app.archive.attendance import AttendanceBook
from app.archive.deletion import Deletion
from app.archive.entries import ArchiveEntries
from app.archive.erasure import Erasure
from app.archive.replaying import RecordLogs
from app.archive.scrubber import Scrubber
from app.archive.service import Archive
from app.auth.attempts import AttemptLimits
from app.auth.principal import Account
from app.auth.shared_attempts import LocalAttempts
from app.auth.tokens import UserTokens
from app.core.ids import Email, LectureId, NodeId
from app.subtitles.callback_key import CallbackKeys
from app.subtitles.jobs import SubtitleJobs
from app.subtitles.model import Audio, SpeechToText
from app.subtitles.service import Subtitles
from app.transport.http.app import create_http
from app.transport.http.archive_endpoints import ArchiveEndpoints
from app.transport.http.archive_routes import archive_routes
from app.transport.http.config import HttpConfig
from app.transport.http.export_routes import export_routes
from app.transport.http.person_routes import person_routes
from app.transport.http.subtitle_routes import SubtitleEndpoints, subtitle_routes
from tests.integration.archive.conftest import ArchiveWorld

SERVICE = {"Authorization": "the operator's service token, long enough"}
SECRET = "the tests' secret of at least 32 bytes"


@dataclass
class Files:
    """Plays app.recording."""

    deleted: list[LectureId] = field(default_factory=list)
    audio_of: dict[str, Audio] = field(default_factory=dict)
    coming: set[str] = field(default_factory=set)

    async def delete(self, lecture: LectureId) -> None:
        self.deleted.append(lecture)

    async def audio_url(self, lecture: LectureId) -> str | None:
        found = self.audio_of.get(lecture)
        return None if found is None else found.url

    async def summary(self, lecture: LectureId) -> dict[str, Any]:
        return {}

    async def audio(self, lecture: LectureId) -> Audio | None:
        return self.audio_of.get(lecture)

    async def may_come(self, lecture: LectureId) -> bool:
        return lecture in self.coming


class ArchiveSite:
    """One api process' HTTP side over a world."""

    def __init__(
        self, world: ArchiveWorld, engine: SpeechToText | None = None, url: str = ""
    ) -> None:
        self.world = world
        sql, clock, redis = world.sql, world.clock, world.redis
        self.files = Files()
        self.tokens = UserTokens(SECRET)
        self.entries = ArchiveEntries(sql)
        self.logs = RecordLogs(world.reader, self.entries)
        self.deletion = Deletion(sql, world.logs, world.reader, self.files, clock)
        self.erasure = Erasure(sql, redis, world.logs, world.reader, self.deletion, clock)
        self.scrubber = Scrubber(redis, self.erasure, url, "api-1")
        self.keys = CallbackKeys(SECRET)
        self.jobs = SubtitleJobs(sql, clock)
        self.subtitles = Subtitles(self.jobs, engine, self.files, self.entries)
        self.book = AttendanceBook(sql, world.logs, NodeId("api-1"), clock)
        archive = Archive(sql, world.reader, clock)
        endpoints = ArchiveEndpoints(
            archive, world.reader, self.entries, self.deletion, 0, self.files
        )

        async def yes() -> bool:
            return True

        self.app = create_http(
            HttpConfig(service_token=SERVICE["Authorization"]),
            accounts=world.accounts,
            catalogue=world.catalogue,
            tokens=self.tokens,
            lectures=None,  # type: ignore[arg-type]
            redis_ready=yes,
            sql_ready=yes,
            relay_ready=yes,
            clock=clock,
            more=lambda callers: [
                archive_routes(endpoints, callers),
                export_routes(endpoints, callers),
                subtitle_routes(
                    SubtitleEndpoints(archive, self.subtitles, self.keys, clock), callers
                ),
                person_routes(
                    self.erasure,
                    self.scrubber,
                    world.accounts,
                    callers,
                    LocalAttempts(clock, AttemptLimits()),
                ),
            ],
        )
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://lectern.test"
        )

    def as_(self, name: str) -> dict[str, str]:
        """The headers of an account."""
        account = Account(Email(f"{name}@example.org"), name)
        return {"Authorization": self.tokens.issue(account, self.world.clock.wall())}

    async def sign_up(self, name: str) -> dict[str, str]:
        await self.world.accounts.create(name, f"{name}@example.org", "secret")
        return self.as_(name)
