"""What a recording holds, read with FFmpeg's own demuxers and decoders."""

import array
from dataclasses import dataclass, field
from pathlib import Path

import av

from app.recording.model import Segment
from app.recording.spool import sidecar


@dataclass
class Contents:
    """One file, decoded as far as it goes."""

    duration: float = 0.0
    """Seconds to the end of the last packet."""
    packets: int = 0
    pictures: list[tuple[float, int, int]] = field(default_factory=list)
    """(time, width, height) of each decoded frame."""
    levels: list[float] = field(default_factory=list)
    """The loudest of each tenth of a second, 0 to 1."""


def contents(path: Path) -> Contents:
    found = Contents()
    samples = array.array("f")
    with av.open(str(path)) as container:
        stream = container.streams[0]
        for packet in container.demux(stream):
            if packet.pts is not None:  # the last one only flushes the decoder
                found.packets += 1
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                found.duration = max(found.duration, end)
            for frame in packet.decode():
                if stream.type == "video":
                    found.pictures.append((float(frame.time), frame.width, frame.height))
                else:
                    _place(samples, frame)
    for start in range(0, len(samples) - 4800, 4800):
        found.levels.append(max(map(abs, samples[start : start + 4800])))
    return found


def _place(samples: "array.array[float]", frame: av.AudioFrame) -> None:
    at = max(len(samples), round(frame.time * 48_000))
    samples.extend([0.0] * (at - len(samples)))
    plane = array.array("f" if "flt" in frame.format.name else "h", bytes(frame.planes[0]))
    step = 1 if frame.format.is_planar else len(frame.layout.channels)
    scale = 1.0 if plane.typecode == "f" else 1 / 32768
    samples.extend(value * scale for value in plane[: frame.samples * step : step])


def segments(folder: Path) -> dict[str, tuple[Segment, Path]]:
    """Return every segment below ``folder`` by its source; the last one of each."""
    found = {}
    for beside in sorted(folder.rglob("*.json")):
        segment = Segment.model_validate_json(beside.read_bytes())
        path = beside.with_name(segment.name)
        assert sidecar(path) == beside
        found[segment.source] = (segment, path)
    return found
