"""JSON bodies of a lecture's record, both ways (docs/protocol-rest.md)."""

import base64
import binascii
import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.archive.deletion import MAX_RETENTION_DAYS
from app.archive.entries import MAX_SEGMENTS
from app.archive.record import NO_OBJECTS
from app.transport.http.bodies import Person

MAX_OBJECTS = 1024 * 1024
MAX_TEXT_CHARS = 10_000
MAX_MS = 7 * 24 * 3600 * 1000


class ArchiveCounts(BaseModel):
    board: int
    questions: int
    captions: int
    speech: int
    chapters: int
    attendance: int


class ArchiveGap(BaseModel):
    """Events that happened and are not in the archive."""

    from_seq: int
    to_seq: int
    at: int
    what: str


class ArchiveBoard(BaseModel):
    kind: Literal["whole", "elements"]
    last_seq: int


class SubtitleState(BaseModel):
    state: str
    percent: int


class ArchiveSummary(BaseModel):
    """A lecture, and what there is of it."""

    id: str
    title: str
    description: str
    presenter: Person
    state: str = Field(description="live, archiving, ready, incomplete, none")
    started_at: str | None
    ended_at: str | None
    duration: int = Field(description="Milliseconds.")
    retention_days: int | None
    expires_at: str | None
    gaps: list[ArchiveGap]
    counts: ArchiveCounts
    board: ArchiveBoard
    subtitles: SubtitleState
    recordings: dict[str, Any]
    is_owner: bool


class Items(BaseModel):
    """A page; ``next`` is what the next one is asked for with."""

    items: list[dict[str, Any]]
    next: int | str | None


class Retention(BaseModel):
    retention_days: Annotated[int | None, Field(ge=1, le=MAX_RETENTION_DAYS)]


class RetentionSet(BaseModel):
    retention_days: int | None
    expires_at: str | None


class PostedLog(BaseModel):
    """One board, as the media server of existing installations posts it."""

    model_config = ConfigDict(extra="ignore")

    objects: bytes
    viewport: Annotated[list[float], Field(min_length=6, max_length=6)]
    eventTime: Annotated[float, Field(ge=0, le=1e15)]  # noqa: N815
    width: Annotated[float, Field(ge=0, le=1e9)] = 0
    height: Annotated[float, Field(ge=0, le=1e9)] = 0

    @field_validator("objects", mode="before")
    @classmethod
    def _bytes(cls, value: object) -> object:
        """Take an array of byte values, Node's form of a Buffer, or base64."""
        if isinstance(value, dict):
            value = value.get("data")
        try:
            if isinstance(value, str):
                value = base64.b64decode(value, validate=True)
            elif isinstance(value, list):
                value = bytes(value)
        except (ValueError, TypeError, binascii.Error):
            raise ValueError("an array of byte values, or base64") from None
        if not isinstance(value, bytes):
            raise ValueError("an array of byte values, or base64")  # noqa: TRY004 (pydantic's)
        if len(value) > MAX_OBJECTS:
            raise ValueError("at most 1 MiB")
        return value or NO_OBJECTS

    @field_validator("viewport", mode="after")
    @classmethod
    def _finite(cls, value: list[float]) -> list[float]:
        if not all(math.isfinite(number) for number in value):
            raise ValueError("finite numbers")
        return value

    def view(self) -> dict[str, Any]:
        """Return it without its objects."""
        return {
            "viewport": self.viewport,
            "eventTime": self.eventTime,
            "width": self.width,
            "height": self.height,
        }


class Stored(BaseModel):
    stored: bool


class SegmentBody(BaseModel):
    """A piece of recognised speech; times in milliseconds."""

    model_config = ConfigDict(extra="ignore")

    start: Annotated[float, Field(ge=0, le=MAX_MS)]
    end: Annotated[float | None, Field(ge=0, le=MAX_MS)] = None
    textEdited: Annotated[str | None, Field(max_length=MAX_TEXT_CHARS)] = None  # noqa: N815
    text: Annotated[str | None, Field(max_length=MAX_TEXT_CHARS)] = None

    def segment(self) -> tuple[int, int | None, str]:
        text = self.textEdited if self.textEdited is not None else self.text or ""
        return round(self.start), None if self.end is None else round(self.end), text


class SpeechText(BaseModel):
    """What a recogniser found. ``result`` says why it found nothing, where it did not."""

    model_config = ConfigDict(extra="ignore")

    segments: Annotated[list[SegmentBody], Field(max_length=MAX_SEGMENTS)] = []
    result: Annotated[str | None, Field(max_length=64)] = None
    message: Annotated[str | None, Field(max_length=1000)] = None


class StoredText(BaseModel):
    stored: int


class Confirmation(BaseModel):
    password: Annotated[str, Field(max_length=1000)]


class ErasedPerson(BaseModel):
    erased: Literal[True] = True
    lectures: int
    pending: int
