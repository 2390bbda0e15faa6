"""What a relay's recorders counted, one after the other, as figures of the relay."""

from app.recording.model import FaultReason
from app.recording.wire import Counted


class Counts:
    """Counters only grow: those of a recorder that ended are the beginning of the next one's."""

    def __init__(self) -> None:
        self._now = Counted()
        """Of the recorder that runs,"""
        self._before = Counted()
        """and of those before it, together."""
        self._failures: dict[FaultReason, int] = {
            "disk_full": 0,
            "write_failed": 0,
            "recorder_down": 0,
        }

    def take(self, said: Counted) -> None:
        """Note what the recorder that runs says of itself."""
        self._now = said

    def fail(self, reason: FaultReason) -> None:
        """Count a failure."""
        self._failures[reason] += 1

    def begin_anew(self) -> None:
        """A recorder ended: the next one counts from nothing."""
        before = self._before.model_dump(exclude={"op"})
        now = self._now.model_dump()
        summed = {name: before[name] + now[name] for name in before}
        self._before, self._now = Counted(**summed), Counted()

    def figures(self, recordings: int, dropped: int) -> dict[str, int]:
        """Return gauges and counters; ``dropped``: packets that the relay itself did not send."""
        now = self._now
        before = self._before
        found = {
            "recordings": recordings,
            "recording_segments_pending": now.segments_pending,
            "recording_bytes": before.bytes_written + now.bytes_written,
        }
        for place, packets in (
            ("relay", dropped),
            ("recorder", before.messages_dropped + now.messages_dropped),
            ("late", before.packets_late + now.packets_late),
            ("frame", before.frames_dropped + now.frames_dropped),
        ):
            found[f'recording_drops{{place="{place}"}}'] = packets
        for reason, times in self._failures.items():
            found[f'recording_failures{{reason="{reason}"}}'] = times
        return found
