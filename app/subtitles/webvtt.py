"""Captions as WebVTT (W3C Candidate Recommendation, 4 April 2019). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cue:
    """One line; times in milliseconds since the lecture began."""

    start_ms: int
    end_ms: int
    text: str


def write_webvtt(cues: Iterable[Cue]) -> str:
    """Return a file that any player reads; cues without text or time are left out."""
    parts = ["WEBVTT\n"]
    for cue in sorted(cues, key=lambda one: one.start_ms):
        text = _text(cue.text)
        if text and cue.end_ms > cue.start_ms >= 0:
            parts.append(f"{_time(cue.start_ms)} --> {_time(cue.end_ms)}\n{text}\n")
    return "\n".join(parts)


def _time(milliseconds: int) -> str:
    """§4.2: hours of two digits or more, and always three of a second."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}.{rest:03d}"


def _text(text: str) -> str:
    """§4.3: no blank line, no arrow, and ``&`` and ``<`` are written as what they are."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    whole = "\n".join(line for line in lines if line)
    return whole.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
