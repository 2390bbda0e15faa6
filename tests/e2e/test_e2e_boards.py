"""A board that several draw on, with pages, in Chromium."""

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.people import TIMEOUT, participant, presenter
from tests.e2e.stack import Stack

TOP = [(0.3, 0.3), (0.5, 0.35), (0.7, 0.3)]
MIDDLE = [(0.3, 0.5), (0.7, 0.55)]


@pytest.mark.timeout(180)
async def test_several_draw_on_pages(browser: Browser, stack: Stack) -> None:
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Ada Teacher")
    code, _ = await teacher.create_lecture("Waves")
    await teacher.open_lobby(code)
    await teacher.start()
    one, two = [await participant(browser, stack.url) for _ in range(2)]
    for person in (one, two):
        await person.enter(code)
        await person.is_in()

    await teacher.draw(TOP)
    for person in (one, two):
        await person.sees_strokes(1)
        await expect(person.part("may-draw")).to_have_count(0)

    await teacher.part("everyone-draws").click()
    await expect(one.part("may-draw")).to_have_count(1, timeout=TIMEOUT)
    await one.draw(MIDDLE)
    await two.sees_strokes(2)
    await one.sees_strokes(2)

    # One who lost its connection comes back to what was drawn meanwhile.
    await two.page.context.set_offline(True)
    await teacher.draw([(0.3, 0.7), (0.7, 0.75)])
    await one.sees_strokes(3)
    await two.page.context.set_offline(False)
    await two.sees_strokes(3)

    await teacher.part("page-next").click()
    for person in (one, two):
        await expect(person.part("board-view")).to_have_attribute(
            "data-elements", "0", timeout=TIMEOUT
        )
    await teacher.draw(MIDDLE)
    for person in (one, two):
        await person.sees_strokes(1)
    late = await participant(browser, stack.url)
    await late.enter(code)
    await late.is_in()
    await late.sees_strokes(1)
    await teacher.part("page-back").click()
    await expect(teacher.part("page-shown")).to_have_text("1", timeout=TIMEOUT)
    for person in (one, two, late):
        await person.sees_strokes(3)

    # The presenter's page has everybody's strokes again after a reload.
    await teacher.page.reload()
    await teacher.is_on()
    await teacher.draw([(0.3, 0.4), (0.7, 0.45)])
    for person in (one, two, late):
        await person.sees_strokes(4)
    for person in (teacher, one, two, late):
        assert person.errors == []
