"""What a sender of media says along with it, and whose of that one wants to hear."""

from typing import Annotated, Any

import orjson
from pydantic import Field, PlainValidator

from app.transport.sio.messages.form import InRoom, LimitError

MAX_DATA_BYTES = 4096
MAX_ATTRIBUTES_BYTES = 2048

MAX_SIGNAL_BYTES = 32 * 1024
"""A description with its candidates is a quarter of it."""

StreamName = Annotated[str, Field(pattern=r"^(presenter|[0-9a-f]{16})$")]
"""As ``tracks`` names a speaker; ``"presenter"`` is the presenter's."""


def _json(value: object, limit: int) -> bytes:
    try:
        text = orjson.dumps(value)
    except TypeError as fault:
        raise ValueError("this is no JSON") from fault
    if len(text) > limit:
        raise LimitError(f"at most {limit} bytes of JSON")
    return text


def _message(value: Any) -> bytes:
    return _json(value, MAX_DATA_BYTES)


def _signal(value: Any) -> bytes:
    return _json(value, MAX_SIGNAL_BYTES)


def _attributes(value: Any) -> bytes:
    if not isinstance(value, dict):
        raise ValueError("an object is needed")  # noqa: TRY004 (pydantic wants ValueError)
    return _json(value, MAX_ATTRIBUTES_BYTES)


class StreamData(InRoom):
    message: Annotated[bytes, PlainValidator(_message)]
    """Any JSON, as text."""
    stream: StreamName | None = None
    """The sender's own; another's is refused."""


class StreamAttributes(InRoom):
    attributes: Annotated[bytes, PlainValidator(_attributes)]
    """A JSON object, as text."""
    stream: StreamName | None = None


class Signal(InRoom):
    to: Annotated[str, Field(pattern=r"^(presenter|[0-9a-f]{16})$")]
    message: Annotated[bytes, PlainValidator(_signal)]
    """Any JSON, as text."""


class Follow(InRoom):
    stream: StreamName
    on: bool = True
