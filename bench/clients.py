"""The sockets of the load generator, and its publisher."""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Awaitable, Callable

from pylibsrtp import Error as SrtpError
from pylibsrtp import Session

from app.core.clock import Clock
from bench.client import repair, rtp, sdp
from bench.client.dtls import Certificate
from bench.client.peer import ClientPeer
from bench.delay import Delays
from bench.workload import Step

CONNECT_SECONDS = 10.0
RECEIVE_BUFFER = 4 << 20
FIRST_MEDIA = 128
"""First bytes from here on are SRTP or SRTCP (RFC 7983 §7)."""

_SO_RCVBUFFORCE = 33
BATCH = 256
"""Datagrams taken per wake-up of one socket, so that none starves the others."""

Join = Callable[[str], Awaitable[str]]
"""Hands an offer to the server and returns its answer."""


class ClientSocket:
    """One peer connection on a UDP socket of its own. ``close`` it."""

    def __init__(self, peer: ClientPeer, clock: Clock) -> None:
        self.peer = peer
        self._clock = clock
        self._connected = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.outgoing: Session | None = None
        self.incoming: Session | None = None
        self.terms = sdp.Terms(0, frozenset(), nacks=False, remb=False)
        """What the server agreed to."""
        self.refused = 0
        """Datagrams that this side's kernel did not take."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        with contextlib.suppress(PermissionError):
            # Beyond net.core.rmem_max, which only root may; else the plain option's cap holds.
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)

    def bind(self, host: str) -> tuple[str, int]:
        """Take a port of ``host`` now; return the address, for servers that must be told it."""
        self._socket.bind((host, 0))
        name: tuple[str, int] = self._socket.getsockname()
        return name

    async def connect(self, answer: str) -> None:
        """Run ICE and DTLS with the peer of that answer. Raises TimeoutError, AnswerError."""
        read = sdp.read_answer(answer)
        self.terms = sdp.read_terms(answer)
        self._socket.connect((read.host, read.port))
        self._loop.add_reader(self._socket.fileno(), self._readable)
        self.peer.accept(read, self._clock.now())
        self._flush()
        await asyncio.wait_for(self._connected.wait(), CONNECT_SECONDS)

    def send(self, datagram: bytes) -> None:
        """Send one datagram, or count that the kernel refused it."""
        try:
            self._socket.send(datagram)
        except OSError:
            self.refused += 1

    def close(self) -> None:
        """Free the socket and its timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def on_media(self, packet: bytes) -> None:
        """Take one datagram of SRTP or SRTCP."""

    def _readable(self) -> None:
        receive, take = self._socket.recv, self._take
        for _ in range(BATCH):
            try:
                data = receive(2048)
            except (BlockingIOError, ConnectionRefusedError):
                break
            take(data)

    def _take(self, data: bytes) -> None:
        if data and data[0] >= FIRST_MEDIA:
            self.on_media(data)
        else:
            self.peer.receive(data, self._clock.now())
            self._flush()

    def _flush(self) -> None:
        for datagram in self.peer.take():
            self.send(datagram)
        if self._timer is not None:
            self._timer.cancel()
        due = self.peer.next_timer()
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - self._clock.now()), self._on_timer)
        keys = self.peer.keys
        if keys is not None and self.outgoing is None:
            self.outgoing = rtp.session(keys, outgoing=True)
            self.incoming = rtp.session(keys, outgoing=False)
            self._connected.set()

    def _on_timer(self) -> None:
        self.peer.handle_timer(self._clock.now())
        self._flush()


class Publisher(ClientSocket):
    """Sends the steps of a schedule with transport-wide numbers, a keyframe when asked to, and
    repeats by RTX."""

    def __init__(self, certificate: Certificate, clock: Clock) -> None:
        super().__init__(ClientPeer(certificate), clock)
        self.sent = 0
        self.delays = Delays()
        self.keyframes_asked = 0
        self.repeated = 0
        self._unsent: deque[bytes] = deque()
        audio, video = sdp.Sent(0x1A000001), sdp.Sent(0x1A000002, rtx_ssrc=0x1A000003)
        self._audio = rtp.OpusSource(audio.ssrc, "0")
        self._video = rtp.Vp8Source(video.ssrc, "1")
        self._history = repair.History(video.rtx_ssrc, sdp.RTX)
        ice = self.peer.ice
        self.offer = sdp.offer(
            ice.ufrag, ice.password, certificate.fingerprint, audio, video, repairs=True
        )

    async def connect(self, answer: str) -> None:
        await super().connect(answer)
        if self.terms.transport_id:
            numbers = rtp.TransportNumbers()
            self._audio.line.numbers = self._video.line.numbers = numbers

    def on_media(self, packet: bytes) -> None:
        if self.incoming is None or not rtp.is_rtcp(packet):
            return
        try:
            opened = self.incoming.unprotect_rtcp(packet)
        except SrtpError:
            return
        if rtp.asks_keyframe(opened):
            self.keyframes_asked += 1
            self._video.ask_keyframe()
        for ssrc, sequence in repair.nacked(opened):
            repeat = self._history.repeat(sequence) if ssrc == self._video.line.ssrc else None
            if repeat is not None and self.terms.rtx_types and self.outgoing is not None:
                self.repeated += 1
                self.send(self.outgoing.protect(repeat))

    async def play(self, steps: list[Step], ticks: int) -> None:
        """Send all steps at their times. Returns when the last one has left."""
        start = self._clock.now()
        for step in steps:
            wait = start + step.at - self._clock.now()
            if wait > 0:
                await asyncio.sleep(wait)
            self._step(step, ticks)

    def report(self) -> None:
        """Send a sender report for both lines."""
        if self.outgoing is None:
            return
        for line in (self._audio.line, self._video.line):
            self.send(self.outgoing.protect_rtcp(line.sender_report(self._clock.wall())))

    def _step(self, step: Step, ticks: int) -> None:
        if self.outgoing is None:
            return
        now = self._clock.now()
        if step.frame_sizes:
            frame = self._video.frame(list(step.frame_sizes), ticks, now)
            self._unsent.extend(frame)
            for packet in frame:
                self._history.keep(packet)
        packets = [self._unsent.popleft() for _ in range(min(step.send, len(self._unsent)))]
        if step.audio:
            packets.append(self._audio.packet(now))
        for packet in packets:
            sealed = self.outgoing.protect(packet)
            self.delays.sent(packet, self._clock.wall())
            self.send(sealed)
        self.sent += len(packets)
