"""A service's webhooks: made, listed and removed by itself; they hear of its own rooms alone."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.feed.receiver import Receiver, is_signed
from tests.integration.services.conftest import Site


@pytest.fixture
async def receivers() -> AsyncIterator[tuple[Receiver, Receiver]]:
    both = Receiver(), Receiver()
    for one in both:
        await one.open()
    yield both
    for one in both:
        await one.close()


async def test_a_service_hears_of_its_own_lectures(
    site: Site, receivers: tuple[Receiver, Receiver]
) -> None:  # L30
    other = await site.one.services.create("other", None, is_super=False, full_signatures=True)
    mine, theirs = receivers
    made = await site.call("POST", "/v1/webhooks", {"url": mine.url})
    assert made.status_code == 201, made.text
    hidden = await site.call("POST", "/v1/webhooks", {"url": theirs.url}, by=other)
    assert hidden.status_code == 201
    (listed,) = (await site.call("GET", "/v1/webhooks")).json()
    assert listed["url"] == mine.url
    assert "secret" not in listed
    room = await site.room()
    presenter = await site.enter(room["id"], "Ada", "presenter")
    _ = await site.enter(room["id"], "Bob")
    assert (await presenter.ask("/lecture", "end", {"roomId": await site.code(room["id"])}))["ok"]
    async with asyncio.timeout(15):
        while not any(call.event["type"] == "lectern.room.ended" for call in mine.calls):
            mine.changed.clear()
            await mine.changed.wait()
    assert all(is_signed(call, made.json()["secret"]) for call in mine.calls)
    assert mine.calls[0].event["type"] == "lectern.room.started"
    assert theirs.calls == []


async def test_nobody_removes_anothers_webhook(
    site: Site, receivers: tuple[Receiver, Receiver]
) -> None:
    other = await site.one.services.create("other", None, is_super=False, full_signatures=True)
    hook = (await site.call("POST", "/v1/webhooks", {"url": receivers[0].url})).json()["id"]
    path = f"/v1/webhooks/{hook}"
    assert (await site.call("DELETE", path, by=other)).status_code == 404
    assert (await site.call("DELETE", path, process=site.two)).status_code == 204
    assert (await site.call("DELETE", path)).status_code == 404
    unsigned = await site.one.http.post("/v1/webhooks", json={"url": receivers[0].url})
    assert unsigned.status_code == 401
