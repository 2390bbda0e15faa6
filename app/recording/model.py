"""What a recording is made of, as values."""

import secrets
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from app.core.ids import LectureId
from app.relay.core.media import Kind, SourceName

FaultReason = Literal["disk_full", "write_failed", "recorder_down"]


class Segment(BaseModel):
    """A piece of one source, in one file whose time begins at ``start_ms`` of the lecture.

    Its JSON stands beside the file from before the file's first byte, so that a file that a crash
    left behind says by itself what it is.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    """The file's, with its suffix; unique within the lecture."""
    lecture: LectureId
    publisher: str
    """``presenter``, or ``speaker-`` and a name that tells nothing of who it is."""
    source: SourceName
    kind: Kind
    codec: str
    """FFmpeg's name."""
    content_type: str
    start_ms: int


def new_segment_name(publisher: str, source: str, start_ms: int, suffix: str) -> str:
    """Return a file name that sorts by time and is given once."""
    return f"{start_ms:09d}-{publisher}-{source}-{secrets.token_hex(3)}.{suffix}"


@dataclass(frozen=True, slots=True)
class RecordingState:
    """Whether a live lecture is being recorded, as everybody in it is told."""

    state: Literal["off", "on", "failed"] = "off"
    """``failed``: it should be and cannot; it goes on by itself when it can."""
    since: str | None = None
    """ISO 8601: when it was switched on."""
    reason: FaultReason | None = None

    @property
    def is_wanted(self) -> bool:
        return self.state != "off"
