"""Arriving: with a wrong code, too early, and on a phone."""

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.chromium import hears_and_sees
from tests.e2e.people import TIMEOUT, Participant, participant, presenter
from tests.e2e.stack import Stack

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


async def test_a_wrong_code_is_refused_in_words(browser: Browser, stack: Stack) -> None:
    guest = await participant(browser, stack.url)
    await guest.enter("12345")
    await expect(guest.part("form-error")).to_be_visible(timeout=TIMEOUT)
    await guest.enter("999999")
    await expect(guest.part("join-error")).to_be_visible(timeout=TIMEOUT)
    assert guest.errors == []


async def _fits(person: Participant, what: str) -> None:
    assert await person.overflow() <= 0, f"{what} is wider than the phone"


@pytest.mark.timeout(180)
async def test_who_is_early_waits_and_enters_by_itself_on_a_phone(
    browser: Browser, stack: Stack
) -> None:
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Early Teacher")
    code, _ = await teacher.create_lecture("Particles")

    guest = await participant(browser, stack.url, **PHONE)
    await guest.goto("/")
    await expect(guest.part("landing")).to_be_visible(timeout=TIMEOUT)
    await _fits(guest, "the first page")
    for path, part in (("/signup", "signup-form"), ("/signin", "signin-form")):
        await guest.goto(path)
        await expect(guest.part(part)).to_be_visible(timeout=TIMEOUT)
        await _fits(guest, path)
    await guest.enter(code)
    await expect(guest.part("join-waiting")).to_be_visible(timeout=TIMEOUT)
    await _fits(guest, "the waiting page")

    await teacher.open_lobby(code)
    await teacher.start()
    await guest.is_in()
    await guest.part("tab-video").click()  # behind another tab the picture is not sent
    await hears_and_sees(guest.page, "the guest who waited")
    for tab in ("board", "video", "questions"):
        await guest.part(f"tab-{tab}").click()
        await _fits(guest, f"the lecture's {tab}")
    await guest.ask("Can you see me?")
    await expect(teacher.question("Can you see me?")).to_be_visible(timeout=TIMEOUT)
    await teacher.end()
    await guest.sees_end()
    await _fits(guest, "the end")
    assert guest.errors == []
