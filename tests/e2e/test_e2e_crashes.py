"""A process of the server dies: the lecture goes on and nobody does anything."""

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.chromium import eventually, hears_and_sees
from tests.e2e.people import TIMEOUT, Participant, Presenter, participant, presenter
from tests.e2e.stack import Stack


async def _lecture(browser: Browser, stack: Stack, name: str) -> tuple[Presenter, Participant]:
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up(name)
    code, _ = await teacher.create_lecture(name)
    await teacher.open_lobby(code)
    await teacher.start()
    student = await participant(browser, stack.url)
    await student.sign_up(f"Student of {name}")
    await student.goto(f"/join/{code}")
    await student.is_in()
    await hears_and_sees(student.page, "the student")
    return teacher, student


@pytest.mark.timeout(120)
async def test_media_comes_back_after_the_relay_was_killed(  # O31
    browser: Browser, stack: Stack
) -> None:
    teacher, student = await _lecture(browser, stack, "Relay Teacher")
    stack.kill("relay")

    async def connects_again() -> bool:
        return bool(await student.page.evaluate("connections.length > 1"))

    await eventually("the student connects to the new relay", connects_again)
    await hears_and_sees(student.page, "the student, on a new relay")
    assert teacher.errors == student.errors == []


@pytest.mark.timeout(120)
async def test_everybody_is_back_after_the_api_was_killed(  # O31
    browser: Browser, stack: Stack
) -> None:
    teacher, student = await _lecture(browser, stack, "Api Teacher")
    await teacher.draw([(0.3, 0.4), (0.6, 0.4)])
    await student.sees_strokes(1)
    await student.ask("Asked before the crash?")
    stack.kill("api")
    await expect(student.part("reconnecting-banner")).to_be_visible(timeout=TIMEOUT)
    await hears_and_sees(student.page, "the student, while there is no api process")
    for person, page_name in ((teacher, "presenter-live"), (student, "participant-live")):
        await expect(person.part("reconnecting-banner")).to_have_count(0, timeout=TIMEOUT)
        await person.is_live(page_name)
    await expect(teacher.question("Asked before the crash?")).to_be_visible(timeout=TIMEOUT)
    await student.ask("And after it?")
    await expect(teacher.part("question-item")).to_have_count(2, timeout=TIMEOUT)
    await teacher.draw([(0.3, 0.6), (0.6, 0.6)])
    await student.sees_strokes(2)
    await hears_and_sees(student.page, "the student, at the end")
    assert await student.page.evaluate("connections.length") == 1
    assert teacher.errors == student.errors == []
