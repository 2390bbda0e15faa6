"""A client of real ICE, DTLS and SRTP whose every packet a test can see, forge or withhold."""

import asyncio
import contextlib
import socket
import struct
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from pylibsrtp import Error as SrtpError
from pylibsrtp import Session

from app.core.clock import SystemClock
from app.core.ids import PeerId, RoomId, new_peer_id
from app.relay.client import RelayClient
from app.relay.messages import OpenPeer
from bench.client import rtp, sdp
from bench.client.dtls import make_certificate
from bench.client.ice import IceClient
from bench.client.peer import ClientPeer
from tests.integration.relay.clients import NODE, ROOM, until

CERTIFICATE = make_certificate()
FRAME_SIZES = [900, 900, 500]


class Link(Protocol):
    """Carries datagrams to the relay; hands those that come to ``take``."""

    def send(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class UdpLink:
    def __init__(
        self, target: tuple[str, int], take: Callable[[bytes], None], source: str = ""
    ) -> None:
        family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        if source:
            self.socket.bind((source, 0))
        # a link-local address carries its interface in a fourth place
        self.socket.connect(socket.getaddrinfo(*target, type=socket.SOCK_DGRAM)[0][4])
        self._take = take
        asyncio.get_running_loop().add_reader(self.socket.fileno(), self._readable)

    def _readable(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                self._take(self.socket.recv(2048))

    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self.socket.send(data)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket.fileno())
        self.socket.close()


class TcpLink:
    """RFC 4571 over one connection."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def connect(self, target: tuple[str, int]) -> None:
        reader, self._writer = await asyncio.open_connection(*target)
        self._task = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                self._take(await reader.readexactly(size))

    def send(self, data: bytes) -> None:
        if self._writer is not None:
            self._writer.write(len(data).to_bytes(2, "big") + data)

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._writer is not None:
            self._writer.close()


class Probe:
    """A presenter or participant; ``packets`` holds what was opened, by SSRC, in order."""

    def __init__(self, relay: RelayClient, *, presenter: bool, room: RoomId = ROOM) -> None:
        self._relay = relay
        self._clock = SystemClock()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._presenter = presenter
        self._room = room
        self.id: PeerId = new_peer_id()
        self.peer = ClientPeer(CERTIFICATE)
        self.link: Link | None = None
        self.incoming: Session | None = None
        self.outgoing: Session | None = None
        self.packets: dict[int, list[bytes]] = defaultdict(list)
        self.rtcp: list[bytes] = []
        self.unopened = 0
        self.holds = False
        """Whether DTLS datagrams are kept in ``held`` instead of being sent."""
        self.held: list[bytes] = []
        self.checks: list[bytes] = []
        """Connectivity checks that were sent."""
        audio, video = sdp.Sent(0x2A000001), sdp.Sent(0x2A000002)
        self.audio = rtp.OpusSource(audio.ssrc, "0")
        self.video = rtp.Vp8Source(video.ssrc, "1")
        sent = (audio, video) if presenter else (None, None)
        self._offer = lambda: sdp.offer(
            self.peer.ice.ufrag, self.peer.ice.password, CERTIFICATE.fingerprint, *sent
        )
        self.answer = ""

    async def open(self) -> sdp.Answer:
        """Have the relay answer our offer (again: an ICE restart with new credentials)."""
        command = OpenPeer(
            room=self._room,
            peer=self.id,
            role="presenter" if self._presenter else "participant",
            sdp=self._offer(),
        )
        self.answer = (await self._relay.open(NODE, command)).sdp
        return sdp.read_answer(self.answer)

    async def join(self, *, tcp: bool = False, host: str = "127.0.0.1", source: str = "") -> None:
        """Connect over UDP or TCP."""
        read = await self.open()
        await self.attach((host, read.port), tcp=tcp, source=source)
        self.start(read)
        await self.connected()

    def start(self, answer: sdp.Answer) -> None:
        """Begin to connect by the link that is attached."""
        self.peer.accept(answer, self._clock.now())
        self.flush()

    def release(self) -> None:
        """Send what was held, and hold no more."""
        self.holds = False
        held, self.held = self.held, []
        for data in held:
            self.send(data)

    async def attach(self, target: tuple[str, int], *, tcp: bool = False, source: str = "") -> None:
        """Send and receive by a fresh socket from now on."""
        if self.link is not None:
            self.link.close()
        if tcp:
            link = TcpLink(self.take)
            await link.connect(target)
            self.link = link
        else:
            self.link = UdpLink(target, self.take, source)

    async def restart(self) -> None:
        """Offer with new ICE credentials and check with those of the answer, by this socket."""
        self.peer.ice = IceClient()
        read = await self.open()
        self.peer.ice.start(read.ufrag, read.password, self._clock.now())
        self.flush()

    def check(self, *, nominates: bool) -> None:
        """Send one connectivity check now."""
        self.peer.ice.connected = not nominates
        self.peer.ice._check(self._clock.now())
        self.flush()

    async def connected(self) -> None:
        await until(lambda: self.outgoing is not None, 10)

    def take(self, data: bytes) -> None:
        if data and data[0] >= 128:
            self._take_media(data)
        else:
            self.peer.receive(data, self._clock.now())
            self.flush()

    def _take_media(self, data: bytes) -> None:
        if self.incoming is None:
            return
        try:
            if rtp.is_rtcp(data):
                self.rtcp.append(self.incoming.unprotect_rtcp(data))
            else:
                packet = self.incoming.unprotect(data)
                self.packets[int.from_bytes(packet[8:12], "big")].append(packet)
        except SrtpError:
            self.unopened += 1

    def flush(self) -> None:
        for data in self.peer.take():
            if data[0] <= 3:
                self.checks.append(data)
            if self.holds and data[0] >= 20:
                self.held.append(data)
            else:
                self.send(data)
        if self._timer is not None:
            self._timer.cancel()
        due = self.peer.next_timer()
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - self._clock.now()), self._tick)
        keys = self.peer.keys
        if keys is not None and self.outgoing is None:
            self.incoming = rtp.session(keys, outgoing=False)
            self.outgoing = rtp.session(keys, outgoing=True)

    def _tick(self) -> None:
        self.peer.handle_timer(self._clock.now())
        self.flush()

    def send(self, data: bytes) -> None:
        if self.link is not None:
            self.link.send(data)

    def present(self) -> list[bytes]:
        """Send one frame of video and one packet of audio; return the sealed packets."""
        assert self.outgoing is not None
        now = self._clock.now()
        plain = [*self.video.frame(FRAME_SIZES, 3600, now), self.audio.packet(now)]
        sealed = [self.outgoing.protect(packet) for packet in plain]
        for packet in sealed:
            self.send(packet)
        return sealed

    def report(self) -> bytes:
        """Return a sealed sender report."""
        assert self.outgoing is not None
        return self.outgoing.protect_rtcp(self.audio.line.sender_report(self._clock.wall()))

    @property
    def received(self) -> int:
        return sum(map(len, self.packets.values()))

    def missing(self) -> int:
        """Return how many sequence numbers are absent between the first and last of each line."""
        absent = 0
        for packets in self.packets.values():
            numbers = [struct.unpack("!H", packet[2:4])[0] for packet in packets]
            span = {(number - numbers[0]) & 0xFFFF for number in numbers}
            absent += max(span) + 1 - len(span)
        return absent

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.link is not None:
            self.link.close()
