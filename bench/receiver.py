"""The receiving half of the load generator: counts, reports, and checks what it is given."""

import socket
from dataclasses import dataclass, field

from pylibsrtp import Error as SrtpError

from app.core.clock import Clock
from bench.client import rtp, sdp
from bench.client.dtls import Certificate
from bench.client.peer import ClientPeer
from bench.clients import BATCH, FIRST_MEDIA, ClientSocket, Publisher
from bench.delay import ANCILLARY_BYTES, Delays, arrival, stamp

_UDP_GRO = 104  # linux/udp.h; the socket module does not name it


@dataclass(slots=True)
class Arrivals:
    """What came on one SSRC."""

    packets: int = 0
    highest: int = 0


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
    """Counts what arrives and reports on it. With ``delays`` it opens and checks every packet, and
    notes there how long each took."""

    def __init__(
        self, certificate: Certificate, clock: Clock, delays: Delays | None = None
    ) -> None:
        super().__init__(ClientPeer(certificate), clock)
        self.packets = 0
        self.verified = Verified()
        self.bundles = Bundles()
        self._arrival: float | None = None
        self._delays = delays
        if delays is not None:
            stamp(self._socket)
        self._lines: dict[bytes, Arrivals] = {}
        self.fingerprint = certificate.fingerprint
        self.offer = sdp.offer(
            self.peer.ice.ufrag, self.peer.ice.password, certificate.fingerprint, None, None
        )

    def _readable(self) -> None:
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
            return
        self.packets += 1
        line = self._lines.get(packet[8:12])
        if line is None:
            line = self._lines[packet[8:12]] = Arrivals()
        line.packets += 1
        line.highest = packet[2] << 8 | packet[3]
        if self._delays is not None:
            self._open(packet)

    def report(self) -> None:
        """Send a receiver report on every line (RFC 3550 §6.4.2)."""
        if self.outgoing is None or not self._lines:
            return
        blocks = [
            (int.from_bytes(ssrc, "big"), 0, line.highest) for ssrc, line in self._lines.items()
        ]
        self.send(self.outgoing.protect_rtcp(rtp.receiver_report(0x1B000001, blocks)))

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


@dataclass(slots=True)
class Audience:
    """One publisher and its receivers. ``close`` frees them all."""

    publisher: Publisher
    receivers: list[Receiver] = field(default_factory=list)

    @property
    def arrived(self) -> int:
        """Media packets that all receivers have counted so far."""
        return sum(receiver.packets for receiver in self.receivers)

    def report(self) -> None:
        """Send every client's RTCP report; a real client does so about once a second."""
        self.publisher.report()
        for receiver in self.receivers:
            receiver.report()

    def close(self) -> None:
        self.publisher.close()
        for receiver in self.receivers:
            receiver.close()
