"""A raised hand, an invitation, a second speaker whom everybody hears, and its end."""

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.chromium import eventually, gets, inbound
from tests.e2e.people import TIMEOUT, Person, participant, presenter
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

KEEP_SOCKETS = """
window.sockets = []
window.WebSocket = class extends WebSocket {
  constructor(...given) { super(...given); window.sockets.push(this) }
}
"""


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
    await eve.page.add_init_script(KEEP_SOCKETS)
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

    # She comes back on another connection; her media went on, and what is new in it has a name.
    await eve.page.evaluate("sockets.forEach((socket) => socket.close())")
    await expect(eve.part("connection-state")).not_to_have_attribute("data-state", "online")
    await eve.is_in()
    await sam.part("speak-camera").click()
    for listener in (eve, ada):
        await _sees_speaker(listener)
    await expect(ada.part("speaker-mute-camera")).to_have_count(1, timeout=TIMEOUT)
    await ada.part("speaker-mute-camera").click()
    await expect(eve.part("speaker-tile")).to_have_count(0, timeout=TIMEOUT)
    await ada.part("speaker-mute-camera").click()
    await _sees_speaker(eve)
    await _shows_figures(ada)
    await eve.part("quality").select_option("off")
    await expect(eve.part("speaker-tile")).to_have_count(0)

    await ada.part("speaker-uninvite").click()
    await expect(sam.part("hand-toggle")).to_be_visible(timeout=TIMEOUT)
    await gets(eve.page, 1.0)
    assert (await gets(eve.page))[0] is False
    await expect(eve.part("speaker-name")).to_have_count(0)
    assert ada.errors == sam.errors == eve.errors == []


async def _sees_speaker(person: Person) -> None:
    """The tile is the speaker's, named from what the relay bound, and its picture moves."""
    name = await person.part("speaker-name").first.inner_text()
    await expect(person.part("speaker-tile")).to_have_count(1, timeout=TIMEOUT)
    caption = await person.part("speaker-tile").locator("figcaption").inner_text()
    assert caption in name
    video = person.part("speaker-video")
    before = await video.evaluate("video => video.currentTime")

    async def moves() -> bool:
        return bool(await video.evaluate("video => video.videoWidth && video.currentTime") > before)

    await eventually("the speaker's picture moves", moves, 20)


async def _shows_figures(owner: Person) -> None:  # L38, M17
    await owner.part("figures-open").click()
    await expect(owner.part("figures-track").first).to_be_visible(timeout=TIMEOUT)
    # the presenter's three layers and the speaker's microphone and camera, and three who receive
    await expect(owner.part("figures-track")).not_to_have_count(1)
    await expect(owner.part("figures-listener")).to_have_count(3, timeout=TIMEOUT)
    listeners = owner.part("figures-listener").filter(has_text="Participant")
    await expect(listeners).to_have_count(2)
    await owner.page.keyboard.press("Escape")
    await expect(owner.part("figures-dialog")).to_have_count(0)


async def _hears(person: Person) -> None:
    first = (await inbound(person.page))["energy"]

    async def heard() -> bool:
        return (await inbound(person.page))["energy"] - first > 1e-4

    await eventually("a listener hears the second speaker", heard, 20)
