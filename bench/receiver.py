"""The receiving half of the load generator: counts, reports, and checks what it is given."""

import random
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pylibsrtp import Error as SrtpError

from app.core.clock import Clock
from bench.client import repair, rtp, sdp
from bench.client.dtls import Certificate
from bench.client.peer import ClientPeer
from bench.clients import BATCH, FIRST_MEDIA, ClientSocket, Publisher
from bench.delay import ANCILLARY_BYTES, Delays, arrival, stamp

if TYPE_CHECKING:
    import asyncio

_UDP_GRO = 104  # linux/udp.h; the socket module does not name it
_SENDER = 0x1B000001

FEEDBACK_SECONDS = 0.05
"""Between transport-wide feedbacks: what libwebrtc's RemoteEstimatorProxy comes to for a client
that receives only (5 % of its own 300 kbit/s would be 36 ms; 50 ms is the least)."""
REPORT_ROUNDS = 20
"""Feedbacks per receiver report: one a second."""
REMB_BPS = 5_000_000
"""What a browser says once a second where transport-wide feedback was not agreed to."""


@dataclass(slots=True)
class Arrivals:
    """What came on one SSRC."""

    ssrc: int
    is_repeats: bool
    is_video: bool
    packets: int = 0
    number_at: int = 0
    """Where its packets have their transport-wide number; 0: not known."""
    missing: repair.Missing = field(default_factory=repair.Missing)
    reported: tuple[int, float] = (0, 0.0)
    """The server's last report of it: its clock (32 bits), and when it came."""


@dataclass(slots=True)
class Verified:
    """Of the packets that were opened: how many held what the publisher had put in."""

    intact: int = 0
    broken: int = 0


@dataclass(slots=True)
class Bundles:
    """How many media packets came in how many sends of the relay."""

    packets: int = 0
    sends: int = 0


class Receiver(ClientSocket):
    """Counts what arrives, and tells the server of it as a browser does: reports, transport-wide
    feedback, NACKs. With ``delays`` it opens and checks every packet, and notes there how long each
    took. ``loss`` is the share of video that it treats as lost on its way, to have it repeated."""

    def __init__(
        self,
        certificate: Certificate,
        clock: Clock,
        delays: Delays | None = None,
        loss: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(ClientPeer(certificate), clock)
        self.packets = 0
        self.spared = 0
        """Packets that came and were treated as lost."""
        self.repaired = 0
        self.feedbacks = 0
        self.verified = Verified()
        self.bundles = Bundles()
        self._chance = random.Random(seed)
        self._loss = loss
        self._until_loss = self._draw()
        self._arrival: float | None = None
        self._delays = delays
        if delays is not None:
            stamp(self._socket)
        self._lines: dict[bytes, Arrivals] = {}
        self._came = repair.Feedback()
        self._now = 0.0
        self._rounds = seed
        self._cycle: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.fingerprint = certificate.fingerprint
        ice = self.peer.ice
        self.offer = sdp.offer(
            ice.ufrag, ice.password, certificate.fingerprint, None, None, repairs=True
        )

    async def connect(self, answer: str) -> None:
        await super().connect(answer)
        # Anywhere in the round: clients of different places do not speak at the same time.
        self._due = self._loop.time() + self._chance.uniform(0, FEEDBACK_SECONDS)
        self._cycle = self._loop.call_at(self._due, self._round)

    def close(self) -> None:
        if self._cycle is not None:
            self._cycle.cancel()
        super().close()

    def _readable(self) -> None:
        self._now = self._clock.now()
        if self._delays is None:
            super()._readable()
            return
        for _ in range(BATCH):
            try:
                data, ancillary, _, _ = self._socket.recvmsg(2048, ANCILLARY_BYTES)
            except (BlockingIOError, ConnectionRefusedError):
                break
            self._arrival = arrival(ancillary)
            self._take(data)

    def on_media(self, packet: bytes) -> None:
        if rtp.is_rtcp(packet):
            self._take_reports(packet)
            return
        line = self._lines.get(packet[8:12]) or self._line(packet)
        line.packets += 1
        if line.is_repeats:
            self._note_number(line, packet)
            self._repaired(packet)
            return
        self.packets += 1
        if line.is_video:
            self._until_loss -= 1
            if not self._until_loss:
                self._until_loss = self._draw()
                self.spared += 1
                return
            holes = line.missing.came(packet[2] << 8 | packet[3])
            if holes and self.terms.nacks:
                self._tell(line, repair.nack(_SENDER, line.ssrc, holes))
        else:
            line.missing.highest = packet[2] << 8 | packet[3]
        self._note_number(line, packet)
        if self._delays is not None:
            self._open(packet)

    def _take_reports(self, packet: bytes) -> None:
        """Note the sender reports: by what is said of them a server tells its round trip, and Janus
        keeps nothing to repeat before it can."""
        if self.incoming is None:
            return
        try:
            opened = self.incoming.unprotect_rtcp(packet)
        except SrtpError:
            return
        for ssrc, clock in rtp.sender_reports(opened):
            line = self._lines.get(ssrc.to_bytes(4, "big"))
            if line is not None:
                line.reported = clock, self._now

    def _draw(self) -> int:
        """Return how many packets of video come until one is treated as lost; 0: all come."""
        return self._chance.randint(1, round(2 / self._loss) - 1) if self._loss else 0

    def _line(self, packet: bytes) -> Arrivals:
        kind = packet[1] & 0x7F
        ident = self.terms.transport_id
        line = self._lines[packet[8:12]] = Arrivals(
            int.from_bytes(packet[8:12], "big"),
            kind in self.terms.rtx_types,
            kind == sdp.VP8,
            number_at=repair.element_at(packet, ident) if ident else 0,
        )
        return line

    def _note_number(self, line: Arrivals, packet: bytes) -> None:
        ident, at = self.terms.transport_id, line.number_at
        if not ident:
            return
        if not at or packet[at - 1] != ident << 4 | 1:
            at = line.number_at = repair.element_at(packet, ident)
        if at:
            self._came.came(packet[at] << 8 | packet[at + 1], self._now)

    def _repaired(self, packet: bytes) -> None:
        video = next((line for line in self._lines.values() if line.is_video), None)
        if video is None:
            return
        if self._delays is None or self.incoming is None:
            self.repaired += video.missing.repaired(None)
            return
        try:
            found = repair.original(self.incoming.unprotect(packet), sdp.VP8)
        except SrtpError:
            self.verified.broken += 1
            return
        if found is None:
            return  # a probe of the link
        self.repaired += video.missing.repaired(found[0])
        if rtp.is_intact(found[1]):
            self.verified.intact += 1
        else:
            self.verified.broken += 1

    def _round(self) -> None:
        """Say what a browser says: feedback and what is still missing, reports once a second."""
        # Counted from when it was due: else those that were late together stay together.
        self._due = max(self._due + FEEDBACK_SECONDS, self._loop.time())
        self._cycle = self._loop.call_at(self._due, self._round)
        self._rounds += 1
        if self.terms.transport_id:
            video = next((line for line in self._lines.values() if line.is_video), None)
            feedback = self._came.take(_SENDER, video.ssrc if video is not None else 0)
            if feedback is not None:
                self.feedbacks += 1
                self._tell(video, feedback)
        for line in self._lines.values():
            again = line.missing.due() if self.terms.nacks else []
            if again:
                self._tell(line, repair.nack(_SENDER, line.ssrc, again))
        if self._rounds % REPORT_ROUNDS == 0:
            self._report()

    def _report(self) -> None:
        """Send a receiver report on every line (RFC 3550 §6.4.2)."""
        media = [line for line in self._lines.values() if not line.is_repeats]
        if not media:
            return
        packet = _blocks(media, self._clock.now())
        if self.terms.remb and not self.terms.transport_id:
            packet += repair.estimate(_SENDER, [line.ssrc for line in media], REMB_BPS)
        self._send_rtcp(packet)

    def _tell(self, line: Arrivals | None, feedback: bytes) -> None:
        """Send feedback about a line: alone where the server takes that, else behind a report of
        that line alone, by which Janus finds it."""
        if not self.terms.reduced and line is not None:
            feedback = _blocks([line], self._clock.now()) + feedback
        self._send_rtcp(feedback)

    def _send_rtcp(self, packet: bytes) -> None:
        if self.outgoing is not None:
            self.send(self.outgoing.protect_rtcp(packet))

    def watch_bundles(self, on: bool) -> None:
        """Take what one send carried in one piece, and count it in ``bundles``.

        With UDP_GRO loopback hands a UDP_SEGMENT send over whole, which spares the sender the
        segmenting: so never while CPU is measured.
        """
        self._socket.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, int(on))
        self._loop.add_reader(
            self._socket.fileno(), self._readable_bundled if on else self._readable
        )

    def _readable_bundled(self) -> None:
        self._now = self._clock.now()
        for _ in range(BATCH):
            try:
                data, ancillary, _, _ = self._socket.recvmsg(
                    65_536, socket.CMSG_SPACE(4) + ANCILLARY_BYTES
                )
            except (BlockingIOError, ConnectionRefusedError):
                break
            sizes = [bytes_ for _, kind, bytes_ in ancillary if kind == _UDP_GRO]
            size = int.from_bytes(sizes[0], "little") if sizes else len(data)
            self._arrival = arrival(ancillary)
            parts = [data[at : at + size] for at in range(0, len(data), size)]
            media = [part for part in parts if part[0] >= FIRST_MEDIA]
            self.bundles.packets += sum(not rtp.is_rtcp(part) for part in media)
            self.bundles.sends += any(not rtp.is_rtcp(part) for part in media)
            for part in parts:
                self._take(part)

    def _open(self, packet: bytes) -> None:
        try:
            found = None if self.incoming is None else rtp.checksum(self.incoming.unprotect(packet))
        except SrtpError:
            found = None
        if found is None:
            self.verified.broken += 1
            return
        self.verified.intact += 1
        if self._delays is not None and self._arrival is not None:
            self._delays.arrived(found, self._arrival)


def _blocks(lines: list[Arrivals], now: float) -> bytes:
    blocks = []
    for line in lines:
        clock, at = line.reported
        since = int((now - at) * 65_536) if clock else 0
        blocks.append((line.ssrc, 0, line.missing.highest, clock, since))
    return rtp.receiver_report(_SENDER, blocks)


@dataclass(slots=True)
class Audience:
    """One publisher and its receivers. ``close`` frees them all."""

    publisher: Publisher
    receivers: list[Receiver] = field(default_factory=list)

    @property
    def arrived(self) -> int:
        """Media packets that all receivers have counted so far."""
        return sum(receiver.packets for receiver in self.receivers)

    @property
    def spared(self) -> int:
        """Packets that came and were treated as lost."""
        return sum(receiver.spared for receiver in self.receivers)

    @property
    def repaired(self) -> int:
        """Repeats that came."""
        return sum(receiver.repaired for receiver in self.receivers)

    @property
    def feedbacks(self) -> int:
        """Transport-wide feedbacks sent."""
        return sum(receiver.feedbacks for receiver in self.receivers)

    def close(self) -> None:
        self.publisher.close()
        for receiver in self.receivers:
            receiver.close()
