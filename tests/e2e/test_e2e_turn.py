"""A browser that may use TURN alone: hears and sees through it, and moves to another server."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.async_api import Browser, Page

from bench.ports import free_port, free_range
from tests.e2e.chromium import eventually, hears_and_sees
from tests.e2e.people import participant, presenter
from tests.e2e.stack import ROOT, Stack
from tests.redis_server import RedisServer

RELAY_ONLY = "?debug=1&relay=only"

_USED = """async () => {
    for (const connection of window.connections) {
        if (connection.connectionState !== "connected") continue;
        const report = await connection.getStats();
        for (const stat of report.values()) {
            if (stat.type !== "transport") continue;
            const pair = report.get(stat.selectedCandidatePairId);
            const local = pair && report.get(pair.localCandidateId);
            if (local) return `${local.candidateType} ${local.url || ""}`;
        }
    }
    return "";
}"""


def turn_settings() -> dict[str, str]:
    first_port = free_range(61)
    return {
        "LECTERN_TURN": "on",
        "LECTERN_TURN_PORT": str(free_port()),
        "LECTERN_TURN_METRICS_PORT": str(free_port()),
        "LECTERN_TURN_FIRST_PORT": str(first_port),
        "LECTERN_TURN_LAST_PORT": str(first_port + 60),
    }


@pytest.fixture
def stack(
    tmp_path: Path, web_client: None, redis_server: RedisServer
) -> Iterator[tuple[Stack, dict[str, psutil.Process]]]:
    """A server with its own TURN server and a second one; monitors by the port of their coturn."""
    shared = {
        "REDIS_URL": redis_server.url,
        "JWT_SECRET_KEY": "a secret of this test's, long enough",
    }
    first, second = turn_settings(), turn_settings()
    with Stack(tmp_path, **shared, **first) as running:
        environment = running._environment | second | {"LECTERN_DATA_DIR": str(tmp_path / "turn")}
        other = subprocess.Popen(
            [sys.executable, "-m", "app", "turn"],
            cwd=ROOT,
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        try:
            children = psutil.Process(running._process.pid).children()
            own = next(c for c in children if c.cmdline()[-1] == "turn")
            yield (
                running,
                {
                    first["LECTERN_TURN_PORT"]: own,
                    second["LECTERN_TURN_PORT"]: psutil.Process(other.pid),
                },
            )
            assert running.stop() == 0, running.log()
        finally:
            other.send_signal(signal.SIGTERM)
            other.wait(timeout=10)


async def relayed_by(page: Page) -> str:
    """Return the port of the TURN server that the page's media runs through, or nothing."""
    used: str = await page.evaluate(_USED)
    found = re.fullmatch(r"relay turn:[^:]+:(\d+)\?.*", used)
    return found[1] if found else ""


@pytest.mark.timeout(180)
async def test_heard_through_turn_alone_and_again_when_it_dies(
    browser: Browser, stack: tuple[Stack, dict[str, psutil.Process]]
) -> None:  # row 35
    server, monitors = stack
    teacher = await presenter(browser, server.url)
    await teacher.sign_up("Relayed Teacher")
    code, _ = await teacher.create_lecture("Detours")
    await teacher.open_lobby(code)
    await teacher.start()

    guest = await participant(browser, server.url)
    await guest.goto(f"/join/{code}{RELAY_ONLY}")
    await guest.is_in()
    await hears_and_sees(guest.page, "the guest behind TURN")
    first = await relayed_by(guest.page)
    assert first in monitors

    async def are_two() -> bool:
        return all(monitor.children() for monitor in monitors.values())

    await eventually("two coturns run", are_two)
    began = asyncio.get_running_loop().time()
    monitors[first].children()[0].kill()

    async def has_moved() -> bool:
        return await relayed_by(guest.page) in set(monitors) - {first}

    await eventually("the guest is at the other server", has_moved, 10.0)
    await hears_and_sees(guest.page, "the guest at the other server", 10.0)
    assert asyncio.get_running_loop().time() - began <= 10.0
    assert guest.errors == []
