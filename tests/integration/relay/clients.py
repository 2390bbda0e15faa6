"""Real WebRTC clients (aiortc) and a relay in this process, joined by real UDP on 127.0.0.1."""

import array
import asyncio
import fractions
import itertools
import math
import re
from collections.abc import Awaitable, Callable

import av
from aioice import stun
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)

from app.core.clock import Clock, SystemClock
from app.core.ids import NodeId, PeerId, RoomId, new_peer_id
from app.relay.client import RelayClient
from app.relay.config import RelayConfig
from app.relay.messages import OpenPeer
from app.relay.service import RelayService

NODE = NodeId("relay-test")
ROOM = RoomId("004217")
RATE = 48_000
WIDTH, HEIGHT = 160, 120


class DirectBus:
    """The command bus without Redis: a call is a call."""

    def __init__(self) -> None:
        self._handler: Callable[[bytes], Awaitable[bytes]] | None = None

    def serve(self, handler: Callable[[bytes], Awaitable[bytes]]) -> None:
        self._handler = handler

    async def call(self, to: NodeId, payload: bytes, timeout: float) -> bytes:
        if self._handler is None:
            raise RuntimeError("the relay does not serve")
        return await self._handler(payload)


class Rig:
    """One open relay and its client."""

    def __init__(self, clock: Clock | None = None, **settings: object) -> None:
        bus = DirectBus()
        config = RelayConfig(bind_port=0, **settings)
        self.service = RelayService(config, bus, clock or SystemClock())
        self.client = RelayClient(bus)
        self.clients: list[Client] = []

    async def join(
        self,
        *,
        presenter: bool = False,
        room: RoomId = ROOM,
        epoch: int = 0,
        tone: float = 440.0,
        profiles: list[object] | None = None,
        videos: int = 1,
    ) -> "Client":
        """Connect one client and wait until its ICE and DTLS are done."""
        role = "presenter" if presenter else "participant"
        client = Client(self.client, room, role, epoch, videos)
        self.clients.append(client)
        if presenter:
            client.pc.addTrack(ToneTrack(tone))
            for index in range(videos):
                client.pc.addTrack(HalvesTrack(is_left_bright=index == 0))
        else:
            client.pc.addTransceiver("audio", direction="recvonly")
            for _ in range(videos):
                client.pc.addTransceiver("video", direction="recvonly")
        if profiles is not None:
            for transceiver in client.pc.getTransceivers():
                transceiver.receiver.transport._srtp_profiles = profiles
        await client.offer()
        await client.connected()
        return client

    async def close(self) -> None:
        for client in self.clients:
            await client.close()
        await self.service.close()


class Client:
    """One browser's worth of peer connection."""

    def __init__(
        self, relay: RelayClient, room: RoomId, role: str, epoch: int, videos: int = 1
    ) -> None:
        self.relay = relay
        self.room = room
        self.role = role
        self.epoch = epoch
        self.peer: PeerId = new_peer_id()
        # with another policy aiortc leaves a third section on a transport that it stopped
        policy = RTCBundlePolicy.MAX_BUNDLE if videos > 1 else RTCBundlePolicy.BALANCED
        self.pc = RTCPeerConnection(RTCConfiguration(bundlePolicy=policy))
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.videos: list[MediaStreamTrack] = []
        self.pc.on("track", self._add_track)
        self.offered = ""
        self.answered = ""

    def _add_track(self, track: MediaStreamTrack) -> None:
        self.tracks[track.kind] = self.tracks.get(track.kind, track)
        if track.kind == "video":
            self.videos.append(track)

    def command(self, sdp: str) -> OpenPeer:
        return OpenPeer(room=self.room, peer=self.peer, role=self.role, sdp=sdp, epoch=self.epoch)

    async def offer(self, tamper: Callable[[str], str] = str) -> None:
        """Offer and take the answer; ``tamper`` stands for whoever carries the offer."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        self.offered = self.pc.localDescription.sdp
        opened = await self.relay.open(NODE, self.command(tamper(self.offered)))
        self.answered = opened.sdp
        await self.pc.setRemoteDescription(RTCSessionDescription(opened.sdp, "answer"))

    async def connected(self) -> None:
        await until(lambda: self.pc.connectionState == "connected", 10)

    async def hears(self, seconds: float = 0.4, within: float = 10.0) -> float:
        """Return the pitch in Hz of what comes next: ``seconds`` without a pause of silence."""
        track = self.tracks["audio"]
        wanted = int(RATE * seconds)
        heard: list[int] = []
        async with asyncio.timeout(within):
            while len(heard) < wanted:
                frame = await track.recv()
                samples = array.array("h", bytes(frame.planes[0]))[:: len(frame.layout.channels)]
                loud = max(map(abs, samples)) > 2_000
                heard = [*heard, *samples[: frame.samples]] if loud else []
        return pitch(heard[-wanted // 2 :])

    async def tunes_in(self, tone: float, within: float = 10.0) -> None:
        """Wait until what comes has this pitch."""
        async with asyncio.timeout(within):
            while abs(await self.hears(0.2) - tone) > 25:
                pass

    async def sees_bright(self, side: str, video: int = 0, within: float = 15.0) -> None:
        """Wait until a picture comes whose ``side`` (left or right) is the bright one."""
        async with asyncio.timeout(within):
            while True:
                left, right = await self.sees(video)
                if ("left" if left > right else "right") == side:
                    return

    async def sees(self, video: int = 0, within: float = 15.0) -> tuple[float, float]:
        """Return the mean brightness of the left and right half of the next frame."""
        async with asyncio.timeout(within):
            frame = await self.videos[video].recv()
        assert (frame.width, frame.height) == (WIDTH, HEIGHT)
        plane = frame.planes[0]
        rows = memoryview(bytes(plane))
        row = rows[plane.line_size * 60 : plane.line_size * 60 + WIDTH]
        return sum(row[:70]) / 70, sum(row[-70:]) / 70

    async def close(self) -> None:
        async with asyncio.timeout(5):
            await self.pc.close()


def pitch(samples: list[int]) -> float:
    """Return the pitch of a clean tone by its upward zero crossings, interpolated."""
    crossings = [
        index - 1 + before / (before - after)
        for index, (before, after) in enumerate(itertools.pairwise(samples), 1)
        if before < 0 <= after
    ]
    if len(crossings) < 2:
        return 0.0
    return RATE * (len(crossings) - 1) / (crossings[-1] - crossings[0])


class ToneTrack(MediaStreamTrack):
    """A sine, 20 ms at a time."""

    kind = "audio"

    def __init__(self, hertz: float) -> None:
        super().__init__()
        self._step = 2 * math.pi * hertz / RATE
        self._count = 0
        self._start = asyncio.get_running_loop().time()

    async def recv(self) -> av.AudioFrame:
        due = self._start + self._count / RATE
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        positions = range(self._count, self._count + 960)
        samples = array.array("h", [int(12_000 * math.sin(self._step * n)) for n in positions])
        frame = av.AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate = RATE
        frame.pts = self._count
        frame.time_base = fractions.Fraction(1, RATE)
        self._count += 960
        return frame


class HalvesTrack(MediaStreamTrack):
    """Ten small pictures a second: one half bright, the other dark."""

    kind = "video"

    def __init__(self, is_left_bright: bool) -> None:
        super().__init__()
        self._levels = (200, 40) if is_left_bright else (40, 200)
        self._count = 0
        self._start = asyncio.get_running_loop().time()

    async def recv(self) -> av.VideoFrame:
        due = self._start + self._count / 10
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        half = WIDTH // 2
        for plane in frame.planes:
            if plane.width == WIDTH:
                left, right = self._levels
                row = bytes([left]) * half + bytes([right]) * (plane.line_size - half)
            else:
                row = bytes([128]) * plane.line_size
            plane.update(row * plane.height)
        frame.pts = self._count * 9_000
        frame.time_base = fractions.Fraction(1, 90_000)
        self._count += 1
        return frame


def credentials(sdp: str) -> tuple[str, str]:
    """Return the ICE user-name fragment and password of a description."""
    ufrag = re.search(r"a=ice-ufrag:(\S+)", sdp)
    password = re.search(r"a=ice-pwd:(\S+)", sdp)
    assert ufrag
    assert password
    return ufrag[1], password[1]


def binding_request(ufrag: str, own_ufrag: str, password: str) -> bytes:
    """Return a binding request that nominates, as a browser sends it."""
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{ufrag}:{own_ufrag}"
    request.attributes["PRIORITY"] = 1_853_824_767
    request.attributes["ICE-CONTROLLING"] = 7
    request.attributes["USE-CANDIDATE"] = None
    request.add_message_integrity(password.encode())
    return bytes(request)


async def until(condition: Callable[[], bool], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)
