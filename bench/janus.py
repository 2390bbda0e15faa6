"""Janus (Debian's package), VideoRoom plugin, as the relay is measured: same clients, same media.

Janus makes the offer to a subscriber, so there the roles turn: it offers, the receiver answers. Its
best setting here is ``event_loops = 2``; with ``ice_lite`` it is spared its own checks.
"""

import asyncio
import contextlib
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from websockets.asyncio.client import ClientConnection, connect

from app.core.tasks import Tasks
from bench.client import sdp
from bench.clients import Publisher
from bench.ports import free_port
from bench.process import Child, pin
from bench.receiver import Receiver

ROOM = 424242
START_SECONDS = 20.0
REQUEST_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 20.0
EVENT_LOOPS = 2
LIBRARY = Path("/usr/lib")

_JANUS = """\
general: {{
    configs_folder = "{folder}"
    plugins_folder = "{library}/plugins"
    transports_folder = "{library}/transports"
    debug_level = 2
    admin_secret = "{secret}"
    session_timeout = 0
    event_loops = {event_loops}
}}
nat: {{ ice_lite = true
    ice_enforce_list = "{address}" }}
media: {{ rtp_port_range = "20000-59999" }}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
"""
_VIDEO_ROOM = """\
room-{room}: {{ description = "bench"
    publishers = 1
    bitrate = 0
    audiocodec = "opus"
    videocodec = "vp8"
    audiolevel_ext = true
    transport_wide_cc_ext = true
    notify_joining = false }}
"""
_WEBSOCKETS = """\
general: {{ json = "compact"
    ws = true
    ws_port = {port}
    ws_ip = "127.0.0.1" }}
"""


class JanusError(Exception):
    """Janus refused something, or is not as we need it."""


def install() -> None:
    """Install Janus by apt where it is missing. Raises JanusError where that is not possible."""
    if shutil.which("janus"):
        return
    sys.stderr.write("Installing janus, to measure beside it\n")
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-q", "-y",
                    "--no-install-recommends", "janus"]):  # fmt: skip
        try:
            # Constant words, nothing from outside.
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as error:
            raise JanusError(
                "janus is not installed and apt could not install it;"
                " install it by hand, or measure without: --servers lectern"
            ) from error


class JanusServer:
    """An async context manager: a Janus process with one video room while it lasts."""

    name = "janus"

    def __init__(
        self, folder: Path, core: int, address: str, event_loops: int = EVENT_LOOPS
    ) -> None:
        self._folder = folder
        self._core = core
        self._address = address
        self._event_loops = event_loops
        self._tasks = Tasks("janus")
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._child: Child | None = None
        self._socket: ClientConnection | None = None
        self._feed = 0

    @property
    def pid(self) -> int:
        """Janus' process id."""
        if self._child is None:
            raise JanusError("not started")
        return self._child.pid

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self._stop()

    async def publish(self, publisher: Publisher) -> None:
        """Connect the one publisher."""
        handle = await self._attach()
        body = {"request": "joinandconfigure", "ptype": "publisher", "room": ROOM}
        # As the DTLS client, which our clients always are.
        offer = publisher.offer.replace("a=setup:actpass", "a=setup:active")
        offer = sdp.with_candidate(offer, *publisher.bind(self._address))
        event = await self._message(handle, body, "offer", offer)
        self._feed = event["plugindata"]["data"]["id"]
        await publisher.connect(event["jsep"]["sdp"])

    async def subscribe(self, receiver: Receiver) -> None:
        """Connect a receiver to all of the publisher's media."""
        handle = await self._attach()
        body = {
            "request": "join", "ptype": "subscriber", "room": ROOM,
            "streams": [{"feed": self._feed}],
        }  # fmt: skip
        offer = (await self._message(handle, body))["jsep"]["sdp"]
        ice = receiver.peer.ice
        answer = sdp.answer(offer, ice.ufrag, ice.password, receiver.fingerprint)
        answer = sdp.with_candidate(answer, *receiver.bind(self._address))
        connected = asyncio.gather(
            receiver.connect(offer),
            self._message(handle, {"request": "start", "room": ROOM}, "answer", answer),
        )
        await connected

    async def _start(self) -> None:
        port = free_port()
        self._configure(port)
        command = ["janus", "-F", str(self._folder)]
        self._child = await Child.start(command, {}, self._folder / "janus.log")
        pin(self._child.pid, self._core)
        self._socket = await asyncio.wait_for(self._reach(port), START_SECONDS)
        _ = self._tasks.start("answers", self._read)
        created = await self._request({"janus": "create"})
        self._session = created["data"]["id"]
        _ = self._tasks.start("keep alive", self._keep_alive)

    def _configure(self, port: int) -> None:
        library = next(LIBRARY.glob("*/janus"), None)
        if library is None:
            raise JanusError("janus' plugins are not where Debian puts them")

        def others(kind: str, wanted: str) -> str:
            return ",".join(p.name for p in (library / kind).glob("*.so") if p.name != wanted)

        texts = {
            "janus": _JANUS.format(
                folder=self._folder, library=library, secret=secrets.token_hex(8),
                event_loops=self._event_loops, address=self._address,
                plugins=others("plugins", "libjanus_videoroom.so"),
                transports=others("transports", "libjanus_websockets.so"),
            ),
            "janus.plugin.videoroom": _VIDEO_ROOM.format(room=ROOM),
            "janus.transport.websockets": _WEBSOCKETS.format(port=port),
        }  # fmt: skip
        for name, text in texts.items():
            (self._folder / f"{name}.jcfg").write_text(text)

    async def _reach(self, port: int) -> ClientConnection:
        while True:
            if self._child is not None:
                self._child.check()
            with contextlib.suppress(OSError):
                return await connect(
                    f"ws://127.0.0.1:{port}", subprotocols=["janus-protocol"],  # type: ignore[list-item]  # a NewType of str
                    compression=None, proxy=None,
                )  # fmt: skip
            await asyncio.sleep(0.1)

    async def _read(self) -> None:
        if self._socket is None:
            return
        async for text in self._socket:
            message = orjson.loads(text)
            if message.get("janus") == "ack":
                continue
            waiting = self._answers.pop(message.get("transaction", ""), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE_SECONDS)
            _ = await self._request({"janus": "keepalive", "session_id": self._session}, wait=False)

    async def _attach(self) -> int:
        request = {"janus": "attach", "plugin": "janus.plugin.videoroom"}
        answer = await self._request(request | {"session_id": self._session})
        return int(answer["data"]["id"])

    async def _message(
        self, handle: int, body: dict[str, Any], kind: str = "", description: str = ""
    ) -> dict[str, Any]:
        """Send a request to the plugin; return its event. Raises JanusError, TimeoutError."""
        request = {"janus": "message", "session_id": self._session, "handle_id": handle}
        if kind:
            request["jsep"] = {"type": kind, "sdp": description, "trickle": False}
        event = await self._request(request | {"body": body})
        data = event.get("plugindata", {}).get("data", {})
        if "error" in data:
            raise JanusError(str(data["error"]))
        return event

    async def _request(self, request: dict[str, Any], wait: bool = True) -> dict[str, Any]:
        if self._socket is None:
            raise JanusError("not connected")
        transaction = secrets.token_hex(8)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        if wait:
            self._answers[transaction] = answer
        await self._socket.send(orjson.dumps(request | {"transaction": transaction}).decode())
        if not wait:
            return {}
        message = await asyncio.wait_for(answer, REQUEST_SECONDS)
        if message.get("janus") == "error":
            raise JanusError(str(message.get("error")))
        return message

    async def _stop(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        await self._tasks.close()
        if self._child is not None:
            await self._child.stop()
