"""Questions taken home, over REST."""

import csv
import io
from collections.abc import AsyncIterator

import pytest

from tests.integration.archive.conftest import PRESENTER, ArchiveWorld
from tests.integration.archive.site import SERVICE, ArchiveSite

EXPORTS = ("questions.csv", "questions.json")


@pytest.fixture
async def site(world: ArchiveWorld) -> AsyncIterator[ArchiveSite]:
    made = ArchiveSite(world)
    yield made
    await made.book.close()
    await made.client.aclose()


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


async def test_each_takes_home_what_they_may_see(site: ArchiveSite) -> None:  # X17
    world = site.world
    lecture = await world.start()
    sam, eve = await site.sign_up("sam"), await site.sign_up("eve")
    await world.catalogue.attend(lecture.id, "sam@example.org")  # type: ignore[arg-type]
    room = lecture.code
    first = await world.questions.ask(room, "sam@example.org", "Sam", '=HYPERLINK("x")', None)
    second = await world.questions.ask(room, "g", "Guest 1", "who am I?", None, anonymous=True)
    hidden = await world.questions.ask(room, "g", "Guest 1", "hidden", None)
    await world.questions.answer(room, PRESENTER, first, "+1 because")
    await world.questions.hide(room, PRESENTER, hidden)
    assert second
    await world.end(lecture)
    await world.archiver.bring_all()

    path = f"/lecture/archive/{lecture.id}/export/"
    for name in EXPORTS:
        assert (await site.client.get(path + name)).status_code == 401
        assert (await site.client.get(path + name, headers=eve)).status_code == 403
        assert (await site.client.get(path + name, headers=SERVICE)).status_code == 200
        missing = f"/lecture/archive/{'0' * 32}/export/{name}"
        assert (await site.client.get(missing, headers=sam)).status_code == 404

    answer = await site.client.get(path + "questions.csv", headers=site.as_("ada"))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="questions.csv"'
    assert answer.headers["cache-control"] == "private, no-store"
    mine = table(answer.text)
    assert [(row["question"], row["name"]) for row in mine] == [
        ('\'=HYPERLINK("x")', "Sam"),
        ("who am I?", "Guest 1"),
        ("hidden", "Guest 1"),
    ]
    assert (mine[0]["answer"], mine[2]["shown"]) == ("'+1 because", "hidden")
    theirs = table((await site.client.get(path + "questions.csv", headers=sam)).text)
    assert [(row["question"], row["name"], row["anonymous"]) for row in theirs] == [
        ('\'=HYPERLINK("x")', "Sam", "no"),
        ("who am I?", "", "yes"),
    ]
    read = (await site.client.get(path + "questions.json", headers=sam)).json()
    assert (read["lecture"], read["title"], read["presenter"]) == (lecture.id, "Graphs", "ada")
    assert [one["content"] for one in read["questions"]] == ['=HYPERLINK("x")', "who am I?"]


async def test_more_questions_than_a_page_has(site: ArchiveSite) -> None:
    world = site.world
    lecture = await world.start()
    asked = [f"question {number}" for number in range(1_050)]
    for number, content in enumerate(asked):
        await world.questions.ask(lecture.code, f"g{number}", "Guest", content, None)
        if number % 500 == 499:
            await world.archiver.bring_all()
    await world.end(lecture)
    await world.archiver.bring_all()
    path = f"/lecture/archive/{lecture.id}/export/"
    ada = site.as_("ada")
    text = (await site.client.get(path + "questions.csv", headers=ada)).text
    assert [row["question"] for row in table(text)] == asked
    read = (await site.client.get(path + "questions.json", headers=ada)).json()
    assert [one["content"] for one in read["questions"]] == asked


async def test_a_lecture_without_questions(site: ArchiveSite) -> None:
    lecture = await site.world.start()
    await site.world.end(lecture)
    await site.world.archiver.bring_all()
    path = f"/lecture/archive/{lecture.id}/export/"
    answer = await site.client.get(path + "questions.csv", headers=site.as_("ada"))
    assert answer.text.splitlines() == [
        "\ufeffat,at_ms,question,name,anonymous,votes,solved_at,answer,answered_by,member,shown"
    ]
