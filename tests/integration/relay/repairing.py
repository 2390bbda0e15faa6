"""Clients of real ICE, DTLS and SRTP that do what browsers do about loss and narrow links.

They NACK what is missing, answer NACKs by RTX (video) or by the packet itself (audio), and tell by
transport-wide feedback when each packet came.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from pylibsrtp import Error as SrtpError

from app.core.ids import new_peer_id
from app.relay.client import RelayClient
from app.relay.core.rtcp import negative_acknowledgement, receiver_report, transport_feedback
from app.relay.core.transport import Arrivals
from app.relay.messages import OpenPeer
from bench.client import rtp, sdp
from tests.integration.relay.clients import NODE, ROOM
from tests.integration.relay.network import Network
from tests.integration.relay.probes import Probe

RTX, TRANSPORT_ID = 97, 5
TRANSPORT_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
RTX_SSRC = 0x2A000003
REPAIR_SECONDS = 0.03
MAX_ASKS = 12
BACKOFF = 1.3
FRAMES_PER_SECOND = 25

Answerer = Callable[[str], Awaitable[str]]
"""Takes an offer to the relay and returns its answer."""


def through(relay: RelayClient, role: str, room: str = ROOM) -> Answerer:
    """Return how a relay in this process answers one peer's offers, the later ones as restarts."""
    peer = new_peer_id()

    async def answer(offer: str) -> str:
        command = OpenPeer(room=room, peer=peer, role=role, sdp=offer)
        return (await relay.open(NODE, command)).sdp

    answer.peer = peer  # type: ignore[attr-defined]
    return answer


def repairing(offer: str, *, sends: bool, has_rtx: bool = True) -> str:
    """Return an offer with RTX, audio NACK and transport-wide numbers added."""
    transport = f"a=extmap:{TRANSPORT_ID} {TRANSPORT_URI}\r\n"
    audio, video = f"a=rtpmap:{sdp.OPUS} opus", f"a=rtpmap:{sdp.VP8} VP8"
    offer = offer.replace(
        audio,
        f"{transport}a=rtcp-fb:{sdp.OPUS} transport-cc\r\na=rtcp-fb:{sdp.OPUS} nack\r\n{audio}",
    )
    added = f"{transport}a=rtcp-fb:{sdp.VP8} transport-cc\r\n"
    if has_rtx:
        offer = offer.replace(f"SAVPF {sdp.VP8}\r\n", f"SAVPF {sdp.VP8} {RTX}\r\n")
        added += f"a=rtpmap:{RTX} rtx/90000\r\na=fmtp:{RTX} apt={sdp.VP8}\r\n"
    offer = offer.replace(video, added + video)
    if sends and has_rtx:
        offer += f"a=ssrc-group:FID {0x2A000002} {RTX_SSRC}\r\na=ssrc:{RTX_SSRC} cname:bench\r\n"
    return offer


class Repairing(Probe):
    """What both ends share. ``closed`` ends its task."""

    def __init__(self, answerer: Answerer, *, presenter: bool, has_rtx: bool = True) -> None:
        super().__init__(None, presenter=presenter)  # type: ignore[arg-type]
        self._answerer = answerer
        plain = self._offer
        self._offer = lambda: repairing(plain(), sends=presenter, has_rtx=has_rtx)
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> sdp.Answer:
        self.answer = await self._answerer(self._offer())
        return sdp.read_answer(self.answer)

    async def come(self, network: Network) -> None:
        """Connect through a network, and begin to repair."""
        answer = await self.open()
        if network.target is None:
            network.aim((answer.host, answer.port))
        await self.attach(("127.0.0.1", network.port))
        self.start(answer)
        await self.connected()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(REPAIR_SECONDS)
            self.repair()

    def repair(self) -> None:
        raise NotImplementedError

    def send_rtcp(self, packet: bytes) -> None:
        if self.outgoing is not None:
            self.send(self.outgoing.protect_rtcp(packet))

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        super().close()


class Sender(Repairing):
    """A presenter of paced video and audio."""

    def __init__(self, answerer: Answerer, *, frame: Sequence[int] = (1100, 1100, 700)) -> None:
        super().__init__(answerer, presenter=True)
        self.sizes = list(frame)
        self.sent_video: list[bytes] = []
        """Checksums of what was sent, in order."""
        self.sent_audio: list[bytes] = []
        self.left: dict[bytes, float] = {}
        """When each of them left."""
        self.keyframes_asked = 0
        self.nacks = 0
        self._kept: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        self._rtx_sequence = 0

    def repair(self) -> None:
        taken, self.rtcp = self.rtcp, []
        for data in taken:
            if rtp.asks_keyframe(data):
                self.keyframes_asked += 1
                self.video.ask_keyframe()
            for key in nacked(data):
                self.nacks += 1
                self._repeat(key)

    def _repeat(self, key: tuple[int, int]) -> None:
        kept = self._kept.get(key)
        if kept is None or self.outgoing is None:
            return
        plain, sealed = kept
        if key[0] != self.video.line.ssrc:
            self.send(sealed)
            return
        self._rtx_sequence += 1
        start = 12 + 4 + 4 * int.from_bytes(plain[14:16], "big")
        head = struct.pack(
            "!BBHII",
            plain[0],
            plain[1] & 0x80 | RTX,
            self._rtx_sequence,
            int.from_bytes(plain[4:8], "big"),
            RTX_SSRC,
        )
        self.send(self.outgoing.protect(head + plain[12:start] + plain[2:4] + plain[start:]))

    def show(self, *, video: bool = True) -> None:
        """Send one frame and two packets of audio."""
        assert self.outgoing is not None
        now = self._clock.now()
        frame = self.video.frame(self.sizes, 3600, now) if video else []
        sound = [self.audio.packet(now), self.audio.packet(now)]
        for packets, sent in ((frame, self.sent_video), (sound, self.sent_audio)):
            for plain in packets:
                sealed = self.outgoing.protect(plain)
                key = int.from_bytes(plain[8:12], "big"), int.from_bytes(plain[2:4], "big")
                self._kept[key] = plain, sealed
                sent.append(rtp.checksum(plain) or b"")
                self.left[sent[-1]] = asyncio.get_running_loop().time()
                self.send(sealed)

    async def play(self, seconds: float) -> None:
        """Send at a frame's pace."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in range(int(seconds * FRAMES_PER_SECOND)):
            await asyncio.sleep(max(0.0, start + number / FRAMES_PER_SECOND - loop.time()))
            self.show()


@dataclass
class Got:
    """One line as its receiver has it."""

    by_index: dict[int, bytes] = field(default_factory=dict)
    """Checksum of each packet, by its unwrapped number."""
    times: list[float] = field(default_factory=list)
    asks: dict[int, tuple[int, float]] = field(default_factory=dict)
    """By number: how often it was asked for, and when it will be next."""
    highest: int = -1

    def index(self, sequence: int) -> int:
        """Return the unwrapped number that is nearest to the highest."""
        top = self.highest if self.highest >= 0 else sequence
        return top + ((sequence - top + 0x8000 & 0xFFFF) - 0x8000)

    def take(self, sequence: int, packet: bytes, now: float) -> None:
        index = self.index(sequence)
        self.highest = max(self.highest, index)
        if index not in self.by_index:
            self.by_index[index] = rtp.checksum(packet) or b"damaged"
            self.times.append(now)

    @property
    def missing(self) -> list[int]:
        if not self.by_index:
            return []
        return [n for n in range(min(self.by_index), self.highest) if n not in self.by_index]

    def due(self, now: float) -> list[int]:
        """Return what to ask for, each with growing pauses, as browsers do by their round trip."""
        holes = []
        for hole in self.missing[-100:]:
            times, at = self.asks.get(hole, (0, now))
            if times < MAX_ASKS and at <= now:
                self.asks[hole] = times + 1, now + REPAIR_SECONDS * BACKOFF**times
                holes.append(hole)
        return holes

    def delays(self, left: dict[bytes, float]) -> list[float]:
        """Return how long each packet took, in the order of arrival."""
        came = zip(self.by_index.values(), self.times, strict=True)
        return [time - left[one] for one, time in came if one in left]

    def between(self, start: float, end: float) -> int:
        return sum(start <= time < end for time in self.times)


class Receiver(Repairing):
    """A participant. ``audio_got`` and ``video_got`` are what it has, repaired."""

    def __init__(self, answerer: Answerer, *, has_rtx: bool = True) -> None:
        super().__init__(answerer, presenter=False, has_rtx=has_rtx)
        self.audio_got, self.video_got = Got(), Got()
        self.by_rtx = 0
        self.rtp_bytes = 0
        """Of all sealed media packets that came."""
        self._ssrcs: dict[bool, int] = {}
        self._arrivals = Arrivals()

    def _take_media(self, data: bytes) -> None:
        if self.incoming is None or rtp.is_rtcp(data):
            return
        try:
            packet = self.incoming.unprotect(data)
        except SrtpError:
            self.unopened += not self._is_second_answer(data)
            return
        self.rtp_bytes += len(data)
        now = asyncio.get_running_loop().time()
        number = transport_number(packet)
        if number is not None:
            self._arrivals.add(number, now)
        payload_type = packet[1] & 0x7F
        if payload_type == RTX:
            plain = unwrapped(packet)
            if plain is None:
                return  # a probe: nothing but padding
            self.by_rtx += 1
            self.video_got.take(int.from_bytes(plain[2:4], "big"), plain, now)
            return
        is_video = payload_type == sdp.VP8
        self._ssrcs[is_video] = int.from_bytes(packet[8:12], "big")
        got = self.video_got if is_video else self.audio_got
        got.take(int.from_bytes(packet[2:4], "big"), packet, now)

    def _is_second_answer(self, data: bytes) -> bool:
        """Tell whether it is audio that was asked for, and that has come.

        The relay had lost it, too: what it repeats crosses what it forwards once it has it. Audio
        is repeated as it was (without RTX), and SRTP opens nothing twice.
        """
        index = self.audio_got.index(int.from_bytes(data[2:4], "big"))
        asked, _ = self.audio_got.asks.get(index, (0, 0.0))
        is_audio = int.from_bytes(data[8:12], "big") == self._ssrcs.get(False)
        return is_audio and index in self.audio_got.by_index and asked > 0

    def repair(self) -> None:
        for is_video, got in ((False, self.audio_got), (True, self.video_got)):
            holes = got.due(asyncio.get_running_loop().time())
            if holes and is_video in self._ssrcs:
                ask = negative_acknowledgement(self._ssrcs[is_video], holes)
                self.send_rtcp(receiver_report(()) + ask)
        body = self._arrivals.take()
        if body is not None:
            self.send_rtcp(transport_feedback(self._ssrcs.get(True, 1), body))


def nacked(data: bytes) -> list[tuple[int, int]]:
    """Return (SSRC, sequence number) of every packet that a compound asks for again."""
    found = []
    while len(data) >= 4:
        length = 4 + 4 * int.from_bytes(data[2:4], "big")
        if data[1] == 205 and data[0] & 0x1F == 1:
            ssrc = int.from_bytes(data[8:12], "big")
            for at in range(12, length, 4):
                first, mask = struct.unpack_from("!HH", data, at)
                found.append((ssrc, first))
                found += [(ssrc, first + n + 1 & 0xFFFF) for n in range(16) if mask >> n & 1]
        data = data[length:]
    return found


def _start(packet: bytes) -> int:
    start = 12 + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
    return start


def transport_number(packet: bytes) -> int | None:
    """Return the transport-wide number of an opened packet."""
    if not packet[0] & 0x10:
        return None
    at, end = 16 + 4 * (packet[0] & 0x0F), _start(packet)
    while at < end:
        if packet[at] == 0:
            at += 1
            continue
        ident, size = packet[at] >> 4, (packet[at] & 0x0F) + 1
        if ident == TRANSPORT_ID:
            return int.from_bytes(packet[at + 1 : at + 3], "big")
        at += 1 + size
    return None


def unwrapped(packet: bytes) -> bytes | None:
    """Return the packet that an RTX packet repeats (RFC 4588 §4); None for a probe."""
    start = _start(packet)
    end = len(packet) - (packet[-1] if packet[0] & 0x20 else 0)
    if end <= start + 2:
        return None
    marker = packet[1] & 0x80
    head = bytes((packet[0], marker | sdp.VP8)) + packet[start : start + 2]
    return head + packet[4:start] + packet[start + 2 :]
