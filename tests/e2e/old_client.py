"""An existing presenter's client, played by the page of ``other_origin``, and what it draws."""

from typing import Any, Final

from playwright.async_api import Browser, Page

from tests.e2e.chromium import eventually
from tests.e2e.stack import Stack

STROKE: Final[dict[str, Any]] = {
    "type": "path",
    "left": 99,
    "top": 49,
    "width": 100,
    "height": 50,
    "stroke": "#1971c2",
    "strokeWidth": 2,
    "path": [["M", 100, 100], ["Q", 150, 0, 200, 100]],
}
TEXT: Final[dict[str, Any]] = {
    "type": "i-text",
    "left": 300,
    "top": 80,
    "width": 90,
    "height": 45,
    "fill": "red",
    "fontSize": 40,
    "text": "v = f",
}


async def present_elsewhere(
    browser: Browser, stack: Stack, origin: str, teacher: Page, code: str, objects: list[Any]
) -> Page:
    """Let ``teacher``'s lecture be presented by an existing client; return once it is in."""
    token = await teacher.evaluate("JSON.parse(localStorage['lectern.account']).token")
    old = await browser.new_page()
    await old.goto(origin)
    await old.evaluate("([s, t, c, o]) => present(s, t, c, o)", [stack.url, token, code, objects])

    async def connected() -> bool:
        return "lecture connected" in await old.evaluate("client.log")

    await eventually("the old client is in", connected)
    return old
