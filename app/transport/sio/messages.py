"""What clients send, as closed models: nothing reaches a handler that is not one of these.

Field names are the clients' own spelling. Fields that we do not know are ignored, because
existing clients send some; fields that we know are checked.
"""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
)

from app.core.errors import BadOffer, BadRequest, LecternError, TooLarge
from app.core.ids import PeerId, QuestionId, RoomId, is_room_id
from app.lecture.model import Offer
from app.relay.messages import Source
from app.transport.sio import config
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


class _Message(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", strict=True, arbitrary_types_allowed=True
    )


class _LimitError(ValueError):
    """A value over a stated limit; becomes ``too_large`` rather than ``bad_request``."""


def _room(text: str) -> str:
    if not is_room_id(text):
        raise ValueError("a lecture's code has six digits")
    return text


def _binary(value: object) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ValueError("objects must be binary")  # noqa: TRY004 (pydantic wants ValueError)
    data = bytes(value)
    if len(data) > config.MAX_BOARD_BYTES:
        raise _LimitError(f"a board has at most {config.MAX_BOARD_BYTES} bytes of objects")
    return data


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number is needed")  # noqa: TRY004 (pydantic wants ValueError)
    try:
        number = float(value)
    except OverflowError as fault:
        raise ValueError("a finite number is needed") from fault
    if not math.isfinite(number):
        raise ValueError("a finite number is needed")
    return number


def _sdp(text: str) -> str:
    if len(text.encode()) > config.MAX_OFFER_BYTES:
        raise _LimitError(f"an offer has at most {config.MAX_OFFER_BYTES} bytes")
    if not text.startswith("v=0"):
        raise ValueError("no session description")
    return text


def _question(text: str) -> str:
    trimmed = text.strip()
    if not trimmed:
        raise ValueError("the question is empty")
    if len(trimmed) > config.MAX_QUESTION_CHARS:
        raise _LimitError(f"a question has at most {config.MAX_QUESTION_CHARS} characters")
    return trimmed


def _answer(text: str) -> str:
    trimmed = text.strip()
    if not trimmed:
        raise ValueError("the answer is empty")
    if len(trimmed) > config.MAX_ANSWER_CHARS:
        raise _LimitError(f"an answer has at most {config.MAX_ANSWER_CHARS} characters")
    return trimmed


Room = Annotated[str, AfterValidator(_room)]
Number = Annotated[float, BeforeValidator(_number)]
Objects = Annotated[bytes, BeforeValidator(_binary)]
ShortId = Annotated[str, Field(min_length=1, max_length=64)]
QuestionIdText = Annotated[str, Field(min_length=3, max_length=48)]


class BoardContent(_Message):
    """A board snapshot; see ``whiteboard.model.Board`` for what empty objects mean."""

    objects: Objects = b""
    viewport: Annotated[list[Number], Field(min_length=6, max_length=6)] = list(IDENTITY)
    eventTime: Number = 0.0  # noqa: N815 (the clients' spelling)
    width: Number = 0.0
    height: Number = 0.0

    def board(self) -> Board:
        a, b, c, d, e, f = self.viewport
        view: Viewport = (a, b, c, d, e, f)
        return Board(self.objects, view, self.eventTime, self.width, self.height)


class Description(_Message):
    """An RTCSessionDescriptionInit that is an offer."""

    type: Literal["offer"]
    sdp: Annotated[str, AfterValidator(_sdp)]


class OfferMessage(_Message):
    """``presenterOffer``, ``studentOffer``. ``sources`` and ``peerId`` are our own clients'."""

    roomId: Room  # noqa: N815
    SDP: Description
    sources: Annotated[dict[ShortId, Source], Field(max_length=8)] = {}
    peerId: Annotated[str, Field(min_length=1, max_length=64)] | None = None  # noqa: N815

    @property
    def room(self) -> RoomId:
        return RoomId(self.roomId)

    def offer(self) -> Offer:
        return Offer(self.SDP.sdp, self.sources, PeerId(self.peerId) if self.peerId else None)


class WhiteboardInit(_Message):
    roomId: Room  # noqa: N815
    whiteboardDetails: BoardContent  # noqa: N815

    @property
    def room(self) -> RoomId:
        return RoomId(self.roomId)


class CandidateInit(_Message):
    """An RTCIceCandidateInit; an empty candidate is the end of them."""

    candidate: Annotated[str, Field(max_length=1024)] = ""
    sdpMid: Annotated[str, Field(max_length=64)] | None = None  # noqa: N815
    sdpMLineIndex: Annotated[int, Field(ge=0, le=255)] | None = None  # noqa: N815


class ClientCandidate(_Message):
    candidate: CandidateInit | None = None


class InRoom(_Message):
    """``end``, ``leave``, and what the other events of ``/lecture`` begin with."""

    roomId: Room  # noqa: N815

    @property
    def room(self) -> RoomId:
        return RoomId(self.roomId)


class Edit(InRoom):
    content: BoardContent


class Ask(InRoom):
    content: Annotated[str, AfterValidator(_question)]
    clientQuestionId: ShortId | None = None  # noqa: N815
    anonymous: bool = False


class _Questioned(_Message):
    questionId: QuestionIdText  # noqa: N815

    @property
    def question(self) -> QuestionId:
        return QuestionId(self.questionId)


class Solved(InRoom, _Questioned):
    """``solved``, ``hide``, ``approve``."""


class Upvote(InRoom, _Questioned):
    on: bool = True


class Answer(InRoom, _Questioned):
    content: Annotated[str, AfterValidator(_answer)]
    clientAnswerId: ShortId | None = None  # noqa: N815


class ClaimQuestion(InRoom):
    """Without a question, the first that is free is meant."""

    questionId: QuestionIdText | None = None  # noqa: N815

    @property
    def question(self) -> QuestionId | None:
        return QuestionId(self.questionId) if self.questionId else None


class Appoint(InRoom):
    """``member``: an e-mail or a member id."""

    member: Annotated[str, Field(min_length=3, max_length=254)]
    name: Annotated[str, Field(max_length=100)] = ""


class Moderation(InRoom):
    on: bool


class ViewQuestions(InRoom):
    """``ids``: questions that the client remembers as its own."""

    ids: Annotated[list[QuestionIdText], Field(max_length=50)] = []

    @property
    def known(self) -> list[QuestionId]:
        return [QuestionId(ident) for ident in self.ids]


SpeakerId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Mid = Annotated[str, Field(min_length=1, max_length=32)]


class Hand(InRoom):
    up: bool = True


class Invite(InRoom):
    """``invite``, ``uninvite``."""

    speakerId: SpeakerId  # noqa: N815


class Speak(InRoom):
    """An invited participant's offer; without one, the end of its turn."""

    SDP: Description | None = None
    sources: Annotated[dict[ShortId, Source], Field(max_length=8)] = {}
    peerId: Annotated[str, Field(min_length=1, max_length=64)] | None = None  # noqa: N815

    def offer(self, description: Description) -> Offer:
        return Offer(description.sdp, self.sources, PeerId(self.peerId) if self.peerId else None)


class MuteMessage(InRoom):
    """Without ``speakerId`` it is one's own track."""

    speakerId: SpeakerId | None = None  # noqa: N815
    source: Source
    on: bool = True


class Pause(InRoom):
    mid: Mid
    on: bool = True
    peerId: ShortId | None = None  # noqa: N815


class Prefer(InRoom):
    """Bounds of one video section; what is absent is no bound."""

    mid: Mid
    height: Annotated[int, Field(ge=0, le=10_000)] | None = None
    layer: Annotated[int, Field(ge=0, le=7)] | None = None
    temporal: Annotated[int, Field(ge=0, le=7)] | None = None
    peerId: ShortId | None = None  # noqa: N815


class Watch(InRoom):
    """``stats``."""

    on: bool = True


class Sources(InRoom):
    microphone: bool = False
    camera: bool = False
    screen: bool = False


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
        raise _LimitError(f"an element has at most {MAX_ELEMENT} bytes")
    return Put(ident, version, nonce, page, text)


def _element_id(value: object) -> str:
    if not isinstance(value, str) or not _ELEMENT_ID.fullmatch(value):
        raise ValueError("an element's id has 1 to 64 visible ASCII characters")
    return value


def _operations(value: object) -> list[Operation]:
    if not isinstance(value, list) or not value:
        raise ValueError("a list of operations is needed")
    if len(value) > MAX_OPERATIONS:
        raise _LimitError(f"a draw has at most {MAX_OPERATIONS} operations")
    return [_operation(item) for item in value]


def _person(text: str) -> str:
    if _LOOSE.search(text):
        raise ValueError("an e-mail or a guest's id is needed")
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
    ] = []

    def drawing(self) -> Drawing:
        """Return the rule; names count in the mode ``list`` alone."""
        named = tuple(dict.fromkeys(self.members)) if self.mode == "list" else ()
        return Drawing(self.mode, named)


class PageMessage(InRoom):
    page: Annotated[int, Field(ge=0, le=config.MAX_PAGE)]


class Credentials(_Message):
    """A namespace's ``auth``. A guest sends an empty token, and later its own id as one."""

    accessToken: Annotated[str, Field(max_length=4096)] = ""  # noqa: N815
    roomId: Room | None = None  # noqa: N815
    cursor: Annotated[int, Field(ge=0, le=MAX_VERSION)] | None = None
    """The ``seq`` of the last room event that the client has."""
    elements: bool = False
    """The client shows element boards. One that gives a cursor does."""

    @property
    def room(self) -> RoomId | None:
        return RoomId(self.roomId) if self.roomId else None


M = TypeVar("M", bound=_Message)


def read(kind: type[M], args: list[Any]) -> M:
    """Return the first argument of an event as ``kind``.

    Raises BadRequest, TooLarge, or BadOffer for a description that is no offer.
    """
    if not args or not isinstance(args[0], Mapping):
        raise BadRequest("this event takes an object")
    try:
        return kind.model_validate(args[0])
    except (ValidationError, RecursionError, UnicodeError) as fault:
        raise refusal(fault) from fault


def refusal(fault: Exception) -> LecternError:
    """Say what is wrong, by place and rule, without repeating what was sent."""
    if not isinstance(fault, ValidationError):
        return BadRequest("this is not well-formed")
    first = fault.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"][:4])[:80]
    cause = first.get("ctx", {}).get("error")
    text = str(cause) if isinstance(cause, ValueError) else first["msg"]
    if isinstance(cause, _LimitError):
        return TooLarge(f"{where}: {text}")
    if first["loc"][:1] == ("SDP",):
        return BadOffer(f"{where}: {text}")
    return BadRequest(f"{where}: {text}")
