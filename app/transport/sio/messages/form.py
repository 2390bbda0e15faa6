"""What every message is made of: its limits, the fields that many have, and how it is read."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from app.core.errors import BadOffer, BadRequest, LecternError, TooLarge
from app.core.ids import RoomId, is_room_id


class Message(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", strict=True, arbitrary_types_allowed=True
    )


class LimitError(ValueError):
    """A value over a stated limit; becomes ``too_large`` rather than ``bad_request``."""


def _room(text: str) -> str:
    if not is_room_id(text):
        raise ValueError("a lecture's code has six digits")
    return text


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


Room = Annotated[str, AfterValidator(_room)]
Number = Annotated[float, BeforeValidator(_number)]
ShortId = Annotated[str, Field(min_length=1, max_length=64)]


class InRoom(Message):
    """``end``, ``leave``, and what the other events of ``/lecture`` begin with."""

    roomId: Room  # noqa: N815

    @property
    def room(self) -> RoomId:
        return RoomId(self.roomId)


M = TypeVar("M", bound=Message)


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
    if isinstance(cause, LimitError):
        return TooLarge(f"{where}: {text}")
    if first["loc"][:1] == ("SDP",):
        return BadOffer(f"{where}: {text}")
    return BadRequest(f"{where}: {text}")
