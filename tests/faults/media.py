"""A presenter's audio and its listeners, on the relay, beside whatever happens to the rest."""

import asyncio
import contextlib

from app.core.clock import SystemClock
from bench.client.dtls import make_certificate
from bench.clients import Publisher, Receiver

PACKET_SECONDS = 0.02


class Show:
    """One voice and those who hear it. ``close`` it."""

    def __init__(self, listeners: int = 1) -> None:
        clock, certificate = SystemClock(), make_certificate()
        self._clock = clock
        self.voice = Publisher(certificate, clock)
        self.listeners = [Receiver(certificate, clock, verify=True) for _ in range(listeners)]
        self._speaking: asyncio.Task[None] | None = None
        self.longest_gap = 0.0

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
        heard_at, heard = self._clock.now(), self.heard
        while True:
            assert self.voice.outgoing is not None
            packet = self.voice._audio.packet(self._clock.now())
            self.voice.send(self.voice.outgoing.protect(packet))
            await asyncio.sleep(PACKET_SECONDS)
            if self.heard > heard:
                heard_at, heard = self._clock.now(), self.heard
            self.longest_gap = max(self.longest_gap, self._clock.now() - heard_at)

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
