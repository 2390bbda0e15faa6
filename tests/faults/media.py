"""A presenter's audio and its listeners, on the relay, beside whatever happens to the rest."""

import asyncio
import contextlib

from pylibsrtp import Error as SrtpError

from app.core.clock import Clock, SystemClock
from bench.client import rtp, sdp
from bench.client.dtls import Certificate, make_certificate
from bench.client.peer import ClientPeer
from bench.clients import ClientSocket, Publisher

PACKET_SECONDS = 0.02


class Ear(ClientSocket):
    """Counts the media packets that it could open, and whose contents are what was sent."""

    def __init__(self, certificate: Certificate, clock: Clock) -> None:
        super().__init__(ClientPeer(certificate), clock)
        self.packets = 0
        self.longest_gap = 0.0
        """Seconds between two packets, at most."""
        self._heard_at: float | None = None
        ice = self.peer.ice
        self.offer = sdp.offer(ice.ufrag, ice.password, certificate.fingerprint, None, None)

    def on_media(self, packet: bytes) -> None:
        if rtp.is_rtcp(packet) or self.incoming is None:
            return
        with contextlib.suppress(SrtpError):
            if rtp.is_intact(self.incoming.unprotect(packet)):
                self.packets += 1
                now = self._clock.now()
                self.longest_gap = max(self.longest_gap, now - (self._heard_at or now))
                self._heard_at = now


class Show:
    """One voice and those who hear it. ``close`` it."""

    def __init__(self, listeners: int = 1) -> None:
        clock, certificate = SystemClock(), make_certificate()
        self._clock = clock
        self.voice = Publisher(certificate, clock)
        self.listeners = [Ear(certificate, clock) for _ in range(listeners)]
        self.longest_pause = 0.0
        """Seconds by which the speaker was late, at most."""
        self._speaking: asyncio.Task[None] | None = None

    def offers(self) -> list[dict[str, str]]:
        """The voice's offer, then each listener's."""
        sockets = (self.voice, *self.listeners)
        return [{"type": "offer", "sdp": socket.offer} for socket in sockets]

    async def begin(self, answers: list[str]) -> None:
        """Connect all by their answers, in the order of ``offers``, and speak."""
        for socket, answer in zip((self.voice, *self.listeners), answers, strict=True):
            await socket.connect(answer)
        self._speaking = asyncio.ensure_future(self._speak())

    async def _speak(self) -> None:
        while True:
            assert self.voice.outgoing is not None
            packet = self.voice._audio.packet(self._clock.now())
            self.voice.send(self.voice.outgoing.protect(packet))
            sent = self._clock.now()
            await asyncio.sleep(PACKET_SECONDS)
            self.longest_pause = max(self.longest_pause, self._clock.now() - sent - PACKET_SECONDS)

    @property
    def longest_gap(self) -> float:
        """The longest silence that a listener heard, in seconds, one that lasts included.

        Without the longest pause that the speaker itself made, because this process had no core:
        nobody heard it then, whatever the server did.
        """
        now = self._clock.now()
        longest = max(max(ear.longest_gap, now - (ear._heard_at or now)) for ear in self.listeners)
        return max(0.0, longest - self.longest_pause)

    def forget_gaps(self) -> None:
        """Measure silence from now on."""
        self.longest_pause = 0.0
        for ear in self.listeners:
            ear.longest_gap = 0.0

    @property
    def heard(self) -> int:
        """Packets that the listener with the fewest has got, each opened and checked."""
        return min(listener.packets for listener in self.listeners)

    async def close(self) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._speaking
        for socket in (self.voice, *self.listeners):
            socket.close()
