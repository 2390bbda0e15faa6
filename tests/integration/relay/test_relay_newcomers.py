"""A full room, live: newcomers see video at once, and the presenter makes few keyframes for it.

The relay is a process of its own; everybody comes by real ICE, DTLS and SRTP. Media is seen when a
whole keyframe has come that opens and holds what the presenter put in. A wait goes from the end of
the newcomer's DTLS handshake to that, both as its kernel saw them come: nobody's wait holds what
this process, which is a hundred clients at once, needs to look at it.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from app.core.clock import Clock
from app.core.ids import new_peer_id
from app.relay.core.keyframe import is_vp8_start
from app.relay.messages import OpenPeer
from bench.client import rtp, sdp
from bench.client.dtls import Certificate
from bench.client.peer import DTLS_FIRST, DTLS_LAST
from bench.clients import Publisher
from bench.delay import Delays, percentile
from bench.receiver import Receiver
from bench.workload import Step, frame_ticks
from tests.integration.relay.clients import until
from tests.integration.relay.relay_processes import ROOM, Hall, RelayProcess

HANDSHAKE_TYPE, CLIENT_HELLO = 13, 1
"""Where a DTLS record's first message says what it is (RFC 6347 §4.1, §4.3.2)."""
CROWD = 100
NEWCOMERS = 100
COMING_SECONDS = 8.0
"""All of them come in this time, at random: some alone, some together."""
WAIT_SECONDS = 1.0
"""What is promised, p99: from when the newcomer's media is connected to its first picture."""
QUIET_SECONDS = 2.5
"""After it no keyframe is recent, and none was asked for within the second."""
CALM_SECONDS = 1.0
"""Between two reports of those who have seen: they are there, and leave this process its time."""
STEPS = [Step(number / 20, frame_sizes=(900, 900), send=2) for number in range(2400)]
"""Two minutes of pictures, 20 a second."""


class Newcomer(Receiver):
    """Notes when its first picture was there."""

    def __init__(self, certificate: Certificate, clock: Clock) -> None:
        super().__init__(certificate, clock, Delays())
        self.ident = new_peer_id()
        self.came: float | None = None
        self.saw: float | None = None
        self.holds = False
        """Whether its last flight of the handshake is kept in ``held`` instead of being sent."""
        self.held: list[bytes] = []
        self._next: int | None = None
        """The number that its keyframe's next packet must have."""

    @property
    def wait(self) -> float:
        assert self.saw is not None
        assert self.came is not None
        return self.saw - self.came

    def send(self, datagram: bytes) -> None:
        is_handshake = DTLS_FIRST <= datagram[0] <= DTLS_LAST
        if self.holds and is_handshake and datagram[HANDSHAKE_TYPE] != CLIENT_HELLO:
            self.held.append(datagram)
        else:
            super().send(datagram)

    def release(self) -> None:
        """Send what was held, and hold no more."""
        self.holds = False
        held, self.held = self.held, []
        for datagram in held:
            self.send(datagram)

    def _flush(self) -> None:
        super()._flush()
        if self.came is None and self.outgoing is not None:
            self.came = self._arrival

    def _round(self) -> None:
        super()._round()
        if self.saw is not None and self._cycle is not None:
            self._cycle.cancel()
            self._cycle = self._loop.call_later(CALM_SECONDS, self._round)

    def _open(self, packet: bytes) -> None:
        """Look for the first picture; a crowd that has seen is only counted."""
        if self.saw is not None or self.incoming is None or packet[1] & 0x7F != sdp.VP8:
            return
        opened = self.incoming.unprotect(packet)
        number = int.from_bytes(opened[2:4], "big")
        if self._next is None and not is_vp8_start(memoryview(rtp.payload(opened))):
            return
        assert rtp.is_intact(opened)
        if self._next in (None, number):  # with a hole in it, it is never whole
            self._next = number + 1 & 0xFFFF
            if opened[1] & 0x80:
                self.saw = self._arrival


class Room:
    """A presenter that sends all the time, and those who watch."""

    def __init__(self, hall: Hall, relay: RelayProcess) -> None:
        self._hall = hall
        self._relay = relay
        self.watching: list[Receiver] = []

    @property
    def publisher(self) -> Publisher:
        return self._hall.publisher

    def now(self) -> float:
        return self._hall.clock.now()

    async def open(self, one: Receiver, ident: str) -> str:
        """Let somebody's offer be answered; nothing is sent to it before it connects."""
        command = OpenPeer(room=ROOM, peer=ident, role="participant", sdp=one.offer)
        return (await self._hall.client.open(self._relay.node, command)).sdp

    async def come(self, one: Receiver, answer: str) -> None:
        self.watching.append(one)
        await one.connect(answer)

    def newcomer(self) -> Newcomer:
        return Newcomer(self._hall.certificate, self._hall.clock)

    async def leave(self, one: Newcomer) -> None:
        self.watching.remove(one)
        one.close()
        await self._hall.client.close_peer(self._relay.node, ROOM, one.ident)

    async def count(self) -> dict[str, int]:
        return await self._hall.count(self._relay)


@asynccontextmanager
async def lecture(redis_url: str, tmp_path: Path) -> AsyncIterator[Room]:
    """A presenter who sends, to a relay process with nobody else in."""
    async with AsyncExitStack() as stack:
        relay = RelayProcess(redis_url, "127.0.0.1", tmp_path / "relay")
        stack.callback(relay.close)
        hall = Hall(redis_url)
        stack.push_async_callback(hall.close)
        await hall.open([relay])
        await hall.begin(relay)
        room = Room(hall, relay)
        stack.callback(lambda: [one.close() for one in room.watching])
        playing = asyncio.create_task(hall.publisher.play(STEPS, frame_ticks("browser")))
        stack.callback(playing.cancel)
        yield room
        assert (await room.count())["errors"] == 0


async def storm(room: Room) -> list[Newcomer]:
    """Let a hundred come at once, however slow this machine is: each is one flight from there."""
    crowd = [room.newcomer() for _ in range(CROWD)]
    answers = await asyncio.gather(*(room.open(one, one.ident) for one in crowd))
    for one in crowd:
        one.holds = True
    pairs = zip(crowd, answers, strict=True)
    coming = asyncio.gather(*(room.come(one, answer) for one, answer in pairs))
    await until(lambda: all(one.held for one in crowd), 10.0)
    for one in crowd:
        one.release()
    await coming
    return crowd


async def visit(room: Room, after: float, waits: list[float]) -> None:
    """Come, see, go."""
    await asyncio.sleep(after)
    one = room.newcomer()
    await room.come(one, await room.open(one, one.ident))
    await until(lambda: one.saw is not None, 10.0)
    waits.append(one.wait)
    await room.leave(one)


async def test_a_hundred_come_at_once_and_then_one_by_one(  # M9
    redis_url: str, tmp_path: Path
) -> None:
    async with lecture(redis_url, tmp_path) as room:
        first = room.newcomer()
        await room.come(first, await room.open(first, first.ident))
        await until(lambda: first.saw is not None)
        await asyncio.sleep(QUIET_SECONDS)

        before = room.publisher.keyframes_asked
        crowd = await storm(room)
        await until(lambda: all(one.saw is not None for one in crowd), 10.0)
        assert room.publisher.keyframes_asked - before <= 2, "a join storm of a hundred"

        before, began = room.publisher.keyframes_asked, room.now()
        chance = random.Random(9)
        waits: list[float] = []
        visits = [visit(room, chance.uniform(0.0, COMING_SECONDS), waits) for _ in range(NEWCOMERS)]
        await asyncio.gather(*visits)
        asked = room.publisher.keyframes_asked - before
        assert len(waits) == NEWCOMERS
        assert percentile(waits, 0.99) <= WAIT_SECONDS, sorted(waits)[-5:]
        assert 2 <= asked <= 1 + room.now() - began, "once a second, however many come"
        assert (await room.count())["peers"] == 2 + CROWD
