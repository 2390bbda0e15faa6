"""The child process that hears: ``python -m app.subtitles.sphinx_worker FILE``.

A line of JSON per finding on standard output: ``{start, end, text}`` in ms, or ``{percent}``. It
takes the machine's spare time only.
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

RATE = 16_000
"""Samples per second: what the model was trained on."""

SAY_EVERY = 5 * RATE
"""Samples between two words on how far it is."""


def samples(path: str) -> Iterator[tuple[bytes, int]]:
    """Give a file's sound as 16-bit mono, with the percentage that is read."""
    import av  # noqa: PLC0415 (in the child alone)

    with av.open(path) as container:
        stream = container.streams.audio[0]
        whole = (container.duration or 0) / 1_000_000
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        for frame in container.decode(stream):
            percent = round(100 * (frame.time or 0) / whole) if whole else 0
            for piece in resampler.resample(frame):
                yield bytes(piece.planes[0])[: piece.samples * 2], percent
        for piece in resampler.resample(None):
            yield bytes(piece.planes[0])[: piece.samples * 2], 100


def hear(path: str) -> Iterator[dict[str, Any]]:
    """Give what is found, as it is found."""
    from pocketsphinx import Decoder, Endpointer  # noqa: PLC0415 (an optional part)

    ends = Endpointer(sample_rate=RATE)
    decoder = Decoder(samprate=float(RATE), loglevel="FATAL")
    size = ends.frame_bytes
    waiting, heard, said = b"", 0, 0
    for piece, percent in samples(path):
        waiting += piece
        while len(waiting) > size:
            frame, waiting = waiting[:size], waiting[size:]
            yield from _take(ends, decoder, ends.in_speech, ends.process(frame))
            heard += size // 2
        if heard - said >= SAY_EVERY:
            said = heard
            yield {"percent": min(99, percent)}
    was = ends.in_speech
    yield from _take(ends, decoder, was, ends.end_stream(waiting))


def _take(
    ends: Any, decoder: Any, was_speech: bool, speech: bytes | None
) -> Iterator[dict[str, Any]]:
    if speech is None:
        return
    if not was_speech:
        decoder.start_utt()
    decoder.process_raw(speech)
    if ends.in_speech:
        return
    decoder.end_utt()
    found = decoder.hyp()
    if found is not None and found.hypstr:
        start, end = round(ends.speech_start * 1000), round(ends.speech_end * 1000)
        yield {"start": start, "end": max(start, end), "text": found.hypstr}


def main() -> None:
    """Hear one file."""
    os.nice(19)
    for said in hear(sys.argv[1]):
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
