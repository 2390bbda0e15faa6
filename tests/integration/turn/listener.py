"""A guest in a process of its own, wherever that runs: enters a lecture and hears it through TURN.

``python -m tests.integration.turn.listener URL CODE TRANSPORT`` prints one JSON object per line:
``{"hears": hertz, "server": "turn:…"}`` while it hears, and what goes wrong. It does what a
careful client does: uses the ``iceServers`` of its answer, and offers again when it is sent
others without the one that it uses.
"""

import array
import asyncio
import contextlib
import json
import sys
import time
from typing import Any

import socketio
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription

from tests.integration.relay.clients import RATE, pitch


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps({"at": time.monotonic(), **what}) + "\n")
    sys.stdout.flush()


class Listener:
    def __init__(self, url: str, code: str, transport: str) -> None:
        self.url = url
        self.code = code
        self.transport = transport
        self.sio = socketio.AsyncClient(reconnection=False)
        self.answers: asyncio.Queue[Any] = asyncio.Queue()
        self.wake = asyncio.Event()
        self.servers: list[Any] = []
        self.used = ""
        self.sio.on("serverAnswer", self.answers.put, namespace="/enter-room")
        for namespace in ("/enter-room", "/lecture"):
            self.sio.on("iceServers", self.renewed, namespace=namespace)

    async def renewed(self, payload: Any) -> None:
        self.servers = payload["iceServers"]
        urls = [url for server in self.servers for url in server["urls"]]
        say(renewed=urls)
        if self.used and self.used not in urls:
            self.wake.set()

    async def run(self) -> None:
        auth = {"accessToken": "", "refreshToken": ""}
        await self.sio.connect(self.url, auth=auth, namespaces=["/enter-room"], wait_timeout=10)
        await self.offer(RTCPeerConnection(), connect=False)
        while True:
            server = next((s for s in self.servers if self.url_of(s)), None)
            if server is None:
                say(problem="no server")
                await asyncio.sleep(0.2)
                continue
            self.used = self.url_of(server)
            self.wake.clear()
            entry = RTCIceServer(self.used, server["username"], server["credential"])
            await self.listen(RTCPeerConnection(RTCConfiguration([entry])))

    def url_of(self, server: Any) -> str:
        wanted = {"udp": ("turn:", "=udp"), "tcp": ("turn:", "=tcp"), "tls": ("turns:", "=tcp")}
        start, end = wanted[self.transport]
        return next((u for u in server["urls"] if u.startswith(start) and u.endswith(end)), "")

    async def offer(self, pc: RTCPeerConnection, *, connect: bool = True) -> None:
        pc.addTransceiver("audio", direction="recvonly")
        await pc.setLocalDescription(await pc.createOffer())
        sdp = pc.localDescription.sdp
        offer = {"socketId": "", "roomId": self.code, "SDP": {"type": "offer", "sdp": sdp}}
        await self.sio.emit("studentOffer", offer, namespace="/enter-room")
        answer = await asyncio.wait_for(self.answers.get(), 10)
        self.servers = answer["iceServers"]
        if connect:
            await pc.setRemoteDescription(RTCSessionDescription(**answer["SDP"]))
        else:
            await pc.close()

    async def listen(self, pc: RTCPeerConnection) -> None:
        tracks: asyncio.Queue[Any] = asyncio.Queue()
        pc.on("track", tracks.put_nowait)
        pc.on("connectionstatechange", lambda: say(state=pc.connectionState))
        try:
            await self.offer(pc)
            track = await asyncio.wait_for(tracks.get(), 5)
            while not self.wake.is_set():
                say(hears=await self.hear(track), server=self.used)
        except (TimeoutError, ConnectionError, OSError) as fault:
            say(problem=repr(fault), server=self.used)
        finally:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(pc.close(), 1)

    async def hear(self, track: Any) -> float:
        heard: list[int] = []
        while len(heard) < RATE // 5:
            frame = await self.next_frame(track)
            if frame is None:
                return 0.0
            samples = array.array("h", bytes(frame.planes[0]))[:: len(frame.layout.channels)]
            loud = max(map(abs, samples)) > 2_000
            heard = [*heard, *samples[: frame.samples]] if loud else []
        return pitch(heard)

    async def next_frame(self, track: Any) -> Any:
        """Return the next frame, or None as soon as another server is needed."""
        receiving = asyncio.ensure_future(track.recv())
        waking = asyncio.ensure_future(self.wake.wait())
        done, late = await asyncio.wait(
            {receiving, waking}, timeout=8, return_when=asyncio.FIRST_COMPLETED
        )
        for task in late:
            task.cancel()
        if waking in done:
            return None
        if not done:
            raise TimeoutError("nothing comes")
        return receiving.result()


async def main() -> None:
    await Listener(*sys.argv[1:4]).run()


if __name__ == "__main__":
    asyncio.run(main())
