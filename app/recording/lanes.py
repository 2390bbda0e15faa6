"""One source of one publisher on the lecture's timeline, whatever tracks carry it one by one."""

from collections.abc import Callable
from typing import Final, Protocol

from app.recording import opus
from app.recording.container import RATE, Format, MediaFile, picture_size
from app.recording.frames import Frame

FILL_SAMPLES: Final = 480
"""A hole of 10 ms in the sound is filled with silence; a smaller one is a timestamp's rounding."""
OVERLAP_SAMPLES: Final = 4_800
"""Sound that begins 100 ms before the end of what is written is left out."""
MOST_SILENCE_SECONDS: Final = 24 * 3600.0
"""Longer than any lecture: a hole beyond it is a defect of somebody's clock."""
FRAME_TICKS: Final = RATE // 30
"""How long a picture is said to last: until the next one, in truth."""


class Opener(Protocol):
    """Makes the file of a segment that begins at a moment of the lecture, in seconds."""

    def __call__(self, form: Format, start: float, size: tuple[int, int] | None) -> MediaFile: ...


class AudioLane:
    """Sound without holes: where nothing came there is true silence. Raises OSError as files do."""

    def __init__(self, form: Format, opened: Opener, closed: Callable[[MediaFile], None]) -> None:
        self.form = form
        self._opened = opened
        self._closed = closed
        self._file: MediaFile | None = None
        self._start = 0.0
        self._cursor = 0
        """Where what is written ends, in samples of the file."""
        self.late = 0

    @property
    def is_open(self) -> bool:
        return self._file is not None

    def write(self, packet: bytes, at: float) -> None:
        """Append one Opus packet that was taken at ``at``, in seconds of the lecture."""
        length = opus.samples(packet)
        if not length:
            return
        file = self._file
        if file is None:
            file = self._file = self._opened(self.form, max(0.0, at), None)
            self._start, self._cursor = max(0.0, at), 0
        target = round((at - self._start) * opus.RATE)
        if target < self._cursor - OVERLAP_SAMPLES:
            self.late += 1
            return
        self._fill(file, target)
        file.write(packet, max(self._cursor, target), length, True)
        self._cursor = max(self._cursor, target) + length

    def hold(self, until: float) -> None:
        """Let silence reach up to ``until``, if sound does not."""
        if self._file is not None:
            self._fill(self._file, round((until - self._start) * opus.RATE))

    def _fill(self, file: MediaFile, target: int) -> None:
        hole = target - self._cursor
        if not FILL_SAMPLES <= hole <= MOST_SILENCE_SECONDS * opus.RATE:
            return
        for packet, length in opus.silence(hole):
            file.write(packet, self._cursor, length, True)
            self._cursor += length

    def close(self, at: float | None = None) -> None:
        """End the file, at ``at`` if that is known. The next packet begins another one."""
        file = self._file
        if file is None:
            return
        try:
            if at is not None:
                self.hold(at)
        finally:
            self._file = None
            self._closed(file)


class VideoLane:
    """Pictures, each standing until the next. Raises OSError as files do."""

    def __init__(self, form: Format, opened: Opener, closed: Callable[[MediaFile], None]) -> None:
        self.form = form
        self._opened = opened
        self._closed = closed
        self._file: MediaFile | None = None
        self._start = 0.0
        self._last = -1
        self.late = 0

    @property
    def is_open(self) -> bool:
        return self._file is not None

    def write(self, frame: Frame, at: float) -> None:
        """Append a frame taken at ``at``, in seconds of the lecture; the first is a keyframe.

        Raises UnreadableError for a first one that no decoder can begin with.
        """
        file = self._file
        if file is None:
            if not frame.keyframe:
                self.late += 1
                return
            size = picture_size(self.form.codec, frame.data)
            file = self._file = self._opened(self.form, max(0.0, at), size)
            self._start, self._last = max(0.0, at), -1
        pts = max(self._last + 1, round((at - self._start) * RATE))
        file.write(frame.data, pts, FRAME_TICKS, frame.keyframe)
        self._last = pts

    def close(self, at: float | None = None) -> None:  # noqa: ARG002 (the last picture just stands)
        """End the file. The next keyframe begins another one."""
        file, self._file = self._file, None
        if file is not None:
            self._closed(file)
