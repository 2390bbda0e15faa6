"""People whose media is real: ICE, DTLS and SRTP, offered again when the server says it moved."""

import asyncio
import contextlib
import random
import time
from typing import Any

from app.core.clock import Clock, SystemClock
from bench.client.dtls import Certificate, make_certificate
from bench.clients import ClientSocket, Publisher
from tests.faults.link import LostError
from tests.faults.media import PACKET_SECONDS, Ear
from tests.faults.people import Person, Presenter, Student
from tests.faults.rows import Row
from tests.faults.world import student, until

RETRY_SECONDS = 2.5
"""Our web client waits one to two of these after a refusal."""

ANSWER_SECONDS = 10.0


class TimedEar(Ear):
    """An ear that tells its owner of each packet that it opened."""

    def __init__(self, certificate: Certificate, clock: Clock, owner: "Listener") -> None:
        super().__init__(certificate, clock)
        self._owner = owner

    def on_media(self, packet: bytes) -> None:
        before = self.packets
        super().on_media(packet)
        if self.packets > before:
            self._owner.hear(time.monotonic())


class Mover(Person):
    """A person with a media connection, who makes a new one when told ``media_moved``.

    As in our web client the old connection is dropped first, and a refused offer is made again. A
    connection that does not come about is given up when the next move is told.
    """

    certificate: Certificate
    clock: Clock
    socket: ClientSocket | None = None

    def prepare(self, certificate: Certificate) -> None:
        self.certificate, self.clock = certificate, SystemClock()
        self.moves = 0
        self.refused = 0
        """Offers that had to be made again."""
        self.refused_with: list[Any] = []
        self.seq: int | None = None
        self._connecting: asyncio.Task[None] | None = None

    def make_socket(self) -> ClientSocket:
        raise NotImplementedError

    async def bring_media(self) -> None:
        """Come in with media, and return when it is connected."""
        self.socket = socket = self.make_socket()
        await self.enter({"type": "offer", "sdp": socket.offer})  # type: ignore[attr-defined]
        await socket.connect(self.answer["SDP"]["sdp"])

    def _take(self, connection: int, event: str, data: dict[str, Any]) -> None:
        is_known = (
            self.seq is not None and isinstance(data.get("seq"), int) and (data["seq"] <= self.seq)
        )
        super()._take(connection, event, data)
        if isinstance(data.get("seq"), int) and event != "state":
            self.seq = max(self.seq or 0, data["seq"])
        elif event == "state" and not data.get("resumed"):
            self.seq = data["seq"]
        if event == "media_moved" and not is_known:
            self.moves += 1
            self._connect_soon()

    def _lecture_auth(self) -> dict[str, Any]:
        auth = super()._lecture_auth()
        return auth if self.seq is None else {**auth, "cursor": self.seq}

    def _connect_soon(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        self._connecting = asyncio.ensure_future(self._connect_media())

    async def _connect_media(self) -> None:
        while True:
            self._drop_socket()
            self.socket = socket = self.make_socket()
            try:
                answer = await self._offer(socket)
                if answer is not None:
                    return await socket.connect(answer)
            except (LostError, TimeoutError):
                pass
            self.refused += 1
            await asyncio.sleep(RETRY_SECONDS * (1 + random.random()))

    def _drop_socket(self) -> None:
        if self.socket is not None:
            for datagram in self.socket.peer.dtls.goodbye():
                self.socket.send(datagram)
            self.socket.close()
            self.socket = None

    async def _offer(self, socket: ClientSocket) -> str | None:
        """Offer on the connection that there is; None when that was refused."""
        await self.is_in.wait()
        assert self.link is not None
        self.answer = {}
        message = {
            "roomId": self.room,
            "SDP": {"type": "offer", "sdp": socket.offer},  # type: ignore[attr-defined]
        }
        said = await self.link.call(self.door, self.offer_event, message, ANSWER_SECONDS)
        if not said["ok"]:
            self.refused_with.append(said["error"])
            return None
        await self.until(lambda: self.answer, ANSWER_SECONDS)
        return str(self.answer["SDP"]["sdp"])

    async def close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._connecting
        self._drop_socket()
        await super().close()


class Listener(Mover, Student):
    """Hears the presenter, and notes the longest silence."""

    heard_at: float | None = None
    packets = 0
    longest = 0.0

    def make_socket(self) -> ClientSocket:
        return TimedEar(self.certificate, self.clock, self)

    def hear(self, now: float) -> None:
        self.packets += 1
        self.longest = max(self.longest, now - (self.heard_at or now))
        self.heard_at = now

    def silence(self) -> float:
        """Return the longest silence since ``forget``, one that lasts included."""
        return max(self.longest, time.monotonic() - (self.heard_at or 0.0))


class Voice(Mover, Presenter):
    """Speaks all the time, over whatever connection there is."""

    _speaking: asyncio.Task[None] | None = None

    def make_socket(self) -> ClientSocket:
        return Publisher(self.certificate, self.clock)

    async def _offer(self, socket: ClientSocket) -> str | None:
        answer = await super()._offer(socket)
        if answer is not None:
            self._take_epoch(self.answer["epoch"])
        return answer

    def speak(self) -> None:
        self._speaking = asyncio.ensure_future(self._speak())

    async def _speak(self) -> None:
        while True:
            socket = self.socket
            if isinstance(socket, Publisher) and socket.outgoing is not None:
                packet = socket._audio.packet(self.clock.now())
                socket.send(socket.outgoing.protect(packet))
            await asyncio.sleep(PACKET_SECONDS)

    async def close(self) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._speaking
        await super().close()


class Classroom:
    """One voice and its listeners in a row's lecture. The row lets them go."""

    def __init__(self, row: Row, first_account: int = 0) -> None:
        """``first_account`` is the first listener's: who comes back with a token alone comes back
        to the lecture that its account entered last."""
        self.row = row
        self._first_account = first_account
        self.certificate = make_certificate()
        self.listeners: list[Listener] = []

    async def fill(self, listeners: int) -> None:
        """Let the presenter in, then the listeners on all api processes in turn; all hear."""
        row = self.row
        row.room, row.owner = await row.world.lecture()
        token = row.world.token(row.owner)
        self.voice = Voice("presenter", row.room, token, row.world.apis, row.history, 0)
        self.voice.prepare(self.certificate)
        row.people.append(self.voice)
        await self.voice.bring_media()
        self.voice.speak()
        for n in range(listeners):
            await self.listener(n)
        await until(lambda: all(one.packets > 10 for one in self.listeners), 30, "all hear")
        row.stay()

    async def listener(self, n: int, account: int | None = None) -> Listener:
        world = self.row.world
        token = world.token(student(self._first_account + (n if account is None else account)))
        one = Listener(f"listener{n}", self.row.room, token, world.apis, self.row.history, n + 1)
        one.prepare(self.certificate)
        self.row.people.append(one)
        self.listeners.append(one)
        await one.bring_media()
        return one

    def forget(self) -> None:
        """Measure silence from now on."""
        for one in self.listeners:
            one.longest = 0.0

    async def all_hear(self, seconds: float) -> None:
        """Return once everybody hears something new, and has made the connection that it makes."""
        marks = {one.name: one.packets for one in self.listeners}
        await until(
            lambda: all(one.packets > marks[one.name] + 10 for one in self.listeners),
            seconds,
            "all hear again",
        )

    def silences(self) -> list[float]:
        return sorted(one.silence() for one in self.listeners)

    def p99(self) -> float:
        found = self.silences()
        return found[min(len(found) - 1, int(0.99 * len(found)))]
