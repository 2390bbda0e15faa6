"""The servers under test: the whole of ours, as an operator starts it, and the reference in Node.

Both hold one lecture with one presenter; ``member`` lets one more in.
"""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from app.auth.principal import Account
from app.auth.tokens import UserTokens
from app.core.ids import Email
from bench.client import sdp
from bench.ports import free_port
from bench.process import Child, pin
from bench.sockets import LoadSocket, SocketLostError

HOST = "127.0.0.1"
START_SECONDS = 60.0
REFERENCE = Path(__file__).parent / "fanout_reference"
SERVER_CORE, OTHER_CORE = 0, 1

Board = dict[str, Any]


def board(at: float) -> Board:
    """A board snapshot with one attachment, dated ``at`` (milliseconds)."""
    view = [1, 0, 0, 1, 0, 0]
    objects = {"_placeholder": True, "num": 0}
    return {"objects": objects, "viewport": view, "eventTime": at, "width": 800, "height": 600}


def offer(voice: sdp.Sent | None = None) -> str:
    """An offer of one who sends ``voice``, if anything; a relay answers, and nobody connects."""
    fingerprint = ":".join(f"{byte:02X}" for byte in secrets.token_bytes(32))
    return sdp.offer(secrets.token_hex(4), secrets.token_hex(12), fingerprint, voice, None)


class Server(Protocol):
    """A server with one lecture."""

    pid: int
    port: int

    async def presenter(self) -> LoadSocket: ...
    async def member(self) -> LoadSocket: ...
    def edit(self, at: float) -> dict[str, Any]: ...


class ReferenceServer:
    """Socket.IO's server for Node, installed beside the bench on first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __aenter__(self) -> Self:
        node = shutil.which("node")
        if node is None:
            raise RuntimeError("the reference needs Node.js: there is no node on PATH")
        install_reference()
        log = self._folder / "reference.log"
        self._child = await Child.start([node, str(REFERENCE / "server.js")], {}, log)
        async with asyncio.timeout(START_SECONDS):
            while "listening" not in (said := log.read_text()):
                self._child.check()
                await asyncio.sleep(0.05)
        self.port = int(said.split()[1])
        self.pid = self._child.pid
        pin(self.pid, SERVER_CORE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self._child.stop()

    async def presenter(self) -> LoadSocket:
        return await self.member()

    async def member(self) -> LoadSocket:
        member = await LoadSocket.connect(HOST, self.port)
        await member.join("/lecture")
        return member

    def edit(self, at: float) -> dict[str, Any]:
        return {"type": "whiteBoard", "roomId": "room", "content": board(at)}


def install_reference() -> None:
    """Install what the lock file names, unless it is there."""
    if (REFERENCE / "node_modules" / ".package-lock.json").exists():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("the reference needs npm, and there is none on PATH")
    subprocess.run([npm, "ci", "--silent"], cwd=REFERENCE, check=True, timeout=300)


@dataclass(frozen=True, slots=True)
class Room:
    """One of our lectures, as its clients know it."""

    port: int
    code: str

    async def presenter(self, token: str) -> LoadSocket:
        """Start the lecture; return the presenter's connection, in ``/lecture``."""
        presenter = await LoadSocket.connect(HOST, self.port)
        auth = {"accessToken": token, "refreshToken": ""}
        await presenter.join("/create-room", auth)
        start = {"roomId": self.code, "SDP": {"type": "offer", "sdp": offer(sdp.Sent(1))}}
        await _accepted(presenter.ask("/create-room", 1, "presenterOffer", start))
        init = {"roomId": self.code, "whiteboardDetails": board(0)}
        await _accepted(presenter.ask("/create-room", 2, "whiteboardInit", init, b"first"))
        await presenter.join("/lecture", auth)
        return presenter

    async def enter(self, token: str) -> tuple[LoadSocket, str]:
        """Let somebody in, as a browser does: offer, answer, lecture; a guest with no token.

        Returns also what it comes back with.
        """
        member, kept = await self.enter_door(token)
        await _enter_lecture(member, kept)
        return member, kept

    async def enter_door(self, token: str) -> tuple[LoadSocket, str]:
        """As ``enter``, up to the answer: not in ``/lecture`` yet."""
        member = await LoadSocket.connect(HOST, self.port)
        ident = await member.join("/enter-room", {"accessToken": token, "refreshToken": ""})
        enter = {"roomId": self.code, "SDP": {"type": "offer", "sdp": offer()}}
        try:
            await _accepted(member.ask("/enter-room", 1, "studentOffer", enter))
        except TryAgainError:
            member.close()
            raise
        return member, token or ident

    async def come_back(self, credential: str) -> LoadSocket:
        """Connect anew after the connection was lost: both namespaces, no offer."""
        member = await LoadSocket.connect(HOST, self.port)
        token = credential if "." in credential else ""
        await member.join("/enter-room", {"accessToken": token, "refreshToken": ""})
        await _enter_lecture(member, credential)
        return member


class LecternServer:
    """``python -m app serve`` with one lecture that has begun."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._settings = dict(settings or {})

    async def __aenter__(self) -> Self:
        self.port = free_port()
        environment = {
            "LECTERN_PORT": str(self.port),
            "LECTERN_MEDIA_PORT": str(free_port()),
            "LECTERN_DATA_DIR": str(self._folder / "data"),
            "LECTERN_RELAYS": "1",
            "JWT_SECRET_KEY": secrets.token_hex(32),
            **self._settings,
        }
        self._tokens = UserTokens(environment["JWT_SECRET_KEY"])
        command = [sys.executable, "-m", "app", "serve"]
        self._child = await Child.start(command, environment, self._folder / "serve.log")
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._ready()
            self._place()
            await self._prepare()
        except BaseException:
            await self._child.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self._child.stop()

    async def presenter(self) -> LoadSocket:
        """As ``Room.presenter``."""
        return await self.room.presenter(self.token)

    async def member(self) -> LoadSocket:
        """Let a guest in."""
        return (await self.room.enter(""))[0]

    def edit(self, at: float) -> dict[str, Any]:
        return {"type": "whiteBoard", "roomId": self.room.code, "content": board(at)}

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, token: str = ""
    ) -> Any:
        """One REST request; returns the answer's JSON."""
        return await asyncio.to_thread(self._request, method, path, body, token)

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None, token: str) -> Any:
        request = urllib.request.Request(
            f"http://{HOST}:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": token},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def accounts(self, count: int, wall: float) -> Sequence[str]:
        """Make that many accounts, past the cost of their passwords; return their tokens."""
        emails = [f"student{number}@example.org" for number in range(count)]
        with contextlib.closing(
            sqlite3.connect(self._folder / "data" / "lectern.sqlite3")
        ) as database:
            rows = [
                (secrets.token_hex(16), email, "Student", "-", "2026-01-01") for email in emails
            ]
            database.executemany(
                "INSERT INTO accounts (id, email, username, password_hash, created_at)"
                " VALUES (?, ?, ?, ?, ?)",
                rows,
            )
            database.commit()
        return [self._tokens.issue(Account(Email(email), "Student"), wall) for email in emails]

    def metric(self, name: str) -> float:
        """Return one metric of the api process, without labels."""
        with urllib.request.urlopen(f"http://{HOST}:{self.port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        for line in text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise KeyError(name)

    async def _ready(self) -> None:
        while True:
            self._child.check()
            with contextlib.suppress(OSError):
                await self.request("GET", "/ready")
                return
            await asyncio.sleep(0.1)

    def _place(self) -> None:
        """Find the api process, give it a core of its own, and everything else another."""
        serve = self._child.pid
        children = Path(f"/proc/{serve}/task/{serve}/children").read_text().split()
        for child in map(int, children):
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            is_api = words[1:4] == [b"-m", b"app", b"api"]
            pin(child, SERVER_CORE if is_api else OTHER_CORE)
            if is_api:
                self.pid = child

    async def _prepare(self) -> None:
        email, password = "ada@example.org", secrets.token_hex(8)
        person = {"username": "Ada", "email": email, "password": password}
        await self.request("POST", "/auth/signup", person)
        signed = await self.request("POST", "/auth/signin", {"email": email, "password": password})
        self.token = str(signed["token"])
        lecture = {"title": "Bench", "description": "-", "email": "ada@example.org"}
        made = await self.request("POST", "/lecture", lecture, self.token)
        self.room = Room(self.port, str(made["code"]))


async def _enter_lecture(member: LoadSocket, ident: str) -> None:
    await member.join("/lecture", {"accessToken": ident, "refreshToken": ""})
    await member.until(lambda _, data: data.startswith(b'42/lecture,["state"'))


class TryAgainError(SocketLostError):
    """The server was too busy for an offer, and said so."""


async def _accepted(answer: Any) -> None:
    found = await answer
    if not found["ok"] and found["error"]["retryable"]:
        raise TryAgainError(found["error"]["message"])
    if not found["ok"]:
        raise RuntimeError(f"refused: {found['error']}")


def own_core() -> None:
    """Keep this process, a load generator, off the server's core."""
    pin(os.getpid(), OTHER_CORE)
