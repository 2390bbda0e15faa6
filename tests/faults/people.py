"""The people of a lecture, as existing clients behave: they come back by themselves, and log."""

import asyncio
import contextlib
import gzip
import json
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any

from app.core.ids import RoomId
from bench.client import sdp
from tests.faults.history import Claim, Delivery, Entrance, History, Operation
from tests.faults.link import Link, LostError, RefusedError
from tests.faults.world import Api

RETRY_SECONDS = 0.25
"""Between two tries to come back: a Manager's first delay is 0.5 to 1.5 s."""

RETRYABLE = {"unavailable", "rate_limited", "internal"}


def some_offer(presenter: bool) -> dict[str, str]:
    """An offer whose media never connects: the relay drops such a peer by itself."""
    fingerprint = ":".join(secrets.token_hex(1).upper() for _ in range(32))
    sent = [sdp.Sent(secrets.randbits(31)) if presenter else None for _ in range(2)]
    text = sdp.offer(secrets.token_hex(4), secrets.token_hex(12), fingerprint, *sent)
    return {"type": "offer", "sdp": text}


def board_of(text: str, size: int = 0) -> bytes:
    """A board's objects: gzip of a JSON list, about ``size`` bytes at least."""
    filler = secrets.token_urlsafe(size) if size else ""
    return gzip.compress(json.dumps([{"type": "path", "id": text, "data": filler}]).encode())


class Person:
    """One tab. ``enter`` brings it in; with ``stay`` it comes back whenever it is lost."""

    door = ""
    offer_event = ""
    is_presenter = False

    def __init__(
        self, name: str, room: RoomId, token: str, apis: list[Api], history: History, home: int = 0
    ) -> None:
        self.name = name
        self.room = room
        self.token = token
        self.apis = apis
        self.history = history
        self.home = home
        self.link: Link | None = None
        self.connection = -1
        self.answer: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.board = b""
        self.edited = b""
        """The last board that it sent, whether it was taken or not."""
        self.shown: list[str] = []
        self.got: list[tuple[float, str, Any]] = []
        self.failed: list[dict[str, Any]] = []
        self.epoch = 0
        self.returns: list[float] = []
        """Seconds from each loss until the person was in again."""
        self.entered_seconds = 0.0
        """From when its socket was connected to the lecture's state."""
        self._connected_at = 0.0
        self.refusals: list[Any] = []
        self.is_in = asyncio.Event()
        self._seat_token = token
        self._news = asyncio.Event()
        self._stay: asyncio.Task[None] | None = None
        self._writes = 0

    # coming and going

    async def enter(self, offer: dict[str, str] | None = None) -> None:
        """Come in with an offer, as for the first time. Raises LostError, RefusedError."""
        link = await self._connect()
        await self._join_door(link)
        message = {"roomId": self.room, "SDP": offer or some_offer(self.is_presenter)}
        answer = await link.call(self.door, self.offer_event, message)
        if not answer["ok"]:
            raise RefusedError(answer["error"])
        await self._entered(link)
        await self._join_lecture(link)

    async def come_back(self) -> None:
        """Come in with the token alone, as a Manager whose connection was lost does."""
        link = await self._connect()
        await self._join_door(link)
        await self._join_lecture(link)

    async def _entered(self, link: Link) -> None:
        """What is sent between the answer and the lecture."""

    async def _connect(self) -> Link:
        self.connection += 1
        number = self.connection

        def take(namespace: str, event: str, data: Any) -> None:
            self._take(number, event, data if isinstance(data, dict) else {})

        link = Link(take)
        api = self.apis[self.home % len(self.apis)]
        await link.connect(*self._address(api), self._socket(api))
        self._connected_at = time.monotonic()
        self.link = link
        return link

    def _address(self, api: Api) -> tuple[str, int]:
        return api.host, api.port

    def _socket(self, api: Api) -> socket.socket | None:
        """Return a connected socket where an address does not do."""
        return None

    async def _join_door(self, link: Link) -> None:
        await link.join(self.door, {"accessToken": self.token, "refreshToken": ""})
        self._seat_token = self.token or self._seat_token or link.sids[self.door]

    async def _join_lecture(self, link: Link) -> None:
        self.state = {}
        await link.join("/lecture", self._lecture_auth())
        await self.until(lambda: self.state or link.lost.is_set() or self.heard("ended"), 10)
        if not self.state and not self.heard("ended"):
            raise LostError("lost before the state came")
        self.entered_seconds = time.monotonic() - self._connected_at
        self.is_in.set()

    def _lecture_auth(self) -> dict[str, Any]:
        return {"accessToken": self._seat_token, "refreshToken": ""}

    def stay(self) -> None:
        """Come back from now on, to whichever api process takes this person."""
        self._stay = asyncio.ensure_future(self._keep_coming_back())

    async def _keep_coming_back(self) -> None:
        while True:
            assert self.link is not None
            await self.link.lost.wait()
            self.is_in.clear()
            lost_at = time.monotonic()
            while not self.is_in.is_set():
                try:
                    await self.come_back()
                except LostError:
                    self.home += 1
                    await asyncio.sleep(RETRY_SECONDS)
                except RefusedError as refusal:
                    self.refusals.append(refusal.data)
                    self.home += 1
                    await asyncio.sleep(RETRY_SECONDS)
            self.returns.append(time.monotonic() - lost_at)

    async def drop(self) -> None:
        """Lose the connection as a killed tab does, and stay away."""
        await self.stop_staying()
        assert self.link is not None
        self.link.abort()
        self.is_in.clear()

    async def stop_staying(self) -> None:
        if self._stay is not None:
            self._stay.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._stay
            self._stay = None

    async def close(self) -> None:
        await self.stop_staying()
        if self.link is not None:
            self.link.close()

    # what it hears

    def _take(self, connection: int, event: str, data: dict[str, Any]) -> None:
        now = time.monotonic()
        self.got.append((now, event, data))
        seq = data.get("seq")
        if event == "state" and self.is_logged:
            self.history.entrances.append(self._entrance(connection, data))
        elif isinstance(seq, int) and self.is_logged:
            question = str(data.get("questionId", ""))
            self.history.deliveries.append(
                Delivery(self.name, connection, seq, event, now, question)
            )
        if event in ("serverAnswer", "reconnectPresenter"):
            self.answer = data if event == "serverAnswer" else self.answer
            self._show(data.get("whiteboard") or {})
        elif event == "update":
            self._show(data["content"])
        elif event == "state":
            self._take_state(data)
        elif event == "presenting":
            self._take_epoch(int(data["epoch"]))
        elif event == "asked" and data["questionId"] not in self.shown:
            self.shown.append(data["questionId"])
        elif event == "solved" and data["questionId"] in self.shown:
            self.shown.remove(data["questionId"])
        elif event == "failed":
            self.failed.append(data)
        self._news.set()

    is_logged = True

    def _entrance(self, connection: int, state: dict[str, Any]) -> Entrance:
        return Entrance(self.name, connection, state["seq"], state.get("epoch", 0))

    def _show(self, content: dict[str, Any]) -> None:
        self.board = content.get("objects") or self.board

    def _take_state(self, state: dict[str, Any]) -> None:
        self.state = state
        if "questions" in state:
            self.shown = [question["questionId"] for question in state["questions"]]
        if state.get("epoch"):
            self._take_epoch(state["epoch"])

    def _take_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        self.history.claims.append(Claim(epoch, time.monotonic(), self.name))

    def heard(self, event: str, after: float = 0.0) -> list[Any]:
        """Return what came with every event of that name, in order."""
        return [data for at, name, data in self.got if name == event and at >= after]

    async def until(self, holds: Callable[[], object], seconds: float, what: str = "") -> float:
        """Wait until ``holds()``; return the seconds it took. Raises AssertionError."""
        began = time.monotonic()
        while not holds():
            left = began + seconds - time.monotonic()
            if left <= 0:
                raise AssertionError(f"{self.name} waited {seconds:g} s for {what or holds}")
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), min(left, 0.05))
        return time.monotonic() - began

    # what it does

    async def call(self, event: str, data: dict[str, Any], seconds: float = 10.0) -> Any:
        assert self.link is not None
        return await self.link.call("/lecture", event, {"roomId": self.room, **data}, seconds)

    async def _write(self, log: Operation, event: str, data: dict[str, Any], key: str) -> Operation:
        try:
            answer = await self.call(event, data)
        except LostError:
            log.outcome = "unknown"
        else:
            if answer["ok"]:
                log.outcome, log.result = "ok", str(answer.get(key, ""))
            else:
                code = answer["error"]["code"]
                log.outcome = "unknown" if code in ("unavailable", "internal") else "refused"
                log.result = code
        log.ended = time.monotonic()
        return log

    async def ask(self, key: str | None = None) -> Operation:
        """Ask once, under a client id of its own unless ``key`` is given."""
        self._writes += 1
        key = key or f"{self.name}-{self._writes}"
        content = f"question {key}"
        log = self.history.invoke("ask", self.name, key, time.monotonic(), content)
        data = {"type": "question", "content": content, "clientQuestionId": key}
        return await self._write(log, "ask", data, "questionId")

    async def ask_until_taken(self, key: str | None = None, seconds: float = 30.0) -> Operation:
        """Ask, and ask again under the same id until it is acknowledged."""
        self._writes += 1
        key = key or f"{self.name}-{self._writes}"
        deadline = time.monotonic() + seconds
        while True:
            log = await self.ask(key)
            if log.outcome == "ok":
                return log
            if time.monotonic() > deadline:
                raise AssertionError(f"{key} was not taken: {log.result}")
            await asyncio.sleep(0.1)

    async def edit(self, objects: bytes | None = None) -> Operation:
        """Replace the board by one that no other edit made."""
        self._writes += 1
        self.edited = objects = objects or board_of(f"{self.name} {self._writes}")
        log = self.history.invoke(
            "edit", self.name, objects.hex()[-24:], time.monotonic(), epoch=self.epoch
        )
        content = {
            "objects": objects,
            "viewport": [1, 0, 0, 1, 0, 0],
            "eventTime": self._writes,
            "width": 800,
            "height": 600,
        }
        return await self._write(log, "edit", {"type": "whiteBoard", "content": content}, "rev")

    async def solve(self, question: str) -> Operation:
        log = self.history.invoke("solve", self.name, question, time.monotonic(), epoch=self.epoch)
        data = {"type": "question", "questionId": question}
        return await self._write(log, "solved", data, "solved")

    async def end(self) -> Any:
        return await self.call("end", {"type": "lecture"})


class Presenter(Person):
    """The lecture's owner."""

    door, offer_event, is_presenter = "/create-room", "presenterOffer", True
    first_board = board_of("first")

    async def _entered(self, link: Link) -> None:
        await self.until(lambda: self.answer, 10)
        self._take_epoch(self.answer["epoch"])
        details = {
            "objects": self.first_board,
            "viewport": [1, 0, 0, 1, 0, 0],
            "eventTime": 0,
            "width": 800,
            "height": 600,
        }
        init = {"roomId": self.room, "whiteboardDetails": details}
        stored = await link.call(self.door, "whiteboardInit", init)
        assert stored["ok"], stored
        if stored["stored"]:
            self.board = self.first_board


class Student(Person):
    """A participant: with an account, or with an empty token a guest."""

    door, offer_event = "/enter-room", "studentOffer"
