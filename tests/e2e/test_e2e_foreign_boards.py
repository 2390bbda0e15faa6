"""A presenter with an existing client: a page of ours draws its board as it is drawn there."""

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.old_client import STROKE, TEXT, present_elsewhere
from tests.e2e.people import TIMEOUT, participant, presenter
from tests.e2e.stack import Stack

PICTURE = {"type": "image", "left": 0, "top": 0, "src": "https://example.org/picture.png"}


@pytest.mark.timeout(180)
async def test_a_board_of_an_existing_client_is_drawn_live(
    browser: Browser, stack: Stack, other_origin: str
) -> None:  # X2
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Fabian Teacher")
    code, _ = await teacher.create_lecture("Drawn elsewhere")
    old = await present_elsewhere(browser, stack, other_origin, teacher.page, code, [STROKE])
    guest = await participant(browser, stack.url)
    await guest.enter(code)
    await guest.is_in()
    canvas = guest.part("board-canvas")
    # What was there before, and each change; what cannot be drawn is said to be missing.
    await expect(canvas).to_have_attribute("data-objects", "1", timeout=TIMEOUT)
    await expect(guest.part("follow-toggle")).to_have_count(0)
    await old.evaluate("o => edit(o)", [STROKE, TEXT])
    await expect(canvas.locator("text")).to_have_text("v = f", timeout=TIMEOUT)
    await expect(guest.part("board-foreign")).to_have_count(0)
    await old.evaluate("o => edit(o)", [STROKE, TEXT, PICTURE])
    await expect(guest.part("board-foreign")).to_be_visible(timeout=TIMEOUT)
    await expect(canvas).to_have_attribute("data-objects", "2")
    # An empty board of any client is one of ours: nothing of the last one stays.
    await old.evaluate("o => edit(o)", [])
    await expect(guest.part("board-empty")).to_be_visible(timeout=TIMEOUT)
    await expect(canvas).to_have_count(0)
    await old.evaluate("end()")
    await guest.sees_end()
    assert guest.errors == []


@pytest.mark.timeout(120)
async def test_a_board_and_a_picture_fill_the_screen_and_come_back(
    browser: Browser, stack: Stack
) -> None:
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Wide Teacher")
    code, _ = await teacher.create_lecture("Seen large")
    await teacher.open_lobby(code)
    await teacher.start()
    guest = await participant(browser, stack.url)
    await guest.enter(code)
    await guest.is_in()
    await expect(guest.part("board-empty")).to_be_visible(timeout=TIMEOUT)
    for part in ("board", "stage-video"):
        button = guest.part(part).get_by_test_id("full-screen")
        await button.click()
        await expect(guest.page.locator(f"[data-testid={part}]:fullscreen")).to_be_visible()
        await button.click()
        await expect(guest.page.locator(":fullscreen")).to_have_count(0)
    assert teacher.errors == guest.errors == []
