"""Captions that are typed, and chapters that are marked."""

from typing import Annotated

from pydantic import Field

from app.lecture.captions import MAX_AGO_MS, MAX_CAPTION_CHARACTERS, MAX_TITLE_CHARACTERS
from app.transport.sio.messages.form import InRoom, ShortId


class CaptionLine(InRoom):
    text: Annotated[str, Field(min_length=1, max_length=MAX_CAPTION_CHARACTERS)]
    ago: Annotated[int, Field(ge=0, le=MAX_AGO_MS)] = 0
    clientCaptionId: ShortId | None = None  # noqa: N815


class ChapterMark(InRoom):
    title: Annotated[str, Field(min_length=1, max_length=MAX_TITLE_CHARACTERS)]
    clientChapterId: ShortId | None = None  # noqa: N815
