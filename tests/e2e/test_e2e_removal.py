"""A presenter bans somebody from the list of people: real browsers, a real relay."""

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.people import TIMEOUT, participant, presenter
from tests.e2e.stack import Stack


@pytest.mark.timeout(240)
async def test_a_banned_listener_hears_nothing_more_and_stays_out(
    browser: Browser, stack: Stack
) -> None:
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Bea Teacher")
    code, link = await teacher.create_lecture("Order")
    await teacher.open_lobby(code)
    await teacher.start()
    noisy, quiet = await participant(browser, stack.url), await participant(browser, stack.url)
    await noisy.sign_up("Nora Noise")
    await noisy.page.goto(link)
    await quiet.enter(code)
    for person in (noisy, quiet):
        await person.is_in()
    await teacher.part("people-panel").locator("summary").click()
    row = teacher.part("person-item").filter(has_text="Nora Noise")
    await expect(row).to_be_visible(timeout=TIMEOUT)
    await row.get_by_test_id("person-ban").click()
    await teacher.part("ban-confirm").click()
    await expect(noisy.part("removed")).to_be_visible(timeout=TIMEOUT)
    await expect(row).to_have_count(0)
    await expect(teacher.part("banned-item")).to_contain_text("Nora Noise")
    await teacher.has_listeners(1)

    # A link does not help; being let back in does.
    await noisy.page.goto(link)
    await expect(noisy.part("refused")).to_be_visible(timeout=TIMEOUT)
    await expect(quiet.part("participant-live")).to_be_visible()
    await teacher.part("person-readmit").click()
    await expect(teacher.part("banned-item")).to_have_count(0)
    await noisy.page.goto(link)
    await noisy.is_in()
    assert teacher.errors + noisy.errors + quiet.errors == []
