"""Everybody's sound in one MP3, from the lecture's beginning: what existing clients play (B10)."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.error import BlockingIOError as NotYetError
from av.error import FFmpegError
from av.filter import Graph

from app.recording import opus
from app.recording.joining import Piece, Unit, sound

BIT_RATE: Final = 96_000
"""Of mono speech and some music at 48 kHz."""
CHUNK: Final = opus.RATE
"""Samples by which one source may be ahead of the others: what the mixer has to hold."""
_BASE: Final = Fraction(1, opus.RATE)
_FOLLOW: Final = "async=200:first_pts=0"
"""Stretch by up to 0.4 % where timestamps say so: publishers' crystals differ, and a file's length
must be the lecture's."""
_NO_INDEX: Final = {"write_xing": "1", "id3v2_version": "3"}


class _Source:
    """One publisher's sound, decoded up to wherever it is asked for."""

    def __init__(self, pieces: Sequence[Piece], entry: Any) -> None:
        self._units: Iterator[Unit] = sound(pieces, begin=0)
        self._decoder: Any = av.CodecContext.create("libopus", "r")
        self._entry = entry
        self.at = 0
        """In samples of the lecture."""
        self.is_over = False

    def advance(self, until: int) -> int:
        """Hand on what there is up to ``until``; return the bytes that went by."""
        taken = 0
        while self.at < until and not self.is_over:
            unit = next(self._units, None)
            if unit is None:
                self.is_over = True
                self._entry.push(None)
                break
            taken += len(unit.data)
            self.at = unit.at + unit.length
            with contextlib.suppress(FFmpegError):  # a damaged packet is a moment of silence
                for frame in self._decoder.decode(av.Packet(unit.data)):
                    frame.pts, frame.time_base = unit.at, _BASE
                    self._entry.push(frame)
        return taken


def mix(sources: Sequence[Sequence[Piece]], path: Path, seen: Callable[[int], None]) -> int:
    """Write an MP3 of all sources together; return its length in ms.

    ``seen`` hears the bytes of input that went by. Raises OSError.
    """
    graph = Graph()
    entries = [
        graph.add_abuffer(
            sample_rate=opus.RATE, format="s16", layout="stereo", time_base=_BASE, name=f"in{n}"
        )
        for n in range(len(sources))
    ]
    out = _wire(graph, entries)
    graph.configure()
    feeds = [_Source(pieces, entry) for pieces, entry in zip(sources, entries, strict=True)]
    with av.open(str(path), "w", format="mp3", container_options=_NO_INDEX) as container:
        stream: Any = container.add_stream("libmp3lame", rate=opus.RATE, layout="mono")
        stream.bit_rate = BIT_RATE
        samples = 0
        while not all(feed.is_over for feed in feeds):
            until = min(feed.at for feed in feeds if not feed.is_over) + CHUNK
            seen(sum(feed.advance(until) for feed in feeds))
            samples += _drain(out, stream, container, samples)
        samples += _drain(out, stream, container, samples)
        for packet in stream.encode(None):
            container.mux(packet)
    return samples * 1000 // opus.RATE


def _wire(graph: Graph, entries: Sequence[Any]) -> Any:
    mixer: Any = graph.add("amix", f"inputs={len(entries)}:duration=longest:normalize=0")
    for number, entry in enumerate(entries):
        follower = graph.add("aresample", f"{opus.RATE}:{_FOLLOW}")
        mono = graph.add("aformat", "sample_fmts=fltp:channel_layouts=mono")
        entry.link_to(follower)
        follower.link_to(mono)
        mono.link_to(mixer, 0, number)
    limiter = graph.add("alimiter", "limit=0.95:level=0")
    form = graph.add("aformat", f"sample_fmts=fltp:channel_layouts=mono:sample_rates={opus.RATE}")
    size = graph.add("asetnsamples", "n=1152:p=0")  # a frame of MP3
    out: Any = graph.add("abuffersink")
    for one, other in ((mixer, limiter), (limiter, form), (form, size), (size, out)):
        one.link_to(other)
    return out


def _drain(out: Any, stream: Any, container: Any, done: int) -> int:
    taken = 0
    while True:
        try:
            frame = out.pull()
        except (NotYetError, EOFError):
            return taken
        frame.pts, frame.time_base = done + taken, _BASE
        taken += frame.samples
        for packet in stream.encode(frame):
            container.mux(packet)
