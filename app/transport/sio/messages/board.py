"""Boards: whole snapshots as existing clients send them, and elements."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from app.core.ids import RoomId
from app.transport.sio import config
from app.transport.sio.messages.form import InRoom, LimitError, Message, Number, Room, ShortId
from app.whiteboard.model import (
    IDENTITY,
    MAX_VERSION,
    Board,
    Clear,
    Delete,
    Drawers,
    Drawing,
    Operation,
    Put,
    Viewport,
)
from app.whiteboard.service import MAX_ELEMENT, MAX_OPERATIONS


def _binary(value: object) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ValueError("objects must be binary")  # noqa: TRY004 (pydantic wants ValueError)
    data = bytes(value)
    if len(data) > config.MAX_BOARD_BYTES:
        raise LimitError(f"a board has at most {config.MAX_BOARD_BYTES} bytes of objects")
    return data


Objects = Annotated[bytes, BeforeValidator(_binary)]


class BoardContent(Message):
    """A board snapshot; see ``whiteboard.model.Board`` for what empty objects mean."""

    objects: Objects = b""
    viewport: Annotated[list[Number], Field(min_length=6, max_length=6)] = Field(
        default_factory=lambda: list(IDENTITY)
    )
    eventTime: Number = 0.0  # noqa: N815 (the clients' spelling)
    width: Number = 0.0
    height: Number = 0.0

    def board(self) -> Board:
        a, b, c, d, e, f = self.viewport
        view: Viewport = (a, b, c, d, e, f)
        return Board(self.objects, view, self.eventTime, self.width, self.height)


class WhiteboardInit(Message):
    roomId: Room  # noqa: N815
    whiteboardDetails: BoardContent  # noqa: N815

    @property
    def room(self) -> RoomId:
        return RoomId(self.roomId)


class Edit(InRoom):
    content: BoardContent


_ELEMENT_ID = re.compile(r"[\x21-\x7e]{1,64}")
_LOOSE = re.compile(r"[\x00-\x1f\x7f]")


def _count(value: object, least: int, most: int, name: str) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}")
    return value


def _operation(value: object) -> Operation:
    """Read one operation of a draw; a put of a deleted element is its removal."""
    if isinstance(value, Mapping):
        if isinstance(value.get("put"), Mapping):
            return _put(value["put"])
        if "del" in value:
            version = _count(value.get("version"), 0, MAX_VERSION, "version")
            return Delete(_element_id(value["del"]), version)
        if value.get("clear") is True:
            page = value.get("page")
            return Clear(None if page is None else _count(page, 0, config.MAX_PAGE, "page"))
    raise ValueError("an operation is {put}, {del, version} or {clear: true}")


def _put(element: Mapping[str, Any]) -> Operation:
    ident = _element_id(element.get("id"))
    version = _count(element.get("version"), 0, MAX_VERSION, "version")
    nonce = _count(element.get("versionNonce"), 0, MAX_VERSION, "versionNonce")
    page = _count(element.get("page", 0), 0, config.MAX_PAGE, "page")
    if element.get("isDeleted") is True:
        return Delete(ident, version)
    try:
        text = orjson.dumps(element)
    except TypeError as fault:
        raise ValueError("an element is JSON") from fault
    if len(text) > MAX_ELEMENT:
        raise LimitError(f"an element has at most {MAX_ELEMENT} bytes")
    return Put(ident, version, nonce, page, text)


def _element_id(value: object) -> str:
    if not isinstance(value, str) or not _ELEMENT_ID.fullmatch(value):
        raise ValueError("an element's id has 1 to 64 visible ASCII characters")
    return value


def _operations(value: object) -> list[Operation]:
    if not isinstance(value, list) or not value:
        raise ValueError("a list of operations is needed")
    if len(value) > MAX_OPERATIONS:
        raise LimitError(f"a draw has at most {MAX_OPERATIONS} operations")
    return [_operation(item) for item in value]


def _person(text: str) -> str:
    if _LOOSE.search(text):
        raise ValueError("an e-mail, or an id as `people` has it, is needed")
    return text


class Draw(InRoom):
    opId: ShortId  # noqa: N815
    ops: Annotated[list[Operation], PlainValidator(_operations)]


class DrawingMessage(InRoom):
    """Who may draw beside the presenter."""

    mode: Drawers
    members: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=254), AfterValidator(_person)]],
        Field(max_length=200),
    ] = Field(default_factory=list)

    def drawing(self) -> Drawing:
        """Return the rule; names count in the mode ``list`` alone."""
        named = tuple(dict.fromkeys(self.members)) if self.mode == "list" else ()
        return Drawing(self.mode, named)


class PageMessage(InRoom):
    page: Annotated[int, Field(ge=0, le=config.MAX_PAGE)]
