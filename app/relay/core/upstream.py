"""What the relay tells one publisher: reports, NACKs, PLIs, transport-wide feedback."""

from collections.abc import Callable

from app.relay.core.counters import Counters
from app.relay.core.line import CNAME
from app.relay.core.publisher import Publisher
from app.relay.core.rtcp import (
    OWN_SSRC,
    ReportBlock,
    bitrate_estimate,
    negative_acknowledgement,
    picture_loss,
    receiver_report,
    source_description,
    transport_feedback,
)
from app.relay.core.track import Track
from app.relay.core.transport import Arrivals

BITRATE_BPS = 6_000_000
"""What REMB allows a publisher without transport-wide feedback: a sharp 1080p screen."""
FEEDBACK_SECONDS = 0.05
"""Between two transport-wide feedbacks (libwebrtc sends one per 50 to 250 ms)."""
EARLY_SECONDS = 0.02
"""A feedback may go so much earlier with a wake-up that brought media: its timer then need not
fire, which would wake the process for it alone."""
_MAX_BLOCKS = 31
_NEVER = float("inf")
_NO_BLOCKS = receiver_report(())

Tell = Callable[[bytes], bool]
"""Seals one RTCP compound and sends it to the publisher; False if that was not possible."""


class Upstream:
    """Feedback to one publisher; owned by its peer, called by its room."""

    def __init__(self, publisher: Publisher, tell: Tell, counters: Counters) -> None:
        self._publisher = publisher
        self._tell = tell
        self._counters = counters
        self.arrivals = Arrivals()
        self._next_feedback = 0.0

    def send_due(self, now: float) -> float:
        """Send what is due; return when there is something to do again, infinity for not yet."""
        due = self._ask(now)
        if self.arrivals and now >= self._next_feedback - EARLY_SECONDS:
            self._next_feedback = max(now, self._next_feedback) + FEEDBACK_SECONDS
            self._send_feedback()
        return min(due, self._next_feedback) if self.arrivals else due

    def _ask(self, now: float) -> float:
        """Ask for the keyframes and packets that are due; return when the next ones are."""
        asking = [
            track
            for stream in self._publisher.streams.values()
            for track in stream.layers
            if track.keyframes.is_wanted or (track.missing is not None and track.missing.holes)
        ]
        if not asking:  # most often
            return _NEVER
        packet = b""
        for track in asking:
            packet += self._keyframe_request(track, now) + self._nack(track, now)
        if packet:
            self._tell(_NO_BLOCKS + packet)
        return min(_next_ask(track) for track in asking)

    def _keyframe_request(self, track: Track, now: float) -> bytes:
        due = track.keyframes.due()
        if due is None or due > now:
            return b""
        track.keyframes.sent(now)
        self._counters.keyframe_requests_sent += 1
        return picture_loss(track.ssrc)

    def _nack(self, track: Track, now: float) -> bytes:
        missing = track.missing.take_due(now) if track.missing is not None else []
        if not missing:
            return b""
        self._counters.nacks_sent += len(missing)
        return negative_acknowledgement(track.ssrc, missing)

    def _send_feedback(self) -> None:
        tracks = self._publisher.tracks
        ssrc = tracks[0].ssrc if tracks else 0
        body = self.arrivals.take()
        if body is not None:
            self._counters.transport_feedback_sent += 1
            self._tell(_NO_BLOCKS + transport_feedback(ssrc, body))

    def report(self, now: float) -> None:
        """Tell how the tracks arrive, and how much may be sent; call it once a second."""
        tracks = self._publisher.tracks[:_MAX_BLOCKS]
        if not tracks:
            return
        packet = receiver_report([_block(track, now) for track in tracks])
        packet += source_description(OWN_SSRC, CNAME)
        ssrcs = [track.ssrc for track in tracks if _wants_estimate(track)]
        if ssrcs:
            packet += bitrate_estimate(BITRATE_BPS, ssrcs)
        self._tell(packet)


def _next_ask(track: Track) -> float:
    asked = track.keyframes.due()
    hole = track.missing.next_due() if track.missing is not None else None
    return min(_NEVER if asked is None else asked, _NEVER if hole is None else hole)


def _wants_estimate(track: Track) -> bool:
    feedback = track.section.feedback
    return "goog-remb" in feedback and "transport-cc" not in feedback


def _block(track: Track, now: float) -> ReportBlock:
    reception = track.reception
    clock = track.clock
    return ReportBlock(
        track.ssrc,
        reception.take_fraction_lost(),
        reception.lost,
        reception.highest,
        int(reception.jitter),
        clock.ntp >> 16 & 0xFFFFFFFF if clock else 0,
        int((now - clock.arrived) * 65536) if clock else 0,
    )
