"""A member that returns knows whose tracks its sections carry, whatever it missed."""

import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.lecture.model import LectureConfig
from app.store.sql import Sql
from app.transport.sio.config import SioConfig
from tests.integration.relay.network import Network
from tests.integration.relay.repairing import Answerer, Receiver, Sender
from tests.integration.sio.conftest import STUDENT, Client
from tests.integration.sio.live_media import Lecture, live_lecture, offered

ENTER, LECTURE = "/enter-room", "/lecture"
PRESENTERS = {"0": "microphone", "1": "camera"}


class Page(Receiver):
    """A participant with two spare sections: "2" for sound, "4" for a picture ("3" is a screen)."""

    def __init__(self, answerer: Answerer) -> None:
        super().__init__(answerer)
        plain = self._offer

        def offer() -> str:
            head, audio, video = re.split(r"(?m)^(?=m=)", plain())
            more = [audio.replace("a=mid:0", "a=mid:2")]
            more += [video.replace("a=mid:1", f"a=mid:{mid}") for mid in (3, 4)]
            return "".join((head.replace("BUNDLE 0 1", "BUNDLE 0 1 2 3 4"), audio, video, *more))

        self._offer = offer


@pytest.fixture
async def lecture(
    redis_url: str, sql: Sql, sio_config: SioConfig, lecture_config: LectureConfig
) -> AsyncIterator[Lecture]:
    async with live_lecture(redis_url, sql, sio_config, lecture_config, Page) as live:
        yield live


@contextlib.asynccontextmanager
async def speaking(lecture: Lecture) -> AsyncIterator[str]:
    """Let the strong one speak; yields its name in the room."""
    member = str((await lecture.strong.event("state"))["speakerId"])
    assert (await lecture.ask(lecture.strong, "hand"))["ok"]
    assert (await lecture.ask(lecture.host, "invite", speakerId=member))["ok"]

    async def speak(offer: str) -> str:
        said = {"SDP": {"type": "offer", "sdp": offer}, "sources": PRESENTERS}
        reply = await lecture.ask(lecture.strong, "speak", **said)
        assert reply["ok"], reply
        return str(reply["SDP"]["sdp"])

    speaker = Sender(speak)
    try:
        async with Network(("127.0.0.1", lecture.service.port), 9) as network:
            await speaker.come(network)
            await speaker.play(0.5)
            yield member
    finally:
        speaker.close()


def carried(client: Client) -> dict[str, tuple[str | None, str | None]]:
    """Return whose track each section carries, by all that the client was told."""
    sections = [one for event in client.all("bound") for one in event["sections"]]
    return {one["mid"]: (one["id"], one["source"]) for one in sections}


def cursor_of(client: Client) -> int:
    """Return the number of the last event that a client has."""
    numbers = [data["seq"] for _, _, data in client.got if data and "seq" in data]
    return max(number for number in numbers if number is not None)


async def back(lecture: Lecture, **auth: Any) -> Client:
    """The weak one's page comes back by itself on another connection; its media went on."""
    client, token = lecture.process.client(), lecture.process.token(STUDENT)
    await client.join(ENTER, token)
    await client.join(LECTURE, token, **auth)
    await client.event("state")
    return client


async def media_of(client: Client) -> str:
    return str((await client.event("serverAnswer"))["peerId"])


async def test_what_was_bound_meanwhile_is_among_what_was_missed(lecture: Lecture) -> None:  # L25
    peer, cursor = await media_of(lecture.weak), cursor_of(lecture.weak)
    await lecture.weak.drop()
    async with speaking(lecture) as member:
        here = {"2": (member, "microphone"), "4": (member, "camera")}
        await lecture.strong.until(lambda: lecture.strong.all("speaking"))
        again = await back(lecture, cursor=cursor, peerId=peer)
        assert (await again.event("state"))["resumed"] is True
        await again.until(lambda: carried(again) == here)
        numbers = [event["seq"] for event in again.all("bound")]
        assert min(numbers) > cursor
        assert len(set(numbers)) == len(numbers)
        # And what happens from now on.
        assert (await lecture.ask(lecture.host, "uninvite", speakerId=member))["ok"]
        await again.until(lambda: carried(again) == {"2": (None, None), "4": (None, None)})


async def test_who_missed_too_much_is_told_anew(lecture: Lecture) -> None:
    peer = await media_of(lecture.weak)
    async with speaking(lecture) as member:
        here = {"2": (member, "microphone"), "4": (member, "camera")}
        await lecture.weak.until(lambda: carried(lecture.weak) == here)
        await lecture.weak.drop()
        again = await back(lecture, peerId=peer)  # no cursor, as of a log that begins later
        state = await again.event("state")
        assert state["resumed"] is False
        assert [one["id"] for one in state["speakers"]] == [member]
        await again.until(lambda: carried(again) == here)
        assert min(event["seq"] for event in again.all("bound")) > state["seq"]


async def test_media_that_is_made_anew_on_the_way_back_is_told_of(lecture: Lecture) -> None:
    async with speaking(lecture) as member:
        here = {"2": (member, "microphone"), "4": (member, "camera")}
        await lecture.weak.until(lambda: carried(lecture.weak) == here)
        cursor, old = cursor_of(lecture.weak), await media_of(lecture.weak)
        await lecture.weak.drop()
        again = await back(lecture, cursor=cursor, peerId=old)
        fresh = Page(offered(again, ENTER, "studentOffer", lecture.room))
        try:
            async with Network(("127.0.0.1", lecture.service.port), 31) as network:
                await fresh.come(network)
                await again.until(lambda: carried(again) == here)
                assert await media_of(again) != old
        finally:
            fresh.close()


async def test_nobody_hears_of_sections_that_are_not_its_own(lecture: Lecture) -> None:
    cursor = cursor_of(lecture.weak)
    await lecture.weak.drop()
    async with speaking(lecture) as member:
        await lecture.strong.until(lambda: lecture.strong.all("speaking"))
        unnamed = await back(lecture, cursor=cursor)
        guessed = await back(lecture, cursor=cursor, peerId="0" * 22)
        for one in (unnamed, guessed):
            await one.until(lambda one=one: one.all("speaking"))
            assert not one.all("bound")
            assert [speaker["id"] for speaker in one.all("state")[0]["speakers"]] == [member]
