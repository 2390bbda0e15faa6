"""The relay's end of its recorder: packets go out without ever waiting, a dead recorder comes back.

It runs in the relay's own event loop, in the middle of the packets' way, so it only copies and
sends. What the kernel does not take at once is dropped and counted (docs/decisions/0105).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog
from pydantic import ValidationError

from app.core.clock import Clock
from app.core.ids import LectureId, PeerId, RoomId
from app.core.tasks import OnCrash, Tasks
from app.recording.counts import Counts
from app.recording.link import Link, Spawn
from app.recording.model import FaultReason
from app.recording.told import Session, Told, payload_of, speaker_name
from app.recording.wire import (
    FROM_RECORDER,
    MAX_MESSAGE,
    Announce,
    Begin,
    ClockPair,
    Counted,
    End,
    Faulty,
    KeyframeWanted,
    Passed,
    Retired,
    packet_entry,
    packets_head,
)
from app.relay.core.media import Codec
from app.relay.core.peer import Peer
from app.relay.core.rtp import Packet
from app.relay.core.stream import Stream
from app.relay.core.tap import Listener
from app.relay.core.track import ClockReport, Track

log = structlog.get_logger(__name__)

PASSED_SECONDS: Final = 0.5
MOST_TRACKS: Final = 256
"""Of one room that are told apart; the oldest gives way."""


class TappedRelay(Protocol):
    """What the feed needs of ``app.relay.service.RelayService``."""

    def listen(self, room: RoomId, listener: Listener | None) -> None: ...
    def ask_keyframe(self, peer: PeerId, ssrc: int) -> None: ...


class Feed:
    """All recordings of one relay process.

    Guarantees that taking packets never blocks and never raises, and that a recorder that ends is
    started again and goes on with every session, on the lecture's own time. ``on_fault`` hears
    when a session cannot be written, and (None) when it can again.
    """

    def __init__(
        self,
        relay: TappedRelay,
        spawn: Spawn,
        clock: Clock,
        on_fault: Callable[[RoomId, LectureId, FaultReason | None], None],
    ) -> None:
        self._relay = relay
        self._link = Link(spawn, clock, self)
        self._clock = clock
        self._on_fault = on_fault
        self._tasks = Tasks("recording")
        self._sessions: dict[RoomId, Session] = {}
        self._tracks: dict[int, Told] = {}
        self._numbers = 0
        self._counts = Counts()
        self.dropped = 0

    async def open(self) -> None:
        """Keep a recorder running from the first recording on, or from ``wake``."""
        await self._link.open()
        _ = self._tasks.start("passed", self._tell_time, OnCrash.RESTART)

    def wake(self) -> None:
        """Start the recorder now: an earlier one left files, which it brings home."""
        self._link.need()

    async def close(self) -> None:
        """End every session; the recorder brings its files home by itself. Safe to call twice."""
        for room in list(self._sessions):
            self.end(room)
        await self._tasks.close()
        await self._link.close()

    @property
    def rooms(self) -> dict[RoomId, LectureId]:
        """What is being recorded."""
        return {room: session.lecture for room, session in self._sessions.items()}

    # Sessions --------------------------------------------------------------------------------

    def begin(self, room: RoomId, lecture: LectureId, elapsed: float) -> None:
        """Record a room from now on; ``elapsed``: seconds since its lecture began.

        Nothing changes for one that is recorded already.
        """
        if room in self._sessions:
            return
        self._numbers += 1
        session = Session(self._numbers, room, lecture, elapsed - self._clock.now())
        self._sessions[room] = session
        self._link.need()
        self._begin(session)
        self._relay.listen(room, _Room(self, session))

    def end(self, room: RoomId) -> None:
        """Close a room's files. Nothing changes for one that is not recorded."""
        session = self._sessions.pop(room, None)
        if session is None:
            return
        self._relay.listen(room, None)
        for told in session.told.values():
            self._tracks.pop(told.number, None)
        self._link.tell(End(session=session.number, at=self._clock.now()))

    def _begin(self, session: Session) -> None:
        now = self._clock.now()
        self._link.tell(
            Begin(
                session=session.number,
                lecture=session.lecture,
                elapsed=now + session.offset,
                at=now,
            )
        )

    # Packets ---------------------------------------------------------------------------------

    def take(
        self,
        session: Session,
        peer: Peer,
        stream: Stream,
        track: Track,
        packets: Sequence[Packet],
        now: float,
    ) -> None:
        """Send one wake-up's packets of a track."""
        parts: list[bytes] = []
        size = 0
        current: Told | None = None
        for packet in packets:
            found = payload_of(track, packet)
            if found is None:
                continue
            codec, payload = found
            told = session.told.get((track, codec.key)) or self._announce(
                session, peer, stream, track, codec
            )
            if parts and (told is not current or size + len(payload) > MAX_MESSAGE):
                self._send_packets(current, parts, now)
                parts, size = [], 0
            current = told
            parts.append(
                packet_entry(
                    packet.index, packet.timestamp, packet.marker, packet.keyframe, payload
                )
            )
            size += len(parts[-1])
        if current is not None:
            if track.clock is not current.clock:
                self._tell_clock(current, track.clock)
            self._send_packets(current, parts, now)

    def _announce(
        self, session: Session, peer: Peer, stream: Stream, track: Track, codec: Codec
    ) -> Told:
        self._numbers += 1
        told = Told(self._numbers, peer.id, track.ssrc)
        if len(session.told) >= MOST_TRACKS:
            oldest = session.told.pop(next(iter(session.told)))
            self._tracks.pop(oldest.number, None)
            self._link.tell(Retired(track=oldest.number))
        session.told[track, codec.key] = told
        self._tracks[told.number] = told
        publisher = "presenter" if peer.role == "presenter" else speaker_name(peer.id)
        self._link.tell(
            Announce(
                session=session.number,
                track=told.number,
                publisher=publisher,
                source=stream.source,
                kind=stream.section.kind,
                codec=codec.key,
                clock_rate=codec.clock_rate,
            )
        )
        return told

    def _tell_clock(self, told: Told, clock: ClockReport | None) -> None:
        told.clock = clock
        if clock is not None:
            self._link.tell(ClockPair(track=told.number, ntp=clock.ntp, timestamp=clock.timestamp))

    def _send_packets(self, told: Told | None, parts: list[bytes], now: float) -> None:
        if told is None or not parts:
            return
        if not self._link.offer(packets_head(told.number, now) + b"".join(parts)):
            self.dropped += len(parts)

    async def _tell_time(self) -> None:
        while True:
            await asyncio.sleep(PASSED_SECONDS)
            if self._sessions:
                self._link.tell(Passed(at=self._clock.now()))

    # The recorder ----------------------------------------------------------------------------

    def recorder_up(self) -> None:
        """Tell a new recorder everything."""
        for session in self._sessions.values():
            self._restart(session)

    def recorder_down(self) -> None:
        """Nothing is recorded until the next one is there."""
        self._counts.fail("recorder_down")
        self._counts.begin_anew()
        for session in self._sessions.values():
            self._set_fault(session, "recorder_down")

    def _restart(self, session: Session) -> None:
        for told in session.told.values():
            self._tracks.pop(told.number, None)
        session.told.clear()
        self._begin(session)
        if session.fault == "recorder_down":
            self._set_fault(session, None)

    def recorder_said(self, message: bytes) -> None:
        """Act on an answer."""
        try:
            said = FROM_RECORDER.validate_json(message)
        except ValidationError:
            log.warning("the recorder said something else")
            return
        match said:
            case KeyframeWanted():
                told = self._tracks.get(said.track)
                if told is not None:
                    self._relay.ask_keyframe(told.peer, told.ssrc)
            case Faulty():
                self._faulty(said)
            case Counted():
                self._counts.take(said)

    def _faulty(self, said: Faulty) -> None:
        for session in self._sessions.values():
            if session.number == said.session:
                if said.reason is not None:
                    self._counts.fail(said.reason)
                self._set_fault(session, said.reason)

    def _set_fault(self, session: Session, reason: FaultReason | None) -> None:
        if session.fault != reason:
            session.fault = reason
            self._on_fault(session.room, session.lecture, reason)

    def figures(self) -> dict[str, int]:
        """Return gauges and counters, for the relay's own."""
        return self._counts.figures(len(self._sessions), self.dropped)


class _Room:
    """A room's listener."""

    def __init__(self, feed: Feed, session: Session) -> None:
        self._feed = feed
        self._session = session

    def take(
        self, peer: Peer, stream: Stream, track: Track, packets: Sequence[Packet], now: float
    ) -> None:
        self._feed.take(self._session, peer, stream, track, packets, now)
