"""The catalogue on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from app.auth.accounts import Accounts
from app.auth.passwords import PasswordConfig, Passwords
from app.core.errors import BadRequest, Conflict, NotFound, Unauthorized, Unavailable
from app.core.ids import Email, LectureId, RoomId
from app.rooms import catalogue as catalogue_module
from app.rooms.catalogue import Catalogue
from app.store.sql import Sql
from app.store.tables import attendance
from tests.manual_clock import ManualClock

ADA, BOB = Email("ada@example.org"), Email("bob@example.org")
CHEAP = PasswordConfig(memory_kib=64, passes=1)


@pytest.fixture
async def accounts(sql: Sql, clock: ManualClock) -> AsyncIterator[Accounts]:
    passwords = Passwords(CHEAP)
    accounts = Accounts(sql, passwords, clock)
    await accounts.create("Ada", ADA, "secret")
    await accounts.create("Bob", BOB, "secret")
    yield accounts
    passwords.close()


@pytest.fixture
def catalogue(sql: Sql, accounts: Accounts, clock: ManualClock) -> Catalogue:
    return Catalogue(sql, clock)


async def test_a_lecture_is_kept_as_it_was_made(catalogue: Catalogue, clock: ManualClock) -> None:
    made = await catalogue.create(ADA, " Graphs ", "All of them")
    found = await catalogue.open_by_code(made.code)
    assert found == made
    assert (made.title, made.owner_email, made.owner_name) == ("Graphs", ADA, "Ada")
    assert made.created_at == datetime.fromtimestamp(clock.wall(), UTC)
    assert made.created_at.tzinfo is not None


async def test_it_starts_and_ends_once(catalogue: Catalogue, clock: ManualClock) -> None:
    lecture = await catalogue.create(ADA, "Graphs", "")
    await catalogue.started(lecture.id)
    began = datetime.fromtimestamp(clock.wall(), UTC)
    clock.advance(60)
    await catalogue.started(lecture.id)
    await catalogue.ended(lecture.id)
    over = datetime.fromtimestamp(clock.wall(), UTC)
    clock.advance(60)
    await catalogue.ended(lecture.id, "recording.mp3")
    [found] = await catalogue.ended_of(ADA)
    assert (found.started_at, found.ended_at, found.audio) == (began, over, "recording.mp3")
    assert await catalogue.open_by_code(lecture.code) is None


async def test_a_code_is_unique_among_open_lectures_only(sql: Sql, catalogue: Catalogue) -> None:
    # X19
    draws = iter([RoomId("000001"), RoomId("000001"), RoomId("000002"), RoomId("000001")])
    scripted = Catalogue(sql, ManualClock(), draw=lambda: next(draws))
    first = await scripted.create(ADA, "One", "")
    second = await scripted.create(ADA, "Two", "")
    assert (first.code, second.code) == ("000001", "000002")
    await scripted.ended(first.id)
    third = await scripted.create(BOB, "Three", "")
    assert third.code == "000001"
    assert third.id != first.id
    found = await scripted.open_by_code(RoomId("000001"))
    assert found is not None
    assert found.id == third.id


async def test_no_free_code_is_a_clear_refusal(sql: Sql, catalogue: Catalogue) -> None:
    stuck = Catalogue(sql, ManualClock(), draw=lambda: RoomId("000001"))
    await stuck.create(ADA, "One", "")
    with pytest.raises(Unavailable, match="code"):
        await stuck.create(ADA, "Two", "")


async def test_open_lectures_per_account_are_limited(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_module, "MAX_OPEN_LECTURES", 1)
    first = await catalogue.create(ADA, "One", "")
    with pytest.raises(Conflict):
        await catalogue.create(ADA, "Two", "")
    await catalogue.create(BOB, "His", "")
    await catalogue.ended(first.id)
    await catalogue.create(ADA, "Two", "")


async def test_twenty_parallel_attends_leave_one_row(sql: Sql, catalogue: Catalogue) -> None:
    # X19
    lecture = await catalogue.create(ADA, "Graphs", "")
    await asyncio.gather(*(catalogue.attend(lecture.id, BOB) for _ in range(20)))
    async with sql.reading() as connection:
        count = await connection.execute(sa.select(sa.func.count()).select_from(attendance))
        assert count.scalar() == 1


async def test_ended_lectures_given_and_attended_each_once(
    catalogue: Catalogue, clock: ManualClock
) -> None:
    # X19
    mine = await catalogue.create(ADA, "Mine", "")
    clock.advance(1)
    his = await catalogue.create(BOB, "His", "")
    clock.advance(1)
    still_open = await catalogue.create(ADA, "Open", "")
    foreign = await catalogue.create(BOB, "Foreign", "")
    for lecture in (mine, his, still_open):
        await catalogue.attend(lecture.id, ADA)  # her own as well
        await catalogue.attend(lecture.id, ADA)
    for lecture in (mine, his, foreign):
        await catalogue.ended(lecture.id)
    assert [lecture.id for lecture in await catalogue.ended_of(ADA)] == [his.id, mine.id]
    assert [lecture.id for lecture in await catalogue.open_of(ADA)] == [still_open.id]
    assert await catalogue.ended_of(Email("nobody@example.org")) == []


async def test_an_account_that_is_gone(catalogue: Catalogue) -> None:
    lecture = await catalogue.create(ADA, "Graphs", "")
    with pytest.raises(Unauthorized):
        await catalogue.create(Email("gone@example.org"), "x", "")
    with pytest.raises(Unauthorized):
        await catalogue.attend(lecture.id, Email("gone@example.org"))


@pytest.mark.parametrize(
    ("title", "description"),
    [("", ""), ("   ", ""), ("x" * 201, ""), ("x", "d" * 5001), ("x\x00", ""), ("x", "\x00")],
)
async def test_limits_name_the_field(catalogue: Catalogue, title: str, description: str) -> None:
    field = "title" if title != "x" else "description"
    with pytest.raises(BadRequest, match=f"^{field}:"):
        await catalogue.create(ADA, title, description)


async def test_the_longest_that_is_allowed_is_kept_whole(catalogue: Catalogue) -> None:
    made = await catalogue.create(ADA, "\U0001d54f" * 200, "é" * 5000)
    assert await catalogue.open_by_code(made.code) == made


@pytest.mark.parametrize(
    "code", ["", "000000", "12345", "1234567", "12345a", "١٢٣٤٥٦", "1\x0023456"]
)
async def test_what_is_no_code_finds_nothing(catalogue: Catalogue, code: str) -> None:
    assert await catalogue.open_by_code(RoomId(code)) is None


async def test_updates_of_unknown_lectures_do_nothing(catalogue: Catalogue) -> None:
    await catalogue.started(LectureId("0" * 32))
    await catalogue.ended(LectureId("0" * 32), "x")
    assert await catalogue.ended_of(ADA) == []


async def test_twenty_parallel_sign_ups_make_one_account(accounts: Accounts) -> None:
    # X19
    ends = await asyncio.gather(
        *(accounts.create("New", "New@Example.org", "secret") for _ in range(20)),
        return_exceptions=True,
    )
    assert sum(isinstance(end, Conflict) for end in ends) == 19
    assert (await accounts.get(Email("new@example.org"))).username == "New"


async def test_verify_and_rename(accounts: Accounts) -> None:
    assert (await accounts.verify(" ADA@example.org", "secret")).email == ADA
    assert (await accounts.rename(ADA, " Lady Ada ")).username == "Lady Ada"
    assert (await accounts.get(ADA)).username == "Lady Ada"
    for email, password in ((ADA, "wrong"), ("x@example.org", "secret"), ("no e-mail", "secret")):
        with pytest.raises(NotFound):
            await accounts.verify(email, password)
    with pytest.raises(Unauthorized):
        await accounts.rename(Email("gone@example.org"), "x")
