"""Every page on a phone: nothing wider than the screen, nothing smaller than a finger."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.people import TIMEOUT, Person, participant, presenter
from tests.e2e.stack import Stack

PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}
FINGER = 44
"""Pixels of CSS in both directions; the board's editor has sizes of its own."""
_SMALL = """least => [...document.querySelectorAll("button, a, input, select, textarea, summary")]
    .filter(part => part.offsetParent && !part.closest(".excalidraw"))
    .map(part => {
        const box = (part.type === "checkbox" ? part.closest("label") : part)
            .getBoundingClientRect();
        return [part.dataset.testid || part.textContent, box.width, box.height];
    })
    .filter(([, width, height]) => width < least || height < least)"""


async def _fits(person: Person, where: str) -> None:
    assert await person.page.evaluate(_SMALL, FINGER) == [], where
    assert await person.overflow() == 0, where


@pytest.mark.timeout(120)
@pytest.mark.parametrize("locale", ["en-GB", "ko-KR"])
async def test_what_is_touched_is_as_large_as_a_finger(
    browser: Browser, stack: Stack, locale: str
) -> None:
    teacher = await presenter(browser, stack.url, **PHONE, locale=locale)
    for path in ("/", "/join", "/signin", "/signup", "/nothing-here"):
        await teacher.goto(path)
        await expect(teacher.page.locator("h1")).to_be_visible(timeout=TIMEOUT)
        await _fits(teacher, path)
    await teacher.sign_up(f"Phone {locale[:2]}")
    code, _ = await teacher.create_lecture("On the way")
    await _fits(teacher, "home")
    await teacher.open_lobby(code)
    await _fits(teacher, "lobby")
    await teacher.start()
    guest = await participant(browser, stack.url, **PHONE, locale=locale)
    await guest.enter(code)
    await guest.is_in()
    await guest.part("hand-toggle").click()
    for tab in ("board", "video", "questions"):
        await guest.part(f"tab-{tab}").click()
        await _fits(guest, f"a participant's {tab}")
    await guest.ask("Is this wide enough?")
    await expect(teacher.part("tab-questions")).to_contain_text("✋ 1", timeout=TIMEOUT)
    for tab in ("board", "questions"):
        await teacher.part(f"tab-{tab}").click()
        await _fits(teacher, f"the presenter's {tab}")
    await teacher.part("hand-invite").click()
    await expect(guest.part("speak-now")).to_be_visible(timeout=TIMEOUT)
    await _fits(guest, "a participant who may speak")
    await _fits(teacher, "the presenter's speakers")
    assert teacher.errors == guest.errors == []
