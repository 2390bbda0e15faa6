"""Segments of one source joined into one file that can be sought in; nothing is decoded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import structlog
from av.error import FFmpegError

from app.recording import opus
from app.recording.container import RATE, Format, picture_size
from app.recording.lanes import FILL_SAMPLES, FRAME_TICKS, OVERLAP_SAMPLES

log = structlog.get_logger(__name__)

HOLE_SECONDS: Final = 2.0
"""Pictures that are farther apart mean that there was none in between: the camera was off."""
OVERLAP_TICKS: Final = RATE // 5
"""Pictures that begin 200 ms before the end of what is written are left out."""
_WEBM: Final = {"cues_to_front": "1"}
_MP4: Final = {"movflags": "faststart"}


@dataclass(frozen=True, slots=True)
class Piece:
    """One segment's file, on this machine."""

    path: Path
    start_ms: int


@dataclass(frozen=True, slots=True)
class Unit:
    """One packet on the lecture's timeline, in ticks of its kind's clock."""

    data: bytes
    at: int
    length: int
    keyframe: bool
    is_filler: bool = False


@dataclass(slots=True)
class Joined:
    """What a file holds, in ms of the lecture."""

    start_ms: int
    end_ms: int
    active: list[tuple[int, int]] = field(default_factory=list)


def packets(piece: Piece, rate: int) -> Iterator[Unit]:
    """Yield a file's packets as far as it is sound: one that was cut short ends where it does."""
    offset = piece.start_ms * rate // 1000
    try:
        with av.open(str(piece.path)) as container:
            stream: Any = container.streams[0]
            for packet in container.demux(stream):
                if packet.pts is None or packet.time_base is None:
                    continue
                at = round(packet.pts * packet.time_base * rate)
                length = round((packet.duration or 0) * packet.time_base * rate)
                data = bytes(packet)
                if stream.name == "h264":
                    data = to_byte_stream(data)
                yield Unit(data, offset + at, length, bool(packet.is_keyframe))
    except FFmpegError as error:
        log.info("a segment ends early", file=piece.path.name, reason=str(error))


def to_byte_stream(sample: bytes) -> bytes:
    """Return an MP4 sample of H.264 (4-byte lengths, ISO 14496-15 §5.3) in annex B's format."""
    units = bytearray()
    position = 0
    while position + 4 <= len(sample):
        size = int.from_bytes(sample[position : position + 4])
        units += b"\0\0\0\1" + sample[position + 4 : position + 4 + size]
        position += 4 + size
    return bytes(units)


def sound(pieces: Sequence[Piece], begin: int | None = None) -> Iterator[Unit]:
    """Yield the Opus packets of all pieces, holes filled with silence; from ``begin`` on, in
    samples of the lecture, where that is given, else from the first packet."""
    cursor = begin
    for piece in pieces:
        for unit in packets(piece, opus.RATE):
            length = opus.samples(unit.data)
            cursor = unit.at if cursor is None else cursor
            if not length or unit.at < cursor - OVERLAP_SAMPLES:
                continue
            hole = unit.at - cursor
            for filler, filled in opus.silence(hole) if hole >= FILL_SAMPLES else ():
                yield Unit(filler, cursor, filled, True, is_filler=True)
                cursor += filled
            cursor = max(cursor, unit.at)
            yield Unit(unit.data, cursor, length, True)
            cursor += length


def pictures(pieces: Sequence[Piece]) -> Iterator[Unit]:
    """Yield the frames of all pieces; where two overlap, the earlier one's, up to a keyframe."""
    cursor: int | None = None
    for piece in pieces:
        begun = False
        for unit in packets(piece, RATE):
            if not begun and not unit.keyframe:
                continue
            if cursor is not None and unit.at < cursor - OVERLAP_TICKS:
                begun = False
                continue
            begun = True
            cursor = unit.at if cursor is None else max(unit.at, cursor + 1)
            yield Unit(unit.data, cursor, FRAME_TICKS, unit.keyframe)


class Joiner:
    """Writes one finished file."""

    def __init__(self, form: Format, path: Path) -> None:
        self._form = form
        options = _MP4 if form.container == "mp4" else _WEBM
        self._container: Any = av.open(
            str(path), "w", format=form.container, container_options=options
        )
        self._stream: Any = None

    def join(self, pieces: Sequence[Piece], seen: Callable[[int], None]) -> Joined | None:
        """Write all pieces; ``seen`` hears the bytes that went by. None where there is nothing.

        Raises OSError.
        """
        is_sound = self._form.codec == "opus"
        rate = opus.RATE if is_sound else RATE
        joined: Joined | None = None
        first = 0
        for unit in sound(pieces) if is_sound else pictures(pieces):
            if joined is None:
                if not unit.keyframe:
                    continue
                first = unit.at
                joined = Joined(_ms(first, rate), 0)
                self._open(unit, rate)
            self._write(unit, first, rate)
            joined.end_ms = _ms(unit.at + unit.length, rate)
            _extend(joined.active, _ms(unit.at, rate), joined.end_ms, unit.is_filler)
            seen(len(unit.data))
        self._container.close()
        return joined

    def _open(self, unit: Unit, rate: int) -> None:
        if self._form.codec == "opus":
            self._stream = self._container.add_stream("libopus", rate=rate)
            return
        width, height = picture_size(self._form.codec, unit.data)
        self._stream = self._container.add_mux_stream(self._form.codec, width=width, height=height)
        self._stream.time_base = Fraction(1, rate)

    def _write(self, unit: Unit, first: int, rate: int) -> None:
        packet: Any = av.Packet(unit.data)
        packet.stream = self._stream
        packet.time_base = Fraction(1, rate)
        packet.pts = packet.dts = unit.at - first
        packet.duration = unit.length
        packet.is_keyframe = unit.keyframe
        self._container.mux_one(packet)


def _ms(ticks: int, rate: int) -> int:
    return round(ticks * 1000 / rate)


def _extend(active: list[tuple[int, int]], begin: int, end: int, is_filler: bool) -> None:
    """Note that something is there from ``begin`` to ``end``, in a run with what is close."""
    if is_filler:
        return
    if active and begin - active[-1][1] < HOLE_SECONDS * 1000:
        active[-1] = (active[-1][0], end)
    else:
        active.append((begin, end))
