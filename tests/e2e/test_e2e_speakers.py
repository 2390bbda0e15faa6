"""A raised hand, an invitation, a second speaker whom everybody hears, and its end."""

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.chromium import eventually, gets, inbound
from tests.e2e.people import TIMEOUT, Person, participant, presenter
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(180)
async def test_a_participant_speaks_to_everybody_and_it_is_taken_back(
    browser: Browser, stack: Stack
) -> None:
    ada = await presenter(browser, stack.url)
    await ada.sign_up("Speaking Ada")
    code, _ = await ada.create_lecture("Seminar")
    await ada.open_lobby(code)
    await ada.start()
    sam, eve = await participant(browser, stack.url), await participant(browser, stack.url)
    for person in (sam, eve):
        await person.enter(code)
        await person.is_in()
    await ada.part("toggle-microphone").click()
    await gets(eve.page, 1.0)  # what was on its way
    assert (await gets(eve.page))[0] is False

    await sam.part("hand-toggle").click()
    await expect(ada.part("hand-item")).to_have_count(1, timeout=TIMEOUT)
    await expect(eve.part("hand-item")).to_have_count(0)
    await ada.part("hand-invite").click()
    await sam.part("speak-now").click()
    await expect(eve.part("speaker-name")).to_have_count(1, timeout=TIMEOUT)
    for listener in (eve, ada):
        await _hears(listener)
    await expect(eve.part("speaker-name")).to_have_attribute("data-active", "true", timeout=TIMEOUT)

    await ada.part("speaker-mute").click()
    await expect(ada.part("speaker-mute")).to_have_attribute("aria-pressed", "true")
    await gets(eve.page, 1.0)
    assert (await gets(eve.page))[0] is False
    await ada.part("speaker-mute").click()
    await _hears(eve)

    await ada.part("speaker-uninvite").click()
    await expect(sam.part("hand-toggle")).to_be_visible(timeout=TIMEOUT)
    await gets(eve.page, 1.0)
    assert (await gets(eve.page))[0] is False
    await expect(eve.part("speaker-name")).to_have_count(0)
    assert ada.errors == sam.errors == eve.errors == []


async def _hears(person: Person) -> None:
    first = (await inbound(person.page))["energy"]

    async def heard() -> bool:
        return (await inbound(person.page))["energy"] - first > 1e-4

    await eventually("a listener hears the second speaker", heard, 20)
