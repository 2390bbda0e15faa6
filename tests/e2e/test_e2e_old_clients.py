"""Clients that exist today, on an origin of their own, work unchanged (wire-protocol, part 1)."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.e2e.chromium import eventually, hears_and_sees, new_page
from tests.e2e.stack import Stack

FIRST = [{"type": "rect", "left": 10}]
SECOND = [{"type": "rect", "left": 10}, {"type": "path", "left": 99}]


async def _rest(
    page: Page, stack: Stack, method: str, path: str, token: str = "", body: Any = None
) -> tuple[int, Any]:
    answer = await page.evaluate(
        "([s, m, p, t, b]) => rest(s, m, p, t, b)", [stack.url, method, path, token, body]
    )
    return answer["status"], answer["body"]


async def _account(page: Page, stack: Stack, name: str) -> str:
    email = f"{name}@example.org"
    body = {"username": name, "email": email, "password": f"{name} has a long password"}
    status, created = await _rest(page, stack, "POST", "/auth/signup", body=body)
    assert (status, created) == (201, {"username": name, "email": email})
    status, signed_in = await _rest(page, stack, "POST", "/auth/signin", body=body)
    assert status == 200
    return str(signed_in["token"])


async def _lecture_connected(page: Page, who: str) -> None:
    async def connected() -> bool:
        return "lecture connected" in await page.evaluate("client.log")

    try:
        await eventually(f"{who} is in /lecture", connected)
    except AssertionError as error:
        raise AssertionError(f"{error}; log {await page.evaluate('client.log')}") from None


async def _await_list(page: Page, name: str, count: int = 1) -> list[dict[str, Any]]:
    async def long_enough() -> bool:
        return bool(await page.evaluate(f"client.{name}.length >= {count}"))

    await eventually(f"{count} of {name}", long_enough)
    found: list[dict[str, Any]] = await page.evaluate(f"client.{name}")
    return found


async def _open(browser: Browser, origin: str) -> Page:
    page = await new_page(browser)
    await page.goto(origin)
    return page


@pytest.mark.timeout(180)
async def test_a_lecture_of_existing_clients(
    browser: Browser, stack: Stack, other_origin: str
) -> None:
    presenter = await _open(browser, other_origin)
    token = await _account(presenter, stack, "presenter")
    status, lecture = await _rest(
        presenter,
        stack,
        "POST",
        "/lecture",
        token,
        {"title": "Waves", "description": "", "email": "presenter@example.org"},
    )
    assert status == 201
    code = lecture["code"]
    assert isinstance(code, str)
    assert len(code) == 6

    start = "([s, t, c, o]) => present(s, t, c, o)"
    await presenter.evaluate(start, [stack.url, token, code, FIRST])
    await _lecture_connected(presenter, "the presenter")

    student = await _open(browser, other_origin)
    student_token = await _account(student, stack, "student")
    assert (await _rest(student, stack, "PATCH", f"/lecture/{code}", student_token))[0] == 200
    guest = await _open(browser, other_origin)
    for page, bearer in ((student, student_token), (guest, "")):
        await page.evaluate("([s, t, c]) => attend(s, t, c)", [stack.url, bearer, code])
    for page, who in ((student, "the student"), (guest, "the guest")):
        await _lecture_connected(page, who)
        await hears_and_sees(page, who)
        assert await page.evaluate("firstBoard()") == FIRST
        begun = await page.evaluate("client.serverAnswer.startTime")
        assert datetime.fromisoformat(begun).tzinfo is not None

    # A board: a stroke, then a pan whose empty objects mean "unchanged" (X2).
    await presenter.evaluate("o => edit(o)", SECOND)
    for page in (presenter, student, guest):
        updates = await _await_list(page, "updates")
        assert updates[-1]["type"] == "whiteBoard"
        assert updates[-1]["objects"] == SECOND

    # A question, its answer, and one that stays open.
    await guest.evaluate("ask('How fast is light?')")
    await student.evaluate("ask('And sound?')")
    asked = await _await_list(presenter, "asked", 2)
    assert {question["content"] for question in asked} == {"How fast is light?", "And sound?"}
    assert all(question["type"] == "question" for question in asked)
    light = next(q for q in asked if q["content"] == "How fast is light?")
    sound = next(q for q in asked if q["content"] == "And sound?")
    await presenter.evaluate("id => solve(id)", light["questionId"])

    # The presenter reloads: X8, X9; nobody else negotiates again (X11).
    await asyncio.sleep(0.5)  # the solved is on its way, and has no answer to wait for
    await presenter.goto("about:blank")
    await presenter.goto(other_origin)
    await presenter.evaluate(start, [stack.url, token, code, []])
    await _lecture_connected(presenter, "the returning presenter")
    returned = await presenter.evaluate("client.reconnected")
    assert returned["questions"] == [[sound["questionId"], ["content", "And sound?"]]]
    canvas = returned["whiteboard"]["canvasJSON"]
    if isinstance(canvas, str):
        canvas = await presenter.evaluate("text => JSON.parse(text)", canvas)
    assert canvas["objects"] == SECOND
    assert returned["startTime"] == begun
    for page, who in ((student, "the student"), (guest, "the guest")):
        await hears_and_sees(page, f"{who}, after the presenter's reload")
        assert await page.evaluate("connections.length") == 1

    # The network drops for a moment: the Manager joins again with no new offer.
    await guest.evaluate("client.manager.engine.close()")

    async def back() -> bool:
        log = await guest.evaluate("client.log")
        return bool(log.count("lecture connected") == 2)

    await eventually("the guest is in /lecture again", back)
    updates = await _await_list(guest, "updates", 2)
    assert updates[-1]["objects"] == SECOND
    await hears_and_sees(guest, "the guest, after its socket's loss")

    await presenter.evaluate("end()")
    for page in (student, guest):
        (ended,) = await _await_list(page, "ended")
        assert (ended["type"], ended["content"]) == ("lecture", "finish")
        (response,) = await _await_list(page, "responses")
        assert (response["type"], response["content"]) == ("lecture", "success")
    status, _ = await _rest(guest, stack, "GET", f"/lecture?code={code}")
    assert status == 404

    # Afterwards both find it in their lists, once, and replay its record; a guest does not.
    for page, bearer in ((presenter, token), (student, student_token)):
        status, listed = await _rest(page, stack, "GET", "/lecture/list", bearer)
        assert (status, [one["title"] for one in listed]) == (200, ["Waves"])
        path = f"/lecture/record/{listed[0]['_id']}"

        async def archived(page: Page = page, bearer: str = bearer, path: str = path) -> bool:
            _, record = await _rest(page, stack, "GET", path, bearer)
            boards = await page.evaluate("record => replay(record)", record)
            assert set(record) == {"logs", "subtitles", "audio_file"}
            return bool(boards and boards[-1] == SECOND and FIRST in boards)

        await eventually("the record has both boards", archived)
    assert (await _rest(guest, stack, "GET", path))[0] == 401
