"""The relay of a lecture is drained: nobody does anything, and sound goes on."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser

from tests.e2e.chromium import eventually, hears_and_sees
from tests.e2e.people import participant, presenter
from tests.e2e.stack import ROOT, Stack

WATCH_SILENCE = """() => {
  const total = async () => {
    let packets = 0
    for (const connection of connections) {
      for (const report of (await connection.getStats()).values()) {
        const isSound = report.type === 'inbound-rtp' && report.kind === 'audio'
        if (isSound) packets += report.packetsReceived
      }
    }
    return packets
  }
  window.longestSilence = 0
  let heard = performance.now()
  let before = 0
  const look = async () => {
    const now = await total()
    if (now !== before) {
      before = now
      heard = performance.now()
    }
    window.longestSilence = Math.max(window.longestSilence, performance.now() - heard)
    setTimeout(look, 20)
  }
  void look()
}"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, web_client: None) -> Iterator[Stack]:
    """A server with two relays, ready; it must end cleanly."""
    with Stack(tmp_path_factory.mktemp("lectern"), LECTERN_RELAYS="2") as running:
        yield running
        assert running.stop() == 0, running.log()


def drain(stack: Stack, *node: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "app", "drain", *node],
        cwd=ROOT,
        env=stack._environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(150)
async def test_sound_goes_on_while_the_relay_is_drained(browser: Browser, stack: Stack) -> None:
    """P13, with two real browsers' pages: the next relay is heard before the old one is left."""
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Drain Teacher")
    code, _ = await teacher.create_lecture("Drain")
    await teacher.open_lobby(code)
    await teacher.start()
    student = await participant(browser, stack.url)
    await student.sign_up("Student of Drain")
    await student.goto(f"/join/{code}")
    await student.is_in()
    await hears_and_sees(student.page, "the student")
    await student.page.evaluate(WATCH_SILENCE)

    before = [line.split()[0] for line in drain(stack).splitlines() if line.startswith("relay")]
    assert len(before) == 2
    for node in before:  # whichever the lecture is on, and then the one that it went to
        assert f"{node} has ended" in drain(stack, node)

    async def moved() -> bool:
        states = await student.page.evaluate("connections.map((one) => one.connectionState)")
        return len(states) > 1 and states[-1] == "connected" and states.count("connected") == 1

    await eventually("the student is on another relay, and on it alone", moved)
    await hears_and_sees(student.page, "the student, on another relay")
    assert await student.page.evaluate("window.longestSilence") < 5000
    assert not set(before) & {line.split()[0] for line in drain(stack).splitlines()}
    assert teacher.errors == student.errors == []
