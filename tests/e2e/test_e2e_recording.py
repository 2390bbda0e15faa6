"""A lecture recorded from a click to its files, through a crash of the relay."""

import asyncio
import io
import json
import time
import urllib.error
import urllib.request
from typing import Any

import av
import pytest
from playwright.async_api import Browser, expect

from tests.e2e.chromium import eventually, hears_and_sees
from tests.e2e.people import PASSWORD, TIMEOUT, participant, presenter
from tests.e2e.stack import Stack

FINALISE_SECONDS = 90.0


def call(url: str, token: str = "", **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers={"Authorization": token, **headers})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def signed_in(stack: Stack, email: str) -> str:
    body = json.dumps({"email": email, "password": PASSWORD}).encode()
    request = urllib.request.Request(
        f"{stack.url}/auth/signin", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        token: str = json.load(answer)["token"]
        return token


async def finished(stack: Stack, token: str) -> dict[str, Any]:
    """Wait until the newest lecture's recording is whole."""
    _, _, listed = await asyncio.to_thread(call, f"{stack.url}/lecture/list", token)
    lecture = json.loads(listed)[0]["_id"]
    deadline = time.monotonic() + FINALISE_SECONDS
    while True:
        url = f"{stack.url}/lecture/recording/{lecture}"
        status, _, body = await asyncio.to_thread(call, url, token)
        if status == 200 and json.loads(body)["state"] == "done":
            found: dict[str, Any] = json.loads(body)
            return found
        assert time.monotonic() < deadline, (status, body, stack.log())
        await asyncio.sleep(0.5)


def seconds_of(data: bytes) -> float:
    with av.open(io.BytesIO(data)) as container:
        assert container.duration is not None, "players could not seek in it"
        return container.duration / 1_000_000


@pytest.mark.timeout(240)
async def test_a_click_records_and_a_dead_relay_leaves_no_hole_in_time(
    browser: Browser, stack: Stack
) -> None:  # L27, O29, B10, X15
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Recorded Teacher")
    code, _ = await teacher.create_lecture("Acoustics")
    await teacher.open_lobby(code)
    await teacher.start()
    started = time.monotonic()
    guest = await participant(browser, stack.url)
    await guest.enter(code)
    await guest.is_in()
    await hears_and_sees(guest.page, "the guest")
    await expect(guest.part("recording-badge")).to_have_count(0)

    await teacher.part("toggle-recording").click()
    for person in (teacher, guest):
        await expect(person.part("recording-badge")).to_have_attribute(
            "data-state", "recording", timeout=TIMEOUT
        )
    await expect(guest.part("recording-notice")).to_be_visible()
    await guest.part("recording-understood").click()
    await expect(guest.part("recording-notice")).to_have_count(0)
    late = await participant(browser, stack.url)
    await late.enter(code)
    await late.is_in()
    await expect(late.part("recording-notice")).to_be_visible()
    recorded = time.monotonic()

    await asyncio.sleep(3)
    stack.kill("relay")
    await hears_and_sees(guest.page, "the guest, by the next relay")
    await asyncio.sleep(3)
    await teacher.end()
    ended = time.monotonic()

    token = await asyncio.to_thread(signed_in, stack, "recorded.teacher@example.org")
    found = await finished(stack, token)
    files = {one["source"] + "/" + one["kind"]: one for one in found["files"]}
    assert set(files) == {"microphone/audio", "microphone/mix", "camera/video"}
    for name, one in files.items():
        status, headers, data = await asyncio.to_thread(call, stack.url + one["url"])
        assert (status, len(data)) == (200, one["bytes"])
        assert headers["content-type"] == one["contentType"]
        # By the lecture's clock: this one began when the page was ready, a little later.
        assert one["end"] / 1000 == pytest.approx(ended - started, abs=2.5), name
        assert seconds_of(data) == pytest.approx((one["end"] - one["start"]) / 1000, abs=1), name
        part = await asyncio.to_thread(call, stack.url + one["url"], Range="bytes=100-199")
        assert (part[0], part[2]) == (206, data[100:200])
    assert files["microphone/mix"]["start"] == 0
    assert files["microphone/audio"]["start"] / 1000 < recorded - started + 1
    assert files["microphone/mix"]["name"] == f"lecture-{found['lecture']}.mp3"

    url = stack.url + files["camera/video"]["url"]
    forged = url[:-1] + ("0" if url[-1] != "0" else "1")
    assert (await asyncio.to_thread(call, forged))[0] == 403
    card = f"{stack.url}/lecture/recording/{found['lecture']}"
    assert (await asyncio.to_thread(call, card))[0] == 401
    stranger = await presenter(browser, stack.url)
    await stranger.sign_up("Curious Stranger")
    token = await asyncio.to_thread(signed_in, stack, "curious.stranger@example.org")
    assert (await asyncio.to_thread(call, card, token))[0] == 404
    assert teacher.errors == guest.errors == late.errors == []
    await eventually("the segments are gone", lambda: _no_segments(stack))


async def _no_segments(stack: Stack) -> bool:
    kept = stack._folder / "data" / "recordings"
    return not [*kept.glob("kept/*/raw/*"), *kept.glob("spool/*/*.webm")]
