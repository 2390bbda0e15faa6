"""Media under bad networks: rows 4 to 9 of the fault matrix, through a seeded lossy network.

Clients of real ICE, DTLS and SRTP, let in by the processes that a browser would use; the relay is a
process of its own. One more participant on a good network must notice nothing of any of it.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.faults.people import Person
from tests.faults.rows import Row
from tests.faults.world import until
from tests.integration.relay.network import Network
from tests.integration.relay.repairing import Answerer, Receiver, Sender

WIDE, NARROW = 20_000_000, 200_000


def door_of(person: Person) -> Answerer:
    """Return how a person's offers are answered: its entrance, and later ICE restarts."""

    async def answer(sdp: str) -> str:
        offer = {"type": "offer", "sdp": sdp}
        if not person.is_in.is_set():
            await person.enter(offer)
            return str(person.answer["SDP"]["sdp"])
        assert person.link is not None
        before = len(person.heard("serverAnswer"))
        message = {"roomId": person.room, "SDP": offer, "peerId": person.answer["peerId"]}
        reply = await person.link.call(person.door, person.offer_event, message)
        assert reply["ok"], reply
        await person.until(lambda: len(person.heard("serverAnswer")) > before, 5)
        return str(person.answer["SDP"]["sdp"])

    return answer


@dataclass
class Class:
    """A presenter, somebody on a bad network, and somebody on a good one."""

    row: Row
    sender: Sender
    bad: Receiver
    good: Receiver
    presenters: Network
    weak: Network
    playing: asyncio.Task[None]

    def undisturbed(self) -> None:
        """Whoever is on a good network has every packet."""
        assert self.good.video_got.missing == []
        assert self.good.audio_got.missing == []


@contextlib.asynccontextmanager
async def begin(row: Row, *, frame: tuple[int, ...] = (1_150,) * 5) -> AsyncIterator[Class]:
    await row.lecture(0, presenter=False)
    async with contextlib.AsyncExitStack() as stack:
        networks = [await stack.enter_async_context(Network(seed=seed)) for seed in range(3)]
        people = [row.newcomer(presenter=True), row.newcomer(), row.newcomer()]
        sender = Sender(door_of(people[0]), frame=frame)
        receivers = [Receiver(door_of(person)) for person in people[1:]]
        for client, network in zip((sender, *receivers), networks, strict=True):
            stack.callback(client.close)
            await client.come(network)
        playing = asyncio.create_task(sender.play(300.0))
        stack.callback(playing.cancel)
        bad, good = receivers
        await until(lambda: bad.video_got.highest > 20 and good.video_got.highest > 20, 10)
        await until(lambda: min(bad.video_got.highest, good.audio_got.highest) > 60, 10)
        yield Class(row, sender, bad, good, networks[0], networks[1], playing)


@pytest.fixture
async def media(row: Row) -> AsyncIterator[Class]:
    async with begin(row) as everybody:
        yield everybody


async def flows_again(receiver: Receiver, seconds: float) -> float:
    """Return the seconds until a third of a second of sound has come."""
    began, before = time.monotonic(), len(receiver.audio_got.times)
    await until(lambda: len(receiver.audio_got.times) > before + 15, seconds, "sound again")
    return time.monotonic() - began


async def test_row_04_network_switch(media: Class) -> None:
    """The presenter's network changes, 5 % loss on the new one: ICE restart, media back."""
    media.presenters.up.is_cut = media.presenters.down.is_cut = True
    await asyncio.sleep(1.0)
    async with Network(media.weak.target, seed=40) as other:
        for path in (other.up, other.down):
            path.loss, path.delay = 0.05, (0.02, 0.04)
        await media.sender.attach(("127.0.0.1", other.port))
        began = time.monotonic()
        await media.sender.restart()
        took = await flows_again(media.good, 5.0)
        media.row.figure("media back after", max(took, time.monotonic() - began), most=3.0)
        media.playing.cancel()
    await asyncio.sleep(0.3)


@pytest.mark.parametrize("who", ["presenter", "participant"])
async def test_row_05_nat_rebind(media: Class, who: str) -> None:
    """A NAT forgets and rebinds: media back with the next check."""
    network = media.presenters if who == "presenter" else media.weak
    client = media.sender if who == "presenter" else media.bad
    network.rebind()
    began = time.monotonic()

    async def check() -> None:
        """As a browser does whose connection has fallen silent."""
        while True:
            await asyncio.sleep(0.5)
            client.check(nominates=False)

    checking = asyncio.create_task(check())
    try:
        await flows_again(media.bad, 5.0)
    finally:
        checking.cancel()
    media.row.figure(f"{who}'s media back after", time.monotonic() - began, most=3.0)


async def test_row_06_loss_one_way(media: Class) -> None:
    """A participant loses 30 % one way: it stays, and others notice nothing."""
    media.weak.down.loss = 0.3
    asked = media.sender.keyframes_asked
    start = asyncio.get_running_loop().time()
    await asyncio.sleep(8.0)
    share = media.bad.audio_got.between(start, start + 8) / (8 * 50)
    media.row.figure("sound that came, repeats included", 100 * share, "%")
    assert share > 0.9
    media.undisturbed()
    assert media.sender.nacks == 0
    media.row.figure("keyframes asked of the presenter", media.sender.keyframes_asked - asked, "")
    assert media.sender.keyframes_asked - asked <= 5
    media.weak.down.loss = 0.0
    began, now = time.monotonic(), asyncio.get_running_loop().time
    await until(lambda: media.bad.video_got.between(now() - 1, now()) > 110, 10, "all video again")
    media.row.figure("all of the video again after", time.monotonic() - began, most=10.0)


async def test_row_07_loss_both_ways(media: Class) -> None:
    """A participant loses 30 % both ways, for ten seconds: it resumes."""
    for path in (media.weak.up, media.weak.down):
        path.loss = 0.3
    await asyncio.sleep(10.0)
    for path in (media.weak.up, media.weak.down):
        path.loss = 0.0
    took = await flows_again(media.bad, 5.0)
    media.row.figure("sound flows again after", took, most=5.0)
    media.undisturbed()


async def test_row_08_half_a_second_of_round_trip(row: Row) -> None:
    """500 ms of round trip, jitter of 100 ms, reordering: a participant joins and loses nothing."""
    async with begin(row, frame=(1_100, 700)) as media:
        person = row.newcomer()
        async with Network(media.weak.target, seed=80) as far:
            far.up.delay = far.down.delay = (0.2, 0.3)
            late = Receiver(door_of(person))
            began = time.monotonic()
            await late.come(far)
            await until(lambda: late.video_got.highest > 0, 6, "a picture")
            row.figure("joined and seen after", time.monotonic() - began, most=5.0)
            await asyncio.sleep(3.0)
            media.playing.cancel()
            await asyncio.sleep(1.5)
            assert late.video_got.missing == late.audio_got.missing == []
            numbers = [data["seq"] for _, _, data in person.got if isinstance(data.get("seq"), int)]
            assert numbers == sorted(numbers)
            late.close()
        media.undisturbed()


async def test_row_09_narrow_downlink(media: Class) -> None:
    """200 kbit/s downlink: audio untouched, video paused, back within ten seconds of recovery."""
    now = asyncio.get_running_loop().time
    media.weak.down.bps = NARROW
    began = time.monotonic()
    person = media.row.people[1]
    await person.until(lambda: person.heard("layer"), 10)
    assert person.heard("layer")[-1]["sections"][0]["paused"] is True
    media.row.figure("video paused, and the page told, after", time.monotonic() - began)
    await asyncio.sleep(2.0)  # what filled the queue is through
    start, lost = now(), len(media.bad.audio_got.missing)
    media.row.figure("sound lost while the queue was full", lost / 50)
    await asyncio.sleep(5.0)
    assert media.bad.audio_got.between(start, start + 5) >= 0.96 * 250
    assert len(media.bad.audio_got.missing) <= lost
    media.weak.down.bps = WIDE
    began = time.monotonic()
    await until(lambda: media.bad.video_got.between(now() - 1, now()) > 110, 10, "all video again")
    media.row.figure("all of the video again after", time.monotonic() - began, most=10.0)
    media.undisturbed()
