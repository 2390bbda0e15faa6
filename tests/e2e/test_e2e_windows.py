"""One account in several windows, and one that leaves."""

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.people import TIMEOUT, presenter, presenter_in
from tests.e2e.stack import Stack


@pytest.mark.timeout(120)
async def test_who_takes_over_again_speaks_again(browser: Browser, stack: Stack) -> None:
    first = await presenter(browser, stack.url)
    await first.sign_up("Twofold Teacher")
    code, _ = await first.create_lecture("In two windows")
    await first.open_lobby(code)
    await first.start()
    second = await presenter_in(first.page.context, stack.url)
    await second.open_lobby(code)
    await second.start()
    await expect(first.part("displaced")).to_be_visible(timeout=TIMEOUT)
    await first.part("take-over").click()
    await first.is_on()
    await expect(first.part("toggle-microphone")).to_have_attribute("aria-pressed", "true")
    await expect(second.part("displaced")).to_be_visible(timeout=TIMEOUT)
    assert first.errors == second.errors == []


@pytest.mark.timeout(60)
async def test_who_signs_out_is_at_the_first_page(browser: Browser, stack: Stack) -> None:
    person = await presenter(browser, stack.url)
    await person.sign_up("Leaving Teacher")
    await person.sign_out()
    await expect(person.part("landing")).to_be_visible(timeout=TIMEOUT)
    await person.goto("/home")
    await expect(person.part("signin-form")).to_be_visible(timeout=TIMEOUT)
    await expect(person.page.locator(".notice.warn")).to_have_count(0)
