"""Recordings over REST: who may see them, and files by signed links with Range and HEAD."""

from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.auth.principal import Account
from app.auth.tokens import UserTokens
from app.bootstrap.recording import media_origins
from app.core.ids import Email, LectureId
from app.recording.jobs import SETTLE_SECONDS, RecordingJobs
from app.recording.records import RecordingRecords
from app.recording.segments import RecordedFile, mix_name
from app.recording.service import RecordingConfig, Recordings
from app.recording.storage.folder import FolderStorage
from app.recording.storage.signing import Signer
from app.settings import Settings
from app.transport.http.identity import Callers
from app.transport.http.recording_routes import LocalFiles, recording_routes
from app.transport.http.security import headers_with_media, security_headers
from tests.integration.http.conftest import SERVICE_TOKEN, Site

OWNER, STUDENT, STRANGER = "ada@example.org", "bob@example.org", "eve@example.org"
SOUND = bytes(range(256)) * 40


@dataclass
class Library:
    """A site with one finished recording."""

    site: Site
    lecture: LectureId
    records: RecordingRecords
    storage: FolderStorage
    tokens: UserTokens

    @property
    def path(self) -> str:
        return f"/lecture/recording/{self.lecture}"

    async def call(self, method: str, path: str, who: str = "", **headers: str) -> httpx.Response:
        if who and "@" in who:
            account = Account(Email(who), who.partition("@")[0])
            headers["Authorization"] = self.tokens.issue(account, self.site.clock.wall())
        elif who:
            headers["Authorization"] = who
        return await self.site.client.request(method, path, headers=headers)

    async def link(self, name: str) -> str:
        card = (await self.call("GET", self.path, OWNER)).json()
        return str({one["name"]: one for one in card["files"]}[name]["url"])


@pytest.fixture
async def library(site: Site, tmp_path: Path) -> Library:
    signer = Signer("s" * 32)
    storage = FolderStorage(tmp_path / "kept", signer)
    records, jobs = RecordingRecords(site.sql, site.clock), RecordingJobs(site.sql, site.clock)
    recordings = Recordings(
        records,
        None,  # type: ignore[arg-type]  # nothing here is live
        storage,
        site.clock,
        RecordingConfig(link_seconds=600),
    )
    callers = Callers(site.tokens, SERVICE_TOKEN, site.clock)
    router = recording_routes(recordings, callers, LocalFiles(storage.root, signer, site.clock))
    site.app.include_router(router)
    for email in (OWNER, STUDENT, STRANGER):
        answer = await site.client.post(
            "/auth/signup",
            json={"username": email, "email": email, "password": "correct horse battery"},
        )
        assert answer.status_code == 201
    lecture = (await site.catalogue.create(Email(OWNER), "Title", "")).id
    await site.catalogue.attend(lecture, Email(STUDENT))
    await records.went_live(lecture)
    await site.catalogue.ended(lecture)
    site.clock.advance(SETTLE_SECONDS)
    assert await jobs.take(lecture, "api-1", 20) == 1
    files = []
    for name, kind, content_type in (
        ("presenter-microphone-opus.webm", "audio", "audio/webm"),
        (mix_name(lecture), "mix", "audio/mpeg"),
    ):
        path = tmp_path / name
        path.write_bytes(SOUND)
        await storage.put(f"{lecture}/{name}", path, content_type)
        files.append(
            RecordedFile(
                name, kind, "presenter", "microphone", "opus", content_type,
                len(SOUND), 500, 9_500, ((500, 9_500),),
            )
        )  # fmt: skip
    assert await jobs.finish(lecture, "api-1", files, mix_name(lecture))
    return Library(site, lecture, records, storage, site.tokens)


async def test_who_gave_or_attended_sees_it_and_nobody_else(library: Library) -> None:
    for who in (OWNER, STUDENT, SERVICE_TOKEN):
        answer = await library.call("GET", library.path, who)
        assert answer.status_code == 200
        card = answer.json()
        assert (card["state"], card["percent"], card["secondsLeft"]) == ("done", 100, None)
        assert {one["contentType"] for one in card["files"]} == {"audio/webm", "audio/mpeg"}
        assert card["files"][0]["active"] == [[500, 9500]]
    assert (await library.call("GET", library.path)).status_code == 401
    assert (await library.call("GET", library.path, STRANGER)).status_code == 404
    unknown = f"/lecture/recording/{'f' * 32}"
    assert (await library.call("GET", unknown, OWNER)).status_code == 404
    assert (await library.call("GET", unknown, SERVICE_TOKEN)).status_code == 404
    assert (await library.call("GET", "/lecture/recording/004217", OWNER)).status_code == 400


async def test_a_file_is_read_whole_in_parts_and_not_at_all(library: Library) -> None:
    url = await library.link(mix_name(library.lecture))
    whole = await library.call("GET", url)
    assert (whole.status_code, whole.content) == (200, SOUND)
    assert whole.headers["content-type"] == "audio/mpeg"
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["cache-control"].startswith("private, max-age=")
    part = await library.call("GET", url, Range="bytes=1000-1999")
    assert (part.status_code, part.content) == (206, SOUND[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(SOUND)}"
    tail = await library.call("GET", url, Range="bytes=-10")
    assert tail.content == SOUND[-10:]
    beyond = await library.call("GET", url, Range=f"bytes={len(SOUND)}-")
    assert beyond.status_code == 416
    head = await library.call("HEAD", url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(SOUND))
    sound = await library.call("GET", await library.link("presenter-microphone-opus.webm"))
    assert sound.headers["content-type"] == "audio/webm"


async def test_a_link_that_ended_or_was_made_up_opens_nothing(library: Library) -> None:
    url = await library.link(mix_name(library.lecture))
    for wrong in (
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.replace(mix_name(library.lecture), "presenter-microphone-opus.webm"),
        url.replace("/recordings/", "/recordings/..%2f").replace("..%2f", "f"),
    ):
        assert (await library.call("GET", wrong)).status_code in {400, 403}, wrong
    assert (await library.call("GET", url.partition("?")[0])).status_code == 400
    library.site.clock.advance(601)
    ended = await library.call("GET", url)
    assert ended.status_code == 403
    assert ended.json()["error"]["code"] == "forbidden"


async def test_only_the_owner_finalises_cancels_and_deletes(library: Library) -> None:
    for method, path in (
        ("POST", library.path + "/finalise"),
        ("POST", library.path + "/cancel"),
        ("DELETE", library.path),
    ):
        assert (await library.call(method, path)).status_code == 401
        assert (await library.call(method, path, STRANGER)).status_code == 404
        assert (await library.call(method, path, STUDENT)).status_code == 403
    url = await library.link(mix_name(library.lecture))
    nothing = await library.call("POST", library.path + "/cancel", OWNER)
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (409, "conflict")
    assert (await library.call("POST", library.path + "/finalise", OWNER)).status_code == 202
    assert (await library.call("GET", library.path, OWNER)).json()["state"] == "waiting"
    assert (await library.call("POST", library.path + "/cancel", OWNER)).status_code == 202
    assert (await library.call("DELETE", library.path, OWNER)).status_code == 200
    assert (await library.call("GET", library.path, OWNER)).status_code == 404
    assert (await library.call("GET", url)).status_code == 404
    assert [path for path in library.storage.root.rglob("*") if path.is_file()] == []


async def test_the_schema_names_them(library: Library) -> None:
    paths = library.site.app.openapi()["paths"]
    assert "/lecture/recording/{lecture}" in paths


def test_pages_may_play_what_the_storage_serves() -> None:
    policy = headers_with_media(("https://s3.example.org",))("/")["Content-Security-Policy"]
    assert "media-src 'self' blob: https://s3.example.org;" in policy
    assert "script-src 'self' 'wasm-unsafe-eval';" in policy
    assert headers_with_media(()) is security_headers
    settings = Settings(recordings_url="s3://bucket", s3_endpoint="https://s3.example.org/path")
    assert media_origins(settings) == ("https://s3.example.org",)
    aws = Settings(recordings_url="s3://bucket/here", s3_region="eu-north-1")
    assert media_origins(aws) == ("https://s3.eu-north-1.amazonaws.com",)
    assert media_origins(Settings()) == ()
    assert media_origins(Settings(recordings_url="/srv/recordings")) == ()
