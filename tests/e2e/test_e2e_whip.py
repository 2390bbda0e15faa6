"""WHIP in and WHEP out with clients that are not ours: FFmpeg sends, whip-whep's player plays."""

import asyncio
import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.chromium import eventually, hears_and_sees, new_page
from tests.e2e.people import TIMEOUT, Participant, Presenter
from tests.e2e.stack import WEB, OtherOrigin, Stack

MEDIA = Path(__file__).parent / "media"
ADA = {"username": "Ada", "email": "ada@example.org", "password": "correct horse battery"}

pytestmark = pytest.mark.e2e


@pytest.fixture
def player(tmp_path: Path, web_client: None) -> Iterator[str]:
    """The page of a WHEP player, on an origin of its own."""
    folder = tmp_path / "player"
    folder.mkdir()
    shutil.copy(MEDIA / "player.html", folder)
    shutil.copy(WEB / "node_modules/whip-whep/whep.js", folder)
    with OtherOrigin(folder) as server:
        yield f"{server.url}/player.html"


class Sender:
    """FFmpeg, sending by WHIP; a context manager."""

    def __init__(self, url: str, token: str, folder: Path) -> None:
        script = str(MEDIA / "whip_sender.py")
        self._log = folder / "sender.log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, script, url, token, str(folder)], stdout=output, stderr=output
            )

    def __enter__(self) -> Self:
        return self

    def log(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(10)


def request(url: str, body: Any = None, token: str = "", content: str = "application/json") -> Any:
    """Post JSON, return JSON."""
    headers = {"Content-Type": content, "Authorization": token}
    asked = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return json.load(answer)


async def test_ffmpeg_presents_and_a_whep_player_listens(
    stack: Stack, browser: Browser, player: str, tmp_path: Path
) -> None:
    request(f"{stack.url}/auth/signup", ADA)
    user = request(f"{stack.url}/auth/signin", ADA)["token"]
    code = request(f"{stack.url}/lecture", {"title": "By WHIP", "description": ""}, user)["code"]
    whip = request(f"{stack.url}/lecture/{code}/token", {}, user)
    whep = request(f"{stack.url}/lecture/{code}/token", {"role": "listener"}, user)
    with Sender(whip["whip"], whip["token"], tmp_path) as sender:
        page = await new_page(browser)
        await page.goto(player)
        await page.wait_for_function("window.ready")
        await _plays(page, whep, sender)
        await hears_and_sees(page, "the WHEP player")

        # Her web client joins the same lecture, for the board and the questions.
        ada = Presenter(await new_page(browser), stack.url)
        await ada.sign_in("Ada")
        await ada.open_lobby(code)
        await ada.start()
        await ada.has_listeners(1)
        sam = Participant(await new_page(browser), stack.url)
        await sam.enter(code)
        await sam.is_in()
        await sam.ask("Who is speaking?")
        await ada.question("Who is speaking?").wait_for()
        await hears_and_sees(sam.page, "a participant")
        await hears_and_sees(page, "the WHEP player, still")

        # The page is reloaded: the media goes on, and nobody is told that the presenter is away.
        await ada.page.reload()
        await hears_and_sees(sam.page, "a participant, while the web client reloads")
        await page.evaluate("window.player.stop()")
        await ada.has_listeners(1)

        # She takes the tokens back: what the program sends ends, and her page sends again.
        await expect(ada.part("program-banner")).to_be_visible(timeout=TIMEOUT)
        await ada.part("program-open").click()
        await expect(ada.part("program-live")).to_be_visible()
        await ada.part("program-make").click()
        await expect(ada.part("program-url")).to_have_value(whip["whip"], timeout=TIMEOUT)
        await ada.part("program-revoke").click()
        await expect(ada.part("program-revoked")).to_be_visible(timeout=TIMEOUT)
        await ada.part("program-close").click()
        await expect(ada.part("program-banner")).to_have_count(0, timeout=TIMEOUT)
        await hears_and_sees(sam.page, "a participant, by the presenter's own page")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            request(whip["whip"], "v=0", f"Bearer {whip['token']}", "application/sdp")


async def _plays(page: Any, whep: dict[str, str], sender: Sender) -> None:
    async def started() -> bool:
        try:
            await page.evaluate("([url, token]) => window.play(url, token)", list(_at(whep)))
        except Exception:  # noqa: BLE001 (409 until the lecture has started)
            await asyncio.sleep(0.3)
            return False
        return True

    try:
        await eventually("the player is let in", started)
    except AssertionError as error:
        raise AssertionError(f"{error}; {sender.log()}") from None


def _at(whep: dict[str, str]) -> tuple[str, str]:
    return whep["whep"], whep["token"]
