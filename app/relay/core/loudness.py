"""Who speaks, and how loud everybody is (RFC 6464 levels)."""

from app.core.ids import PeerId

EVERY_SECONDS = 0.34
"""Between two looks: events come at most three times a second."""
SPEECH = 50
"""-dBov: what is quieter is no speech."""
SILENT = 127
QUIET_SECONDS = 1.0
"""After so long without speech nobody is the speaker."""
LOUDER = 6
"""dB by which another must be louder than the speaker to take over; pauses of a breath stay."""
STEP = 3
"""dB: a smaller change of level is no news."""


class Loudness:
    """Fed with every microphone's loudest level since the last look, in -dBov."""

    def __init__(self) -> None:
        self.speaker: PeerId | None = None
        self._spoke_at = 0.0
        self._smoothed: dict[PeerId, float] = {}
        self._told: dict[PeerId, int] = {}

    def look(self, levels: dict[PeerId, int], now: float) -> bool:
        """Take in levels; return True if the speaker is another than before."""
        smoothed = self._smoothed
        self._smoothed = {
            peer: 0.5 * smoothed.get(peer, level) + 0.5 * level for peer, level in levels.items()
        }
        before = self.speaker
        if before is not None and levels.get(before, SILENT) <= SPEECH:
            self._spoke_at = now
        loudest = min(self._smoothed, key=lambda peer: self._smoothed[peer], default=None)
        if loudest is not None and levels[loudest] <= SPEECH and loudest != before:
            held = self._smoothed.get(before, SILENT) if before is not None else SILENT
            if self._smoothed[loudest] <= held - LOUDER:
                self.speaker = loudest
                self._spoke_at = now
        is_gone = self.speaker is not None and self.speaker not in levels
        if is_gone or now - self._spoke_at >= QUIET_SECONDS:
            self.speaker = None
        return self.speaker != before

    def take_news(self, levels: dict[PeerId, int]) -> tuple[tuple[PeerId, int], ...] | None:
        """Return (peer, dBov), the loudest first, or None if nothing changed worth telling."""
        told = self._told
        is_news = levels.keys() != told.keys() or any(
            abs(level - told[peer]) >= STEP for peer, level in levels.items()
        )
        if not is_news:
            return None
        self._told = dict(levels)
        return tuple((peer, -level) for peer, level in sorted(levels.items(), key=lambda i: i[1]))
