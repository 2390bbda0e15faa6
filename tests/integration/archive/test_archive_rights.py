"""One person's rights: a scan of every byte of Redis' and the database's files finds nothing of
somebody who was erased, and all of those who were not."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio as driver

from app.auth.passwords import PasswordConfig, Passwords
from app.core.errors import Conflict, NotFound
from app.core.ids import ConnectionId, Email, LectureId, RoomId
from app.rooms.catalogue import Lecture
from app.store import keys
from app.store.archive_tables import archive_attendance, archive_questions, erasures
from app.store.redis import Redis
from app.store.sql import Sql
from app.store.tables import accounts
from tests.integration.archive.conftest import PRESENTER, ArchiveWorld
from tests.integration.archive.site import ArchiveSite
from tests.integration.archive.test_archive_log import whole
from tests.manual_clock import ManualClock
from tests.postgres import PostgresServer, postgres_server
from tests.redis_server import RedisServer

__all__ = [
    "postgres_server"
]  # one of this module's own, whose settings it changes and files it reads

SAM = Email("sam-zq7x@example.org")
NAME = "Sam Zq7xov"
TRACES = (b"sam-zq7x", b"Zq7xov", b"question-zq7x", b"lecture-zq7x")
"""What is Sam's and nobody else's."""

KEPT = (b"question-of-eve", b"Graphs-of-ada", b"because-said-ada", b"ada@example.org")


@pytest.fixture
async def site(
    redis_server: RedisServer, tables_url: str, clock: ManualClock
) -> AsyncIterator[ArchiveSite]:
    redis, sql = Redis(redis_server.url), Sql(tables_url)
    raw = driver.Redis.from_url(redis_server.url)
    await redis.open()
    await sql.open()
    passwords = Passwords(PasswordConfig(memory_kib=64, passes=1))
    made = ArchiveSite(ArchiveWorld(redis, raw, sql, clock, passwords), url=tables_url)
    yield made
    passwords.close()
    await made.world.archiver.close()
    await made.client.aclose()
    await sql.close()
    await raw.aclose()
    await redis.close()


async def sign_up(site: ArchiveSite, name: str, email: str) -> None:
    await site.world.accounts.create(name, email, "secret")


async def take_part(site: ArchiveSite, lecture: Lecture) -> None:
    """Sam and Eve attend a lecture and ask."""
    world, room = site.world, lecture.code
    for email, name, text in (
        (SAM, NAME, "question-zq7x"),
        (Email("eve@example.org"), "Eve", "question-of-eve"),
    ):
        await world.catalogue.attend(lecture.id, email)
        await world.rooms.remember(email, "STUDENT", room)
        site.book.joined(room, ConnectionId(email), "STUDENT", email, name)
        question = await world.questions.ask(room, email, name, text, f"id-{name}")
        await world.questions.answer(room, PRESENTER, question, "because-said-ada")
    await site.book.write()
    feed = world.raw
    await feed.xadd(keys.FEED, {"body": f"joined {SAM}"}, "1-1")
    await feed.xadd(keys.FEED, {"body": "joined eve"}, "1-2")
    await feed.xadd(keys.FEED, {"body": "left eve"}, "1-3")
    await feed.xgroup_create(keys.FEED, "others", "0")
    await feed.xreadgroup("others", "one", {keys.FEED: ">"}, 2)


async def prepared(site: ArchiveSite) -> tuple[Lecture, Lecture]:
    """Ada's lecture, that Sam attended, and Sam's own; both over."""
    world = site.world
    ada = await world.start()
    async with world.sql.writing() as connection:
        await connection.exec_driver_sql("UPDATE lectures SET title = 'Graphs-of-ada'")
    await sign_up(site, NAME, SAM)
    await sign_up(site, "Eve", "eve@example.org")
    await take_part(site, ada)
    own = await world.catalogue.create(SAM, "lecture-zq7x", "by sam-zq7x")
    await world.begin(own)
    await world.boards.edit(own.code, 1, whole("drawn"))
    await world.questions.ask(own.code, "eve@example.org", "Eve", "hm", None)
    for lecture in (ada, own):
        await world.end(lecture)
    await world.archiver.bring_all()
    return ada, own


def found(texts: tuple[bytes, ...], *folders: Path) -> set[bytes]:
    """Return which of the texts are in any file of the folders."""
    left: set[bytes] = set()
    for folder in folders:
        for text in texts:
            command = ["grep", "-rlaF", text.decode(), str(folder)]
            hit = subprocess.run(command, capture_output=True, check=False)
            if hit.stdout:
                left.add(text)
    return left


def folders_of(
    redis_server: RedisServer, request: pytest.FixtureRequest, url: str
) -> tuple[Path, ...]:
    if url.startswith("sqlite"):
        return redis_server.folder, request.getfixturevalue("tmp_path")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return redis_server.folder, server._folder / "data"


async def test_nothing_is_left_of_a_person(
    site: ArchiveSite,
    redis_server: RedisServer,
    tables_url: str,
    request: pytest.FixtureRequest,
) -> None:
    if not tables_url.startswith("sqlite"):
        # Recycled segments of PostgreSQL's write-ahead log keep old bytes: docs/decisions/0113.
        server: PostgresServer = request.getfixturevalue("postgres_server")
        await server.execute("ALTER SYSTEM SET wal_recycle = off")
        await server.execute("ALTER SYSTEM SET wal_init_zero = on")
        await server.execute("SELECT pg_reload_conf()")
        await server.execute("CHECKPOINT")
    ada, own = await prepared(site)
    folders = folders_of(redis_server, request, tables_url)
    assert found((*TRACES, *KEPT), *folders) == {*TRACES, *KEPT}  # the scan sees what is there

    erased = await site.erasure.erase(SAM)
    assert (erased.lectures, erased.pending) == (1, 0)
    assert site.files.deleted == [own.id]
    site.scrubber.ask()
    assert await site.scrubber.look()
    assert not await site.scrubber.look()
    if not tables_url.startswith("sqlite"):
        await server.execute("CHECKPOINT")  # the segments before the last checkpoint go
    assert found(TRACES, *folders) == set()
    assert found(KEPT, *folders) == {*KEPT}
    for key in await site.world.raw.keys("*"):
        assert b"zq7x" not in key.lower()

    feed = site.world.raw
    assert [entry for entry, _ in await feed.xrange(keys.FEED)] == [b"1-2", b"1-3"]
    pending = await feed.xpending_range(keys.FEED, "others", "-", "+", 10)
    assert [one["message_id"] for one in pending] == [b"1-2"]  # the group is where it was
    new = await feed.xreadgroup("others", "one", {keys.FEED: ">"}, 9)
    assert [entry for entry, _ in new[0][1]] == [b"1-3"]

    rows = {row.content: row for row in await site.world.rows(archive_questions)}
    assert set(rows) == {"", "question-of-eve"}
    assert (rows[""].erased, rows[""].name, rows[""].answer) == (True, "", "because-said-ada")
    assert [row.name for row in await site.world.rows(archive_attendance)] == ["Eve"]
    assert (await site.world.reader.lecture(ada.id)).state == "ready"
    with pytest.raises(NotFound):
        await site.world.reader.lecture(own.id)
    with pytest.raises(NotFound):
        await site.erasure.erase(SAM)


async def test_who_is_erased_while_a_lecture_is_live_is_erased_at_its_end(
    site: ArchiveSite, redis_server: RedisServer
) -> None:
    world = site.world
    ada = await world.start()
    await sign_up(site, NAME, SAM)
    await sign_up(site, "Eve", "eve@example.org")
    await take_part(site, ada)
    await world.archiver.bring_all()
    erased = await site.erasure.erase(SAM)
    assert (erased.lectures, erased.pending) == (0, 1)
    assert [row.email for row in await world.rows(accounts) if row.email == SAM] == []
    await world.end(ada)

    async def finish(lecture: LectureId) -> None:
        await site.erasure.finish(lecture)

    world.archiver._finished = finish
    await world.archiver.bring_all()
    assert {row.content for row in await world.rows(archive_questions)} == {"", "question-of-eve"}
    assert await world.rows(erasures) == []
    assert await site.erasure.scrub("sqlite:///nowhere/at/all.db") is False  # said, not raised
    assert found(TRACES, redis_server.folder) == set()


async def test_one_who_presents_a_live_lecture_ends_it_first(site: ArchiveSite) -> None:
    lecture = await site.world.start()
    with pytest.raises(Conflict):
        await site.erasure.erase(lecture.owner_email)
    await site.world.end(lecture)
    await site.world.archiver.bring_all()
    assert (await site.erasure.erase(lecture.owner_email)).lectures == 1
    assert not await site.world.raw.exists(keys.events(RoomId(lecture.code)))


async def test_a_person_sees_everything_and_confirms_by_password(site: ArchiveSite) -> None:
    world = site.world
    ada, own = await prepared(site)
    headers = {"Authorization": site.tokens.issue(await world.accounts.get(SAM), 1_750_000_000.0)}
    exported = await site.client.get("/profile/export", headers=headers)
    assert exported.status_code == 200
    assert "attachment" in exported.headers["content-disposition"]
    body = exported.json()
    assert body["account"]["email"] == SAM
    assert [given["id"] for given in body["lectures_given"]] == [own.id]
    (attended,) = body["lectures_attended"]
    assert attended["id"] == ada.id
    assert [asked["content"] for asked in attended["questions"]] == ["question-zq7x"]
    assert len(attended["present"]) == 1
    assert "question-of-eve" not in exported.text

    wrong = await site.client.request(
        "DELETE", "/profile", json={"password": "wrong"}, headers=headers
    )
    assert wrong.status_code == 403
    assert (await site.client.request("DELETE", "/profile", headers=headers)).status_code == 400
    done = await site.client.request(
        "DELETE", "/profile", json={"password": "secret"}, headers=headers
    )
    assert (done.status_code, done.json()) == (200, {"erased": True, "lectures": 1, "pending": 0})
    for path in ("/profile", "/profile/export"):
        assert (await site.client.get(path, headers=headers)).status_code == 401


def test_guests_are_pseudonyms_from_the_beginning() -> None:
    from app.auth.principal import guest

    first, again, other = guest("a" * 20), guest("a" * 20), guest("b" * 20)
    assert first == again
    assert first.name.startswith("Guest ")
    assert first.name != other.name
    assert "aaaa" not in first.name
