"""``python -m tests.e2e.screenshots``: take the pictures of the README from a real lecture."""

import asyncio
import math
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.e2e.chromium import chromium, hears_and_sees
from tests.e2e.people import TIMEOUT, Presenter, participant, presenter
from tests.e2e.stack import ROOT, Stack, build_web_client

IMAGES = ROOT / "docs" / "images"
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
MAX_BYTES = 200_000
BLUE, RED = "#1971c2", "#e03131"


def _wave(start: float, height: float, turns: float) -> list[tuple[float, float]]:
    steps = [index / 48 for index in range(49)]
    return [
        (0.3 + 0.6 * step, 0.5 - height * math.sin(start + math.tau * turns * step))
        for step in steps
    ]


async def _colour(teacher: Presenter, name: str) -> None:
    await teacher.part("toolbar-freedraw").dispatch_event("click")
    await teacher.part(f"color-top-pick-{name}").first.click()


async def _write(teacher: Presenter, x: float, y: float, text: str) -> None:
    box = await teacher.page.locator("canvas.interactive").bounding_box()
    assert box is not None
    await teacher.part("toolbar-text").dispatch_event("click")
    await teacher.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    await teacher.page.keyboard.type(text)
    await teacher.page.keyboard.press("Escape")
    await teacher.page.keyboard.press("Escape")


async def _draw_waves(teacher: Presenter) -> None:
    await teacher.draw([(0.3, 0.5), (0.92, 0.5)])
    await teacher.draw([(0.3, 0.25), (0.3, 0.78)])
    await _colour(teacher, BLUE)
    await teacher.draw(_wave(0.0, 0.16, 2))
    await _colour(teacher, RED)
    await teacher.draw(_wave(math.pi / 2, 0.1, 3))
    await _write(teacher, 0.42, 0.24, "v = f λ")


async def _take(page: Page, name: str) -> None:
    path = IMAGES / f"{name}.png"
    await page.mouse.move(2, 2)
    await page.screenshot(path=path, animations="disabled", caret="hide")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise RuntimeError(f"{path.name} has {size} bytes; the README's pictures have {MAX_BYTES}")


async def _lecture(browser: Browser, url: str) -> None:
    teacher = await presenter(browser, url, **DESKTOP)
    await teacher.sign_up("Ada Byron")
    code, _ = await teacher.create_lecture("Waves and how they add up")
    await teacher.open_lobby(code)
    await teacher.start()
    student = await participant(browser, url, **DESKTOP)
    await student.sign_up("Sam Student")
    await student.goto(f"/join/{code}")
    phone = await participant(browser, url, **PHONE)
    await phone.enter(code)
    for person in (student, phone):
        await person.is_in()
    # A phone is sent the picture where it shows it.
    await phone.part("tab-video").click()
    for person in (student, phone):
        await hears_and_sees(person.page, "a participant")
    await phone.part("tab-board").click()
    await _draw_waves(teacher)
    await student.sees_strokes(5)
    await phone.sees_strokes(5)
    await student.ask("What happens where both are zero?")
    await teacher.tick("What happens where both are zero?")
    await student.ask("Is the red one faster, or only more often?")
    await phone.part("tab-questions").click()
    await phone.part("question-vote").first.click()
    await phone.ask("Does this hold for light as well?")
    await phone.part("tab-board").click()
    await student.part("hand-toggle").click()
    await expect(teacher.part("hand-item")).to_have_count(1, timeout=TIMEOUT)
    await expect(student.part("class-question")).to_have_count(3, timeout=TIMEOUT)
    await teacher.has_listeners(2)
    await expect(teacher.part("question-item")).to_have_count(2, timeout=TIMEOUT)
    await teacher.part("toolbar-hand").dispatch_event("click")
    await _take(teacher.page, "presenter")
    await _take(student.page, "participant")
    await _take(phone.page, "phone")


async def main() -> None:
    """Write docs/images/presenter.png, participant.png and phone.png."""
    build_web_client()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lectern-") as folder, Stack(Path(folder)) as stack:
        async with chromium() as browser:
            await _lecture(browser, stack.url)


if __name__ == "__main__":
    asyncio.run(main())
