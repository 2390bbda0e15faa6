"""A real Chromium with a fake camera (a moving picture) and a fake microphone (which beeps)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

EXECUTABLE = "/usr/bin/chromium"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)

WATCH_CONNECTIONS = """
    (() => {
        const Native = window.RTCPeerConnection;
        window.connections = [];
        window.RTCPeerConnection = class extends Native {
            constructor(...rest) { super(...rest); window.connections.push(this); }
        };
    })();
"""
"""An init script: keeps a page's peer connections where ``inbound`` can ask them."""

_INBOUND = """async () => {
    const sum = {energy: 0, frames: 0, audioPackets: 0, videoPackets: 0};
    for (const connection of window.connections) {
        if (connection.connectionState === "closed") continue;
        for (const report of (await connection.getStats()).values()) {
            if (report.type !== "inbound-rtp") continue;
            if (report.kind === "audio") {
                sum.energy += report.totalAudioEnergy || 0;
                sum.audioPackets += report.packetsReceived || 0;
            } else {
                sum.frames += report.framesDecoded || 0;
                sum.videoPackets += report.packetsReceived || 0;
            }
        }
    }
    return sum;
}"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start the browser, and end it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=EXECUTABLE, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


async def new_page(browser: Browser, **options: Any) -> Page:
    """Open a page in a profile of its own, its peer connections watched."""
    options.setdefault("locale", "en-GB")
    context = await browser.new_context(**options)
    context.set_default_timeout(20_000)
    await context.add_init_script(WATCH_CONNECTIONS)
    return await context.new_page()


async def inbound(page: Page) -> dict[str, float]:
    """Return what the page's live connections have received and played so far."""
    found: dict[str, float] = await page.evaluate(_INBOUND)
    return found


async def eventually(
    what: str, check: Callable[[], Awaitable[bool]], seconds: float = 15.0
) -> None:
    """Wait until ``check`` holds. Raises AssertionError, saying what did not become true."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not await check():
        assert loop.time() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.1)


ENERGY = 1e-4
"""One beep of the fake microphone has a hundred times as much; a muted one has none."""

FRAMES = 5


async def hears_and_sees(page: Page, who: str, seconds: float = 20.0) -> None:
    """Hold until sound with energy and decoded frames have both grown, from now on."""
    first = await inbound(page)
    latest = first

    async def grown() -> bool:
        nonlocal latest
        latest = await inbound(page)
        heard = latest["energy"] - first["energy"]
        return heard > ENERGY and latest["frames"] - first["frames"] > FRAMES

    try:
        await eventually(f"{who} hears and sees", grown, seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}; at first {first}, then {latest}") from None


async def gets(page: Page, seconds: float = 2.5) -> tuple[bool, bool]:
    """Return whether the page hears something, and whether it sees something, in that time."""
    first = await inbound(page)
    await asyncio.sleep(seconds)
    latest = await inbound(page)
    return (
        latest["energy"] - first["energy"] > ENERGY,
        latest["frames"] - first["frames"] > FRAMES,
    )
