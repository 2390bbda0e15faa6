"""WebVTT as the specification writes it."""

from app.subtitles.webvtt import Cue, write_webvtt


def test_cues_are_in_order_and_escaped() -> None:
    cues = [
        Cue(3_723_004, 3_725_000, "second"),
        Cue(0, 1500, "a < b & c --> d\n\nnext\tline"),
        Cue(5, 5, "no time"),
        Cue(7, 9, "  \n "),
    ]
    assert write_webvtt(cues) == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.500\na &lt; b &amp; c --&gt; d\nnext line\n\n"
        "01:02:03.004 --> 01:02:05.000\nsecond\n"
    )


def test_a_file_without_cues_is_a_file() -> None:
    assert write_webvtt([]) == "WEBVTT\n"


def test_a_very_long_lecture() -> None:
    assert "100:00:00.000 --> 100:00:01.000" in write_webvtt([Cue(360_000_000, 360_001_000, "x")])
