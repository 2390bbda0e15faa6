"""Captions while a lecture goes on, its record when it is over, and a person who wants to go."""

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.people import PASSWORD, TIMEOUT, participant, presenter
from tests.e2e.stack import Stack

PHONE = {"viewport": {"width": 360, "height": 740}}


@pytest.mark.timeout(240)
async def test_captions_then_a_record_then_nothing(browser: Browser, stack: Stack) -> None:
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Nora Teacher")
    code, link = await teacher.create_lecture("Vectors")
    await teacher.open_lobby(code)
    await teacher.start()
    helper = await participant(browser, stack.url)
    await helper.sign_up("Hana Helper")
    await helper.page.goto(link)
    phone = await participant(browser, stack.url, **PHONE)
    await phone.enter(code)
    for person in (helper, phone):
        await person.is_in()
    await expect(helper.part("caption-desk")).to_have_count(0)

    # The presenter types a line and marks a chapter; everybody sees the line, also on a phone.
    desk = teacher.part("caption-desk")
    await desk.locator("summary").click()
    await teacher.part("caption-input").fill("Good morning")
    await teacher.page.keyboard.press("Enter")
    for person in (teacher, helper, phone):
        await expect(person.part("captions")).to_contain_text("Good morning", timeout=TIMEOUT)
    assert await phone.overflow() <= 0
    await teacher.part("chapter-input").fill("Introduction")
    await teacher.part("chapter-send").click()
    await expect(teacher.part("chapter-input")).to_have_value("")

    # Who asks may be made an assistant, and then types, too.
    await helper.ask("May I help?")
    await teacher.question("May I help").get_by_test_id("appoint-author").click()
    await helper.part("caption-desk").locator("summary").click()
    await helper.part("caption-input").fill("A vector has a direction")
    await helper.part("caption-send").click()
    await expect(phone.part("captions")).to_contain_text("a direction", timeout=TIMEOUT)

    # It is over: its record is kept, the presenter may delete it and nobody else.
    await teacher.end()
    await teacher.page.goto(f"{stack.url}/home")
    card = teacher.part("past-lecture").filter(has_text="Vectors")
    await expect(card).to_be_visible(timeout=TIMEOUT)
    for _ in range(20):
        if await card.get_attribute("data-state") == "ready":
            break
        await teacher.page.wait_for_timeout(500)
        await teacher.page.reload()
        await expect(card).to_be_visible(timeout=TIMEOUT)
    await expect(card.get_by_test_id("past-state")).to_have_text("Its record is kept.")
    await helper.page.goto(f"{stack.url}/home")
    theirs = helper.part("past-lecture").filter(has_text="Vectors")
    await expect(theirs).to_be_visible(timeout=TIMEOUT)
    await expect(theirs.get_by_test_id("past-delete")).to_have_count(0)

    await card.get_by_test_id("past-delete").click()
    await teacher.part("delete-lecture-confirm").click()
    await expect(teacher.part("past-empty")).to_be_visible(timeout=TIMEOUT)
    await helper.page.reload()
    await expect(helper.part("past-empty")).to_be_visible(timeout=TIMEOUT)

    # And somebody who wants to be forgotten is asked for the password, once.
    await helper.part("account-link").click()
    async with helper.page.expect_download() as saved:
        await helper.part("account-export").click()
    assert (await saved.value).suggested_filename == "lectern.json"
    await helper.part("account-password").fill("wrong")
    await helper.part("account-erase-submit").click()
    await expect(helper.page.get_by_text("The password is wrong.")).to_be_visible(timeout=TIMEOUT)
    await helper.part("account-password").fill(PASSWORD)
    await helper.part("account-erase-submit").click()
    await expect(helper.part("erased")).to_be_visible(timeout=TIMEOUT)
    await expect(helper.part("to-signin")).to_be_visible()
