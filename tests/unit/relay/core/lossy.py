"""Clients that repair loss as browsers do: NACK what is missing, answer NACKs by RTX."""

import random
import struct
from collections.abc import Sequence
from dataclasses import replace

from app.relay.core.media import Codec, MediaPlan, Section
from app.relay.core.rtcp import negative_acknowledgement, receiver_report
from tests.unit.relay.core.world import (
    AUDIO_IN,
    AUDIO_OUT,
    GCM,
    OUT_AUDIO,
    OUT_VIDEO,
    VIDEO_IN,
    VIDEO_OUT,
    VIDEO_SSRC,
    VP8,
    VP8_KEY,
    AudioSource,
    Client,
    Heard,
    VideoSource,
    World,
    read_rtp,
    rtcp_parts,
)

RTX = Codec(97, "rtx", 90_000, apt=96)
VIDEO_RTX_SSRC, OUT_VIDEO_RTX = 0x2223, 0xA0000012
NACK = ("nack", "nack pli")

LOSSY_AUDIO_IN: Section = replace(AUDIO_IN, feedback=("nack",))
LOSSY_VIDEO_IN: Section = replace(
    VIDEO_IN, codecs=(VP8, RTX), feedback=NACK, remote_rtx=((VIDEO_SSRC, VIDEO_RTX_SSRC),)
)
SENDING = MediaPlan((LOSSY_AUDIO_IN, LOSSY_VIDEO_IN))
VIDEO_BY_RTX = replace(VIDEO_OUT, codecs=(VP8, RTX), feedback=NACK, rtx_ssrc=OUT_VIDEO_RTX)
RECEIVING = MediaPlan((replace(AUDIO_OUT, feedback=("nack",)), VIDEO_BY_RTX))
RECEIVING_WITHOUT_RTX = MediaPlan(
    (replace(AUDIO_OUT, feedback=("nack",)), replace(VIDEO_OUT, feedback=NACK))
)


def stamp_of(heard: Heard) -> int:
    """Return the number that ``VideoSource`` wrote into a packet."""
    start = len(VP8_KEY) if heard.payload.startswith(VP8_KEY) else 2
    return int.from_bytes(heard.payload[start : start + 4], "big")


def nacks_in(data: bytes) -> list[tuple[int, int]]:
    """Return (SSRC, sequence number) of every NACKed packet of a compound."""
    found = []
    for count, kind, body in rtcp_parts(data):
        if (count, kind) != (1, 205):
            continue
        ssrc = struct.unpack_from("!I", body, 4)[0]
        for at in range(8, len(body), 4):
            first, mask = struct.unpack_from("!HH", body, at)
            found += [(ssrc, first)]
            found += [(ssrc, first + bit + 1 & 0xFFFF) for bit in range(16) if mask >> bit & 1]
    return found


class LossyPresenter:
    """Sends video and audio over a link that loses, and answers NACKs."""

    def __init__(self, world: World, loss: float, seed: int = 7, rtx: bool = True) -> None:
        self.world = world
        self.client: Client = world.presenter(plan=SENDING)
        self.video = VideoSource(self.client, VIDEO_SSRC)
        self.audio = AudioSource(self.client)
        self.loss = loss
        self.rng = random.Random(seed)
        self.kept: dict[tuple[int, int], bytes] = {}
        self.sealed: dict[tuple[int, int], bytes] = {}
        self.rtx = rtx
        self.rtx_sequence = 100
        self.nacks = 0
        self._read = 0

    def send(self, packets: Sequence[bytes]) -> None:
        batch = []
        for packet in packets:
            heard = read_rtp(packet)
            sealed = self.client.seal(packet)
            self.kept[heard.ssrc, heard.sequence] = packet
            self.sealed[heard.ssrc, heard.sequence] = sealed
            if self.rng.random() >= self.loss:
                batch.append((sealed, self.client.address))
        self.world.deliver(batch)

    def answer(self) -> None:
        """Repeat what the relay asked for since the last call."""
        asked = [item for data in self.client.rtcp[self._read :] for item in nacks_in(data)]
        self._read = len(self.client.rtcp)
        for ssrc, sequence in asked:
            self.nacks += 1
            packet = self.kept.get((ssrc, sequence))
            if packet is None or self.rng.random() < self.loss:
                continue
            if ssrc == VIDEO_SSRC and self.rtx:
                sealed = self.client.seal(self._wrap(packet))
            else:
                sealed = self.sealed[ssrc, sequence]
            self.world.deliver([(sealed, self.client.address)])

    def _wrap(self, packet: bytes) -> bytes:
        first, second, sequence, timestamp, _ = struct.unpack_from("!BBHII", packet)
        self.rtx_sequence += 1
        head = struct.pack(
            "!BBHII", first, second & 0x80 | 97, self.rtx_sequence, timestamp, VIDEO_RTX_SSRC
        )
        return head + struct.pack("!H", sequence) + packet[12:]


class LossyParticipant:
    """Hears what the link lets through, unwraps RTX and asks for what is missing."""

    def __init__(self, world: World, name: str, plan: MediaPlan = RECEIVING,
                 profile: str = GCM) -> None:  # fmt: skip
        self.client = world.participant(name, plan, profile)
        self.got: dict[int, dict[int, Heard]] = {OUT_AUDIO: {}, OUT_VIDEO: {}}
        self.by_rtx = 0
        self._read = 0
        self._highest: dict[int, int] = {}
        self._tries: dict[tuple[int, int], int] = {}

    def read(self) -> None:
        for raw in self.client.heard[self._read :]:
            heard = raw
            ssrc, sequence, payload = heard.ssrc, heard.sequence, heard.payload
            if ssrc == OUT_VIDEO_RTX:
                ssrc, sequence = OUT_VIDEO, struct.unpack_from("!H", payload)[0]
                heard = replace(heard, ssrc=ssrc, sequence=sequence, payload=payload[2:])
                self.by_rtx += 1
            top = self._highest.get(ssrc, sequence)
            index = top + ((sequence - top + 0x8000 & 0xFFFF) - 0x8000)
            self._highest[ssrc] = max(top, index)
            self.got[ssrc].setdefault(index, heard)
        self._read = len(self.client.heard)

    def missing(self, ssrc: int) -> list[int]:
        got = self.got[ssrc]
        return [n for n in range(min(got), max(got)) if n not in got] if got else []

    def ask(self) -> None:
        self.read()
        packet = b""
        for ssrc in self.got:
            holes = [n for n in self.missing(ssrc)[-200:] if self._tries.get((ssrc, n), 0) < 10]
            for hole in holes:
                self._tries[ssrc, hole] = self._tries.get((ssrc, hole), 0) + 1
            if holes:
                packet += negative_acknowledgement(ssrc, holes)
        if packet and not self.client.world.link.loses():
            self.client.send_rtcp(receiver_report(()) + packet)


def play(
    world: World, presenter: LossyPresenter, listeners: Sequence[LossyParticipant], seconds: float
) -> None:
    """Run 25 frames of four packets and 50 packets of audio a second in steps of 10 ms."""
    for step in range(int(seconds * 100)):
        if step % 4 == 0:
            presenter.send(presenter.video.frame(packets=4, key=step % 400 == 0))
        if step % 2 == 0:
            presenter.send([presenter.audio.packet(b"opus %d" % step)])
        presenter.answer()
        if step % 5 == 0:
            for listener in listeners:
                listener.ask()
        world.advance(0.01, step=0.01)
    for _ in range(60):
        presenter.answer()
        world.advance(0.05, step=0.05)
        for listener in listeners:
            listener.ask()
