"""The recogniser of our own hears a synthetic voice: real sound, the engine in its process."""

import shutil
import subprocess
from pathlib import Path

import pytest

from app.core.ids import LectureId
from app.subtitles import sphinx
from app.subtitles.model import Audio, SpeechError
from app.subtitles.sphinx import Sphinx

SAID = "The weather is good today. Please open the window."


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """Speech, with two seconds of silence before it."""
    raw, whole = tmp_path / "raw.wav", tmp_path / "spoken.mp3"
    voice = shutil.which("flite")
    assert voice is not None, "flite is not installed (tests/setup/components.sh)"
    subprocess.run([voice, "-voice", "slt", "-t", SAID, "-o", str(raw)], check=True, timeout=60)
    _encode(raw, whole, silence_seconds=2)
    return whole


def _encode(source: Path, target: Path, silence_seconds: int) -> None:
    """Make an mp3 of 48 kHz, as recordings are."""
    import av

    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        stream = made.add_stream("libmp3lame", rate=48_000)
        resampler = av.AudioResampler(format="s16p", layout="mono", rate=48_000)
        frames = [piece for frame in given.decode(audio=0) for piece in resampler.resample(frame)]
        silence = av.AudioFrame(format="s16p", layout="mono", samples=48_000)
        silence.sample_rate = 48_000
        silence.planes[0].update(bytes(silence.planes[0].buffer_size))
        clock = 0
        for frame in [silence] * silence_seconds + frames:
            frame.pts = clock
            clock += frame.samples
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))


@pytest.fixture
def engine(tmp_path: Path) -> Sphinx:
    async def fetch(key: str, path: Path) -> None:
        shutil.copy(tmp_path / key, path)

    return Sphinx(fetch)


async def test_it_hears_what_was_said_and_when(engine: Sphinx, spoken: Path) -> None:
    assert sphinx.is_installed()
    percents: list[int] = []

    async def progress(percent: int) -> None:
        percents.append(percent)

    found = await engine.recognise(LectureId("a" * 32), Audio("", spoken.name), progress)
    words = set(" ".join(text for _, _, text in found).split())
    expected = set(SAID.lower().replace(".", "").split())
    # It is what it is (docs/decisions/0112): most words of clear, read English.
    assert len(words & expected) >= len(expected) * 0.6, words
    start, end, _ = found[0]
    assert 1500 <= start <= 2600
    assert end is not None
    assert end > start
    assert all(0 <= percent <= 99 for percent in percents)


async def test_what_is_no_sound_is_refused_for_good(engine: Sphinx, tmp_path: Path) -> None:
    (tmp_path / "x.mp3").write_bytes(b"this is no sound" * 100)

    async def progress(_: int) -> None:
        return

    with pytest.raises(SpeechError) as refused:
        await engine.recognise(LectureId("a" * 32), Audio("", "x.mp3"), progress)
    assert not refused.value.retriable
