"""The files of a recording once it is whole, and which segments become which of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from app.core.ids import LectureId
from app.recording.model import Segment


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One file of a finished recording; its time begins at ``start_ms`` of the lecture."""

    name: str
    kind: Literal["audio", "video", "mix"]
    """``mix``: the sound of everybody, from the lecture's beginning (``start_ms`` is 0)."""
    publisher: str
    """``presenter``, ``speaker-…``, or ``all``."""
    source: str
    codec: str
    content_type: str
    bytes: int
    start_ms: int
    end_ms: int
    active: tuple[tuple[int, int], ...]
    """[begin, end] in ms of the lecture: a camera that was off has a hole, not a standing face."""


def mix_name(lecture: LectureId) -> str:
    """Return the name under which existing clients know a lecture's sound."""
    return f"lecture-{lecture}.mp3"


def key_of(lecture: LectureId, name: str) -> str:
    """Return the storage's key of a finished file."""
    return f"{lecture}/{name}"


Group = tuple[str, str, str]
"""Publisher, source and codec: what goes into one file."""


def grouped(segments: Iterable[Segment]) -> dict[Group, list[Segment]]:
    """Return the segments of each file-to-be, in time; who presents comes first."""
    groups: dict[Group, list[Segment]] = {}
    for one in sorted(segments, key=lambda s: (s.publisher != "presenter", s.start_ms, s.name)):
        groups.setdefault((one.publisher, one.source, one.codec), []).append(one)
    return groups


def final_name(group: Group, suffix: str) -> str:
    """Return a finished file's name."""
    publisher, source, codec = group
    return f"{publisher}-{source}-{codec}.{suffix}"
