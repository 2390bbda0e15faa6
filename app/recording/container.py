"""Media files that are playable up to the last second, whatever ends them: WebM, fragmented MP4."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.codec.context import CodecContext
from av.error import FFmpegError

PIECE_MS: Final = 1_000
"""A cluster, or a fragment, is written whole when it is so long: what a crash can cost."""
RATE = 90_000
"""Ticks of a second in which video is timed."""

_WEBM = {"cluster_time_limit": str(PIECE_MS), "flush_packets": "1"}
_MP4 = {
    "movflags": "empty_moov+default_base_moof",
    "frag_duration": str(PIECE_MS * 1000),
    "flush_packets": "1",
}


@dataclass(frozen=True, slots=True)
class Format:
    """How a codec is kept."""

    codec: str
    """FFmpeg's name."""
    container: str
    suffix: str
    content_type: str


_FORMATS = {
    "opus": Format("opus", "webm", "webm", "audio/webm"),
    "vp8": Format("vp8", "webm", "webm", "video/webm"),
    "vp9": Format("vp9", "webm", "webm", "video/webm"),
    "av1": Format("av1", "webm", "webm", "video/webm"),
    "h264": Format("h264", "mp4", "mp4", "video/mp4"),
}


def format_of(codec: str) -> Format | None:
    """Return how a ``Codec.key`` is kept, or None for one that is not."""
    return _FORMATS.get(codec.partition("/")[0])


class UnreadableError(Exception):
    """A keyframe that no decoder can begin with."""


def picture_size(codec: str, keyframe: bytes) -> tuple[int, int]:
    """Return (width, height) of a keyframe. Raises UnreadableError.

    It is decoded, the only one of a file that is: each codec says its size in a place of its own,
    and a container must know it before its first frame.
    """
    # FFmpeg's own "av1" decodes by graphics hardware alone.
    decoder: Any = CodecContext.create("libdav1d" if codec == "av1" else codec, "r")
    decoder.thread_count = 1
    try:
        for packet in (av.Packet(keyframe), None):
            for frame in decoder.decode(packet):
                return frame.width, frame.height
    except FFmpegError as error:
        raise UnreadableError(str(error)) from error
    raise UnreadableError("this keyframe has no picture")


class MediaFile:
    """One track in one file; its time begins at 0.

    Guarantees that what was written more than ``PIECE_MS`` ago is in the file, and that the file
    is playable as far as that, whatever happens to this process. ``write`` and ``close`` raise
    OSError when the disk is full or broken: the file is playable to the cut all the same.
    """

    def __init__(self, path: Path, form: Format, size: tuple[int, int] | None = None) -> None:
        """Open ``path``; ``size`` is of a video's first picture. Raises OSError."""
        options = _MP4 if form.container == "mp4" else _WEBM
        self.path = path
        self.bytes_written = 0
        self._container: Any = av.open(
            str(path), "w", format=form.container, container_options=options
        )
        if size is None:
            # An encoder that never encodes: it writes the header that players want (RFC 7845 §5.1).
            self._stream: Any = self._container.add_stream("libopus", rate=48_000)
            self._base = Fraction(1, 48_000)
        else:
            width, height = size
            self._stream = self._container.add_mux_stream(form.codec, width=width, height=height)
            self._stream.time_base = self._base = Fraction(1, RATE)

    def write(self, data: bytes, pts: int, duration: int, keyframe: bool) -> None:
        """Append one packet at ``pts`` (48 kHz samples, or ``RATE`` for video); they ascend."""
        packet: Any = av.Packet(data)
        packet.stream = self._stream
        packet.time_base = self._base
        packet.pts = packet.dts = pts
        packet.duration = duration
        packet.is_keyframe = keyframe
        try:
            self._container.mux_one(packet)
        except FFmpegError as error:
            raise _as_os_error(error) from error
        self.bytes_written += len(data)

    def close(self) -> None:
        """Write what is left. Safe to call twice, and after an OSError."""
        container, self._container = self._container, None
        if container is None:
            return
        try:
            container.close()
        except FFmpegError as error:
            raise _as_os_error(error) from error


def _as_os_error(error: FFmpegError) -> OSError:
    if isinstance(error, OSError):
        return error
    return OSError(error.errno or 0, str(error))
