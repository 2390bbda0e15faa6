"""What the presenter turns on and off while the lecture runs."""

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.chromium import eventually, gets, hears_and_sees
from tests.e2e.people import TIMEOUT, Participant, participant, presenter
from tests.e2e.stack import Stack

_SCREEN_TIME = (
    "() => { const video = document.querySelector('[data-testid=screen-video]');"
    " return video.videoWidth > 0 ? video.currentTime : 0 }"
)


async def _shows(person: Participant, what: str) -> None:
    await expect(person.part("stage-video")).to_have_attribute("data-shows", what, timeout=TIMEOUT)


@pytest.mark.timeout(180)
async def test_microphone_camera_and_screen_go_on_and_off(browser: Browser, stack: Stack) -> None:
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Toggling Teacher")
    code, _ = await teacher.create_lecture("Optics")
    await teacher.open_lobby(code)
    await teacher.start()
    guest = await participant(browser, stack.url)
    await guest.enter(code)
    await guest.is_in()
    await hears_and_sees(guest.page, "the guest")

    microphone, camera = teacher.part("toggle-microphone"), teacher.part("toggle-camera")
    await microphone.click()
    await expect(microphone).to_have_attribute("aria-pressed", "false")
    await gets(guest.page, 1.0)  # what was on its way
    assert await gets(guest.page) == (False, True)
    await microphone.click()
    await camera.click()
    await _shows(guest, "none")
    await gets(guest.page, 1.0)
    assert await gets(guest.page) == (True, False)
    await camera.click()
    await _shows(guest, "camera")
    await hears_and_sees(guest.page, "the guest, with everything on again")

    await teacher.part("toggle-screen").click()
    await _shows(guest, "screen")
    shown = await guest.page.evaluate(_SCREEN_TIME)

    async def moves() -> bool:
        return bool(await guest.page.evaluate(_SCREEN_TIME) > shown + 0.5)

    await eventually("the screen's picture moves", moves)
    await teacher.part("toggle-screen").click()
    await _shows(guest, "camera")
    assert await guest.page.evaluate("connections.length") == 1
    assert teacher.errors == guest.errors == []


_ACTIVE = """() => connections.at(-1).getSenders()
    .map((sender) => sender.getParameters().encodings.map(({ active }) => active))
    .find((encodings) => encodings.length === 3)"""


@pytest.mark.timeout(180)
async def test_layers_nobody_should_get_are_not_sent_and_come_back(  # M10
    browser: Browser, stack: Stack
) -> None:
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Layered Teacher")
    code, _ = await teacher.create_lecture("Layers")
    await teacher.open_lobby(code)
    await teacher.start()
    guest = await participant(browser, stack.url)
    await guest.enter(code)
    await guest.is_in()
    await hears_and_sees(guest.page, "the guest")
    # A window of 180 pixels, as the page has it here, takes the smallest alone.
    await guest.page.evaluate("document.querySelector('.stage').style.minHeight = '600px'")

    async def sends(*active: bool) -> None:
        async def does() -> bool:
            return bool(await teacher.page.evaluate(_ACTIVE) == list(active))

        await eventually(f"the presenter sends {active}", does, 30)

    await guest.part("quality").select_option("saving")
    await sends(True, False, False)
    await hears_and_sees(guest.page, "the guest, by the smallest layer")
    await guest.part("quality").select_option("best")

    async def sends_more() -> bool:
        return any((await teacher.page.evaluate(_ACTIVE))[1:])

    await eventually("a larger layer is sent again", sends_more, 30)
    await guest.part("quality").select_option("off")
    await expect(guest.part("picture-off")).to_be_visible()
    await gets(guest.page, 1.5)
    assert await gets(guest.page) == (True, False)
    await sends(True, False, False)
    await guest.part("quality").select_option("best")
    await hears_and_sees(guest.page, "the guest, with pictures again")
    assert teacher.errors == guest.errors == []
