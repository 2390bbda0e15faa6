"""The operator's page: refused without the token; shows a live room; drains a relay, which comes
back as another while its lecture goes on."""

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.people import TIMEOUT, presenter
from tests.e2e.stack import Stack


@pytest.mark.timeout(120)
async def test_an_operator_sees_and_drains(browser: Browser, stack: Stack) -> None:
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Olga Teacher")
    code, _ = await teacher.create_lecture("Tides")
    await teacher.open_lobby(code)
    await teacher.start()
    page = await browser.new_page()
    await page.goto(f"{stack.url}/operator")
    await page.get_by_label("Service token").fill("not the token")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("alert")).to_contain_text("not the service token")
    await page.get_by_label("Service token").fill(stack.service_token)
    await page.get_by_role("button", name="Continue").click()
    room = page.get_by_test_id("operator-room")
    await expect(room).to_contain_text(code, timeout=TIMEOUT)
    relay = page.get_by_test_id("operator-node").filter(has_text="relay-")
    name = await relay.locator("th .nowrap").inner_text()
    await relay.get_by_test_id("drain").click()
    await page.get_by_test_id("drain-dialog").get_by_label("Seconds").fill("1")
    await page.get_by_test_id("drain-confirm").click()
    # Its supervisor starts another one, to which the room's media moves.
    await expect(room).not_to_contain_text(name, timeout=30_000)
    await expect(room).to_contain_text("relay-", timeout=30_000)
    await expect(relay).to_have_count(1, timeout=30_000)
    await expect(relay).to_have_attribute("data-state", "ready", timeout=30_000)
    await page.reload()
    await expect(page.get_by_test_id("operator")).to_be_visible()
