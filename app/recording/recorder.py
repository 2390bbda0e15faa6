"""The recorder: a relay's messages in, files out. Single-threaded; only files and time outside."""

from collections.abc import Callable
from typing import Final

import structlog

from app.recording.container import UnreadableError, format_of
from app.recording.files import Files
from app.recording.frames import Frames
from app.recording.lanes import AudioLane, VideoLane
from app.recording.model import Segment
from app.recording.reorder import HOLD_SECONDS, Ordered
from app.recording.sessions import Session, Track, new_track
from app.recording.spool import Spool
from app.recording.wire import (
    PACKETS,
    TO_RECORDER,
    Announce,
    Begin,
    ClockPair,
    Counted,
    End,
    Faulty,
    FromRecorder,
    KeyframeWanted,
    Passed,
    Retired,
    read_packets,
)

log = structlog.get_logger(__name__)

FILL_AFTER_SECONDS: Final = HOLD_SECONDS + 1.0
"""Sound that did not come by then is silence: later than any packet that is waited for."""
KEYFRAME_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 5.0
"""After a fault, until the disk is looked at again."""
ROOM_BYTES: Final = 4 * 1024 * 1024
"""How much more than the reserve must be free before a recording goes on."""


class Recorder:
    """All recordings of one relay.

    Guarantees that nothing a message holds raises, that a fault of the disk ends the files of the
    session that met it and no more, and that such a session goes on, in new files, when the disk
    has room again. What each call returns is to be sent to the relay.
    """

    def __init__(
        self,
        spool: Spool,
        reserve_bytes: int,
        begun: Callable[[Segment], None],
        finished: Callable[[Segment], None],
    ) -> None:
        """``begun`` and ``finished`` hear of each segment whose file is open, and closed. Files are
        not begun, and those open are ended, while the disk has less than ``reserve_bytes`` left."""
        self._spool = spool
        self._reserve = reserve_bytes
        self._files = Files(spool, begun, finished)
        self._sessions: dict[int, Session] = {}
        self._tracks: dict[int, Track] = {}
        self._failures = 0
        self._late = 0
        self._dropped_frames = 0
        self._answers: list[FromRecorder] = []

    def handle(self, message: bytes, now: float) -> list[FromRecorder]:
        """Take one message in."""
        if message[:1] == bytes((PACKETS,)):
            self._packets(message, now)
        else:
            self._control(message, now)
        return self._take_answers()

    def _take_answers(self) -> list[FromRecorder]:
        answers, self._answers = self._answers, []
        return answers

    # Messages --------------------------------------------------------------------------------

    def _control(self, message: bytes, now: float) -> None:
        said = TO_RECORDER.validate_json(message)
        match said:
            case Begin():
                self._sessions[said.session] = Session(said.lecture, said.elapsed - said.at)
            case End():
                self._end(said.session, said.at)
            case Passed():
                self._pass(said.at, now)
            case Announce():
                self._announce(said)
            case ClockPair():
                track = self._tracks.get(said.track)
                if track is not None:
                    track.time.report(said.ntp, said.timestamp)
            case Retired():
                self._retire(said.track, now)

    def _announce(self, said: Announce) -> None:
        session = self._sessions.get(said.session)
        form = format_of(said.codec)
        if session is None or form is None:
            log.warning("a track is not recorded", codec=said.codec)
            return
        self._tracks[said.track] = new_track(session, said, form)

    def _retire(self, number: int, now: float) -> None:
        track = self._tracks.pop(number, None)
        if track is not None:
            self._write(track, track.reorder.flush(), now)
            self._forget_counts(track)

    def _forget_counts(self, track: Track) -> None:
        self._late += track.reorder.late
        self._dropped_frames += track.frames.dropped if track.frames is not None else 0

    def _end(self, number: int, at: float) -> None:
        session = self._sessions.pop(number, None)
        if session is None:
            return
        for known, track in list(self._tracks.items()):
            if track.session is session:
                self._retire(known, at)
        self._close_lanes(session, at + session.offset)

    def _packets(self, message: bytes, now: float) -> None:
        number, arrived, packets = read_packets(message)
        track = self._tracks.get(number)
        if track is None:
            return
        for packet in packets:
            ready = track.reorder.push(packet, arrived)
            if ready:
                self._write(track, ready, now)
        self._ask_keyframe(number, track, now)

    def _ask_keyframe(self, number: int, track: Track, now: float) -> None:
        if track.frames is None or now - track.asked_at < KEYFRAME_SECONDS:
            return
        lane = track.session.lanes.get((track.said.publisher, track.said.source))
        has_file = lane is not None and lane.is_open
        if track.session.fault is None and (track.frames.needs_keyframe or not has_file):
            track.asked_at = now
            self._answers.append(KeyframeWanted(track=number))

    # Writing ---------------------------------------------------------------------------------

    def _write(self, track: Track, ready: list[Ordered], now: float) -> None:
        session = track.session
        try:
            for ordered in ready:
                if track.frames is None:
                    self._write_sound(track, ordered)
                else:
                    self._write_picture(track, track.frames, ordered)
        except OSError as error:
            self._fail(session, error, now)

    def _write_sound(self, track: Track, ordered: Ordered) -> None:
        at = track.time.place(ordered.packet.timestamp, ordered.arrived) + track.session.offset
        lane = self._files.lane(track)
        if lane is not None and isinstance(lane, AudioLane):
            lane.write(ordered.packet.payload, at)

    def _write_picture(self, track: Track, frames: Frames, ordered: Ordered) -> None:
        for frame in frames.push(ordered):
            at = track.time.place(frame.timestamp, frame.arrived) + track.session.offset
            lane = self._files.lane(track)
            if lane is None or not isinstance(lane, VideoLane):
                continue
            try:
                lane.write(frame, at)
            except UnreadableError:
                frames.dropped += 1
                frames.needs_keyframe = True

    # Faults ----------------------------------------------------------------------------------

    def _fail(self, session: Session, error: OSError, now: float) -> None:
        """End the session's files as they are; the lecture goes on, and later this does, too."""
        log.error("a recording cannot be written", reason=error.strerror or str(error))
        reason: Final = "disk_full" if error.errno in (28, 122) else "write_failed"
        self._stop(session, reason, now)

    def _stop(self, session: Session, reason: str, now: float) -> None:
        session.fault, session.retry_at = reason, now + RETRY_SECONDS
        self._failures += 1
        self._close_lanes(session, None)
        self._answers.append(
            Faulty(
                session=self._number(session),
                reason="disk_full" if reason == "disk_full" else "write_failed",
            )
        )

    def _number(self, session: Session) -> int:
        return next((n for n, known in self._sessions.items() if known is session), 0)

    def _close_lanes(self, session: Session, at: float | None) -> None:
        lanes, session.lanes = session.lanes, {}
        for lane in lanes.values():
            self._late += lane.late
            try:
                lane.close(at)
            except OSError as error:  # what was written before stays playable
                log.warning("a file could not be closed", reason=error.strerror or str(error))

    # Time ------------------------------------------------------------------------------------

    def _pass(self, at: float, now: float) -> None:
        """Give up what had not come by ``at``, and let silence stand for it."""
        for number, track in list(self._tracks.items()):
            ready = track.reorder.ready(at)
            if ready:
                self._write(track, ready, now)
                self._ask_keyframe(number, track, now)
        for session in list(self._sessions.values()):
            self._fill(session, at, now)

    def tick(self, now: float) -> list[FromRecorder]:
        """Look at the disk, and say how it goes; about twice a second."""
        is_full = self._is_full(0)
        for session in list(self._sessions.values()):
            if session.fault is not None:
                self._try_again(session, now)
            elif is_full:
                log.error("a recording stops: the disk is nearly full", reserve=self._reserve)
                self._stop(session, "disk_full", now)
        self._answers.append(self.counted())
        return self._take_answers()

    def _is_full(self, more: int) -> bool:
        try:
            return self._spool.free_bytes() < self._reserve + more
        except OSError:
            return True

    def _try_again(self, session: Session, now: float) -> None:
        if now < session.retry_at:
            return
        session.retry_at = now + RETRY_SECONDS
        if not self._is_full(ROOM_BYTES):
            session.fault = None
            self._answers.append(Faulty(session=self._number(session), reason=None))

    def _fill(self, session: Session, at: float, now: float) -> None:
        try:
            for lane in session.lanes.values():
                if isinstance(lane, AudioLane):
                    lane.hold(at + session.offset - FILL_AFTER_SECONDS)
        except OSError as error:
            self._fail(session, error, now)

    def counted(self) -> Counted:
        """Return the counters."""
        tracks = self._tracks.values()
        lanes = [lane for session in self._sessions.values() for lane in session.lanes.values()]
        return Counted(
            bytes_written=self._files.bytes_written,
            files_open=len(self._files),
            packets_late=self._late
            + sum(track.reorder.late for track in tracks)
            + sum(lane.late for lane in lanes),
            frames_dropped=self._dropped_frames
            + sum(track.frames.dropped for track in tracks if track.frames is not None),
            failures=self._failures,
        )

    def close(self, now: float) -> None:
        """End every session: nothing more will come."""
        for number in list(self._sessions):
            self._end(number, now)
