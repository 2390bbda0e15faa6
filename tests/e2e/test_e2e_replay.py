"""A lecture that is over, seen again: its board, sound, picture and questions at every moment."""

import asyncio
import csv
import io
import json
import re
import time
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from playwright.async_api import Browser, Download, Page, expect

from tests.e2e.chromium import eventually
from tests.e2e.old_client import STROKE, TEXT, present_elsewhere
from tests.e2e.people import TIMEOUT, Participant, Person, participant, presenter
from tests.e2e.stack import Stack

PHONE = {"viewport": {"width": 360, "height": 740}}
STROKES = [[(0.3, y), (0.5, y + 0.05), (0.7, y)] for y in (0.2, 0.35, 0.5, 0.65)]


class LiveBoard:
    """What the live board was, as a member of the room was told: the hash of each revision."""

    def __init__(self, page: Page) -> None:
        self.hashes: dict[int, tuple[str, float]] = {}
        page.on("websocket", lambda socket: socket.on("framereceived", self._hear))

    def _hear(self, frame: str | bytes) -> None:
        found = re.match(r'4\d+\S*?(\["drawn".*)', frame) if isinstance(frame, str) else None
        if found is not None:
            event = json.loads(found.group(1))[1]
            self.hashes[event["rev"]] = event["hash"], time.time()


async def fetch(person: Person, path: str) -> Any:
    """Read JSON as the person who is signed in on that page."""
    return await person.page.evaluate(
        """async path => {
            const {token} = JSON.parse(localStorage.getItem('lectern.account'));
            const answer = await fetch(path, {headers: {authorization: token}});
            return answer.json();
        }""",
        path,
    )


async def open_replay(person: Person, title: str) -> str:
    """Go from the past lectures to a replay; return the lecture's id."""
    await person.goto("/home")
    card = person.part("past-lecture").filter(has_text=title)
    await expect(card).to_be_visible(timeout=TIMEOUT)
    lecture = await card.get_attribute("data-id")
    assert lecture is not None
    for _ in range(30):
        if await card.get_attribute("data-state") == "ready":
            break
        await person.page.wait_for_timeout(500)
        await person.page.reload()
        await expect(card).to_be_visible(timeout=TIMEOUT)
    await card.get_by_test_id("past-replay").click()
    await expect(person.part("replay")).to_be_visible(timeout=TIMEOUT)
    await expect(person.part("replay-board")).to_have_attribute("data-loading", "false")
    return lecture


async def seek(person: Person, at: float) -> float:
    """Go to a moment by the timeline; return the seconds until its board is shown."""
    seconds: float = await person.page.evaluate(
        """async at => {
            const bar = document.querySelector('[data-testid=replay-seek]');
            const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
            const began = performance.now();
            set.call(bar, String(at));
            bar.dispatchEvent(new Event('input', {bubbles: true}));
            await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
            const board = document.querySelector('[data-testid=replay-board]');
            while (board.dataset.loading !== 'false') await new Promise(requestAnimationFrame);
            return (performance.now() - began) / 1000;
        }""",
        at,
    )
    return seconds


async def saved(person: Person, part: str) -> tuple[str, bytes]:
    async with person.page.expect_download() as coming:
        await person.part(part).first.click()
    download: Download = await coming.value
    path = await download.path()
    return download.suggested_filename, Path(path).read_bytes()


async def give(teacher: Any, student: Participant) -> None:
    """Draw, mark, say, be asked: a short lecture."""
    for stroke in STROKES[:2]:
        await teacher.draw(stroke)
        await asyncio.sleep(1.1)
    desk = teacher.part("caption-desk")
    await desk.locator("summary").click()
    await teacher.part("chapter-input").fill("The second part")
    await teacher.part("chapter-send").click()
    await teacher.part("caption-input").fill("Good morning <everyone>")
    await teacher.page.keyboard.press("Enter")
    await student.ask("=1+1, is that 2?")
    await desk.locator("summary").click()
    for stroke in STROKES[2:]:
        await teacher.draw(stroke)
        await asyncio.sleep(1.1)
    await student.sees_strokes(4)


@pytest.mark.timeout(280)
async def test_a_lecture_is_seen_again(browser: Browser, stack: Stack) -> None:
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Rhea Teacher")
    code, link = await teacher.create_lecture("Replayed")
    await teacher.open_lobby(code)
    await teacher.start()
    await teacher.part("toggle-recording").click()
    student = await participant(browser, stack.url)
    await student.sign_up("Stan Student")
    live = LiveBoard(student.page)
    await student.page.goto(link)
    await student.is_in()
    await give(teacher, student)
    await teacher.end()

    # From the past lectures, by who attended it.
    lecture = await open_replay(student, "Replayed")
    summary = await fetch(student, f"/lecture/archive/{lecture}")
    changes = (await fetch(student, f"/lecture/archive/{lecture}/board"))["items"]
    drawn = [one for one in changes if one["kind"] == "drawn"]
    assert len(drawn) >= 4
    assert {one["rev"] for one in drawn} <= live.hashes.keys()

    # The board at every moment is the one that was live then, also on the canvas; back and forth.
    board = student.part("replay-board")
    pairs = zip(drawn, [*drawn[1:], {"at": float("inf")}], strict=True)
    moments = {one["at"]: (one, next_one["at"] - one["at"] > 700) for one, next_one in pairs}
    began = await student.page.evaluate("text => Date.parse(text)", summary["started_at"])
    assert sum(is_whole for _, is_whole in moments.values()) >= len(STROKES)
    took = []
    for one, is_whole in [*moments.values(), *reversed(moments.values())]:
        took.append(await seek(student, one["at"]))
        hash_then, told = live.hashes[one["rev"]]
        await expect(board).to_have_attribute("data-hash", hash_then)
        if is_whole:  # a stroke's first point is nothing that the canvas shows
            await expect(board).to_have_attribute("data-scene", hash_then)
        assert (began + one["at"]) / 1000 == pytest.approx(told, abs=2)
    await seek(student, 0)
    await expect(board).to_have_attribute("data-elements", "0")
    assert median(took) <= 1, took

    # The recording is made ready while the page is open, and attaches itself.
    await expect(student.part("replay-sound")).to_have_count(1, timeout=90_000)
    await expect(student.part("replay-making")).to_have_count(0)
    await seek(student, summary["duration"] / 2)
    await student.page.keyboard.press("Space")
    await plays_in_step(student)

    # Faster, by keyboard; then paused, and to a tenth by its number.
    await student.page.keyboard.press(">")
    await expect(student.part("replay-speed")).to_have_value("1.25")
    await student.page.keyboard.press("k")
    await expect(student.part("replay-bar")).to_have_attribute("data-playing", "false")
    await student.page.keyboard.press("5")
    half = float(await student.part("replay-seek").input_value())
    assert half == pytest.approx(summary["duration"] / 2, rel=0.1)
    await student.page.keyboard.press("ArrowLeft")
    now = float(await student.part("replay-seek").input_value())
    assert now == pytest.approx(max(0, half - 5_000), abs=200)

    # The list jumps, and what was said is in writing.
    await student.part("list-chapters").click()
    await student.part("replay-chapter").filter(has_text="second part").click()
    chapter = (await fetch(student, f"/lecture/archive/{lecture}/chapters"))["items"][-1]
    assert float(await student.part("replay-seek").input_value()) == pytest.approx(
        chapter["at"], abs=150
    )
    await student.part("list-captions").click()
    await student.part("replay-caption").click()
    await expect(student.part("replay-captions")).to_contain_text("Good morning <everyone>")
    await expect(student.part("mark-question")).to_have_count(1)

    # A link that has ended is renewed by the page itself.
    await link_ends(student)
    await downloads(student)
    phone = await participant(browser, stack.url, **PHONE)
    await phone.sign_in("Stan Student")
    await open_replay(phone, "Replayed")
    assert await phone.overflow() <= 0
    await expect(phone.part("replay-play")).to_be_in_viewport()

    # Whoever was not there sees nothing of it.
    stranger = await participant(browser, stack.url)
    await stranger.sign_up("Odd Stranger")
    await stranger.goto(f"/replay/{lecture}")
    await expect(stranger.part("replay-forbidden")).to_be_visible(timeout=TIMEOUT)
    await stranger.goto(f"/replay/{'0' * 32}")
    await expect(stranger.part("replay-missing")).to_be_visible(timeout=TIMEOUT)
    for person in (teacher, student, phone, stranger):
        assert person.errors == []


_POSITIONS = """() => {
    const at = name => document.querySelector(`[data-testid=${name}]`);
    const [sound, picture, bar] = [at('replay-sound'), at('replay-camera'), at('replay-seek')];
    return {sound: sound.currentTime, picture: picture.currentTime, bar: Number(bar.value) / 1000,
            energy: sound.paused ? 0 : 1, size: picture.videoWidth};
}"""


async def plays_in_step(person: Person) -> None:
    """Hold until sound, picture and timeline have gone on together."""
    card = await fetch(person, f"/lecture/recording/{person.page.url.rpartition('/')[2]}")
    camera = next(one for one in card["files"] if one["source"] == "camera")
    first = await person.page.evaluate(_POSITIONS)

    async def together() -> bool:
        now = await person.page.evaluate(_POSITIONS)
        seen = now["picture"] + camera["start"] / 1000
        return bool(
            now["sound"] > first["sound"] + 0.7
            and now["size"] > 0
            and abs(now["bar"] - now["sound"]) < 0.3
            and abs(seen - now["sound"]) < 0.4
        )

    await eventually("sound, picture and timeline go on together", together, 20)


async def link_ends(person: Person) -> None:
    """Refuse the links that the page has, as the server does when they have ended."""
    refused: list[str] = []

    async def refuse(route: Any) -> None:
        if len(refused) < 2:
            refused.append(route.request.url)
            await route.fulfill(status=403, body="{}")
        else:
            await route.continue_()

    await person.page.route("**/recordings/**", refuse)
    await person.page.reload()
    await expect(person.part("replay-sound")).to_have_count(1, timeout=TIMEOUT)

    async def loaded() -> bool:
        state = "document.querySelector('[data-testid=replay-sound]').readyState"
        return bool(refused) and int(await person.page.evaluate(state)) >= 1

    await eventually("the sound is loaded by a fresh link", loaded)
    await expect(person.part("replay-sound-failed")).to_have_count(0)
    await person.page.unroute("**/recordings/**")


def inked(pdf: bytes) -> list[int]:
    """Return how much there is in each of a PDF's pictures that shows something."""
    found = []
    for one in re.finditer(rb"/DeviceGray.*?/Length (\d+).*?stream\r?\n", pdf, re.DOTALL):
        rows = zlib.decompress(pdf[one.end() : one.end() + int(one.group(1))])
        found.append(sum(byte > 16 for byte in rows))
    return [ink for ink in found if ink > 50]


async def downloads(person: Person) -> None:
    """Take everything home."""
    await expect(person.part("replay-board")).to_have_attribute("data-loading", "false")
    await person.part("replay-export").click()
    name, data = await saved(person, "export-csv")
    assert name == "Replayed questions.csv"
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert rows[1][rows[0].index("question")] == "'=1+1, is that 2?"
    _, data = await saved(person, "export-json")
    assert [one["content"] for one in json.loads(data)["questions"]] == ["=1+1, is that 2?"]
    _, data = await saved(person, "export-vtt")
    assert data.startswith(b"WEBVTT")
    assert b"Good morning &lt;everyone&gt;" in data
    name, data = await saved(person, "export-svg")
    assert name == "Replayed board-1.svg"
    assert len(ET.fromstring(data).findall(".//{*}path")) >= len(STROKES)
    name, data = await saved(person, "export-pdf")
    assert name == "Replayed board.pdf"
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    for file in await person.part("export-file").all():
        async with person.page.expect_download() as coming:
            await file.click()
        assert Path(await (await coming.value).path()).stat().st_size > 1000
    await person.part("export-close").click()


FIRST = [STROKE]
SECOND = [STROKE, TEXT]


@pytest.mark.timeout(200)
async def test_a_lecture_of_an_existing_client_without_recording(
    browser: Browser, stack: Stack, other_origin: str
) -> None:  # X2
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Olga Teacher")
    code, _ = await teacher.create_lecture("Drawn elsewhere")
    old = await present_elsewhere(browser, stack, other_origin, teacher.page, code, [])
    for objects in (FIRST, SECOND):
        await asyncio.sleep(1)
        await old.evaluate("o => edit(o)", objects)
    await asyncio.sleep(1)
    await old.evaluate("end()")
    await old.close()

    lecture = await open_replay(teacher, "Drawn elsewhere")
    await expect(teacher.part("replay-sound")).to_have_count(0)
    await expect(teacher.part("replay-making")).to_have_count(0)
    changes = (await fetch(teacher, f"/lecture/archive/{lecture}/board"))["items"]
    first, second = [one["at"] for one in changes if one["objects"]][-2:]
    canvas = teacher.part("replay-canvas")
    for at, objects in ((second, 2), (first, 1), (second, 2)):
        await seek(teacher, at)
        await expect(canvas).to_have_attribute("data-objects", str(objects))
    await expect(canvas.locator("text")).to_have_text("v = f")
    await expect(teacher.part("board-foreign")).to_have_count(0)
    # The clock runs without any media.
    await teacher.page.keyboard.press("1")
    await teacher.page.keyboard.press("Space")
    await expect(canvas).to_have_attribute("data-objects", "2", timeout=TIMEOUT)
    await expect(teacher.part("replay-bar")).to_have_attribute(
        "data-playing", "false", timeout=TIMEOUT
    )
    await teacher.part("replay-export").click()
    _, data = await saved(teacher, "export-svg")
    drawn = ET.fromstring(data)
    assert drawn.find(".//{*}path").attrib["d"] == "M-50 25Q0 -75 50 25"  # type: ignore[union-attr]
    _, data = await saved(teacher, "export-pdf")
    assert data.startswith(b"%PDF-")
    assert len(inked(data)) == 1  # the text
    await teacher.part("export-close").click()
    await teacher.part("list-people").click()
    await expect(teacher.part("list-empty")).to_be_visible()
    assert teacher.errors == []
