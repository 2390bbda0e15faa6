"""What an assembly of a recording is told, and what it says of its work: JSON, a line each.

In a file of its own, so that the api process that orders one does not load FFmpeg to do so.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.core.ids import LectureId
from app.recording.segments import RecordedFile


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Order(_Message):
    """What is to be made whole. ``finals`` are files of an earlier time: late segments join them.

    Unless ``is_last_call``, segments that were announced and have not come are waited for.
    """

    lecture: LectureId
    finals: list[RecordedFile]
    is_last_call: bool


class Advanced(_Message):
    kind: Literal["advanced"] = "advanced"
    percent: int


class Incomplete(_Message):
    """Segments were announced that have not come yet: try again in a moment."""

    kind: Literal["incomplete"] = "incomplete"
    missing: int


class Away(_Message):
    """The storage or this machine's disk cannot be used now."""

    kind: Literal["away"] = "away"
    reason: str


class Assembled(_Message):
    """The files are in the storage; ``used`` are the segments' keys, of no use any more."""

    kind: Literal["assembled"] = "assembled"
    files: list[RecordedFile]
    audio: str | None
    used: list[str]


Report = Annotated[Advanced | Incomplete | Away | Assembled, Field(discriminator="kind")]
REPORTS: TypeAdapter[Report] = TypeAdapter(Report)
