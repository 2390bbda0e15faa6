"""Socket.IO protocol 5 packets, in both directions, without any I/O.

Reading is bounded before it is parsed: the head (type, attachments, namespace, acknowledgement
id) is read by hand, the limit of the named event is applied, and only then the JSON is parsed.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

from app.core.errors import BadRequest, LecternError, TooLarge
from app.transport.sio import config

_HEAD: Final = re.compile(
    r"(?P<type>[0-6])(?:(?P<count>[0-9]{1,9})-)?(?:(?P<namespace>/[^,]{0,63})(?:,|$))?"
    r"(?P<id>[0-9]{0,15})"
)
_NAME: Final = re.compile(r'\s*\[\s*"(?P<name>[^"\\]{1,64})"')
_TEXT_LIMITS: Final = {
    "presenterOffer": config.MAX_OFFER_TEXT,
    "studentOffer": config.MAX_OFFER_TEXT,
    "draw": config.MAX_DRAW_TEXT,
}
_MAX_DEPTH: Final = 12
"""Nesting of an event's arguments; a whiteboard in its envelope is 4 deep."""

Bytes = bytes | bytearray


class PacketError(Exception):
    """What came is no Socket.IO packet: there is nobody to answer, the connection is closed."""


@dataclass(frozen=True, slots=True)
class Connect:
    namespace: str
    auth: Any


@dataclass(frozen=True, slots=True)
class Disconnect:
    namespace: str


@dataclass(frozen=True, slots=True)
class Ack:
    """A client's acknowledgement; we ask for none, so it is ignored."""


@dataclass(frozen=True, slots=True)
class Request:
    """Which event this is about, and whether its sender waits for an acknowledgement."""

    namespace: str
    event: str
    ack_id: int | None


@dataclass(frozen=True, slots=True)
class Event:
    request: Request
    args: list[Any]
    size: int
    """Bytes of text and attachments together."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A packet that was understood well enough to be answered, and no further."""

    request: Request
    error: LecternError


Incoming = Connect | Disconnect | Ack | Event | Refusal


@dataclass(slots=True)
class _Waiting:
    """A binary packet whose attachments have not all come."""

    request: Request
    args: list[Any]
    size: int
    missing: int
    attachments: list[bytes]
    error: LecternError | None = None


class Decoder:
    """Turns one connection's messages into packets. Holds at most ``MAX_ATTACHED_BYTES``."""

    def __init__(self) -> None:
        self._waiting: _Waiting | None = None

    def feed(self, data: object) -> Incoming | None:
        """Return the packet that ``data`` completes, if any. Raises PacketError."""
        if isinstance(data, Bytes):
            return self._attach(bytes(data))
        if not isinstance(data, str) or self._waiting is not None:
            raise PacketError("a text packet was expected, or its attachment")
        return self._packet(data)

    def _packet(self, text: str) -> Incoming | None:
        head = _HEAD.match(text)
        if head is None:
            raise PacketError("no packet head")
        kind, count = head["type"], int(head["count"] or 0)
        namespace = head["namespace"] or "/"
        body = text[head.end() :]
        if kind == "0":
            return Connect(namespace, _json(body) if len(body) <= config.MAX_EVENT_TEXT else None)
        if kind == "1":
            return Disconnect(namespace)
        if kind == "3":
            return Ack()
        if kind not in "25" or (kind == "2") == (head["count"] is not None):
            raise PacketError("a packet that no client sends")
        if count > config.MAX_ATTACHMENTS:
            raise PacketError("too many attachments")
        return self._event(body, count, namespace, int(head["id"]) if head["id"] else None)

    def _event(self, body: str, count: int, namespace: str, ack_id: int | None) -> Incoming | None:
        name = _NAME.match(body)
        if name is None:
            raise PacketError("an event without a name")
        request = Request(namespace, name["name"], ack_id)
        limit = _TEXT_LIMITS.get(request.event, config.MAX_EVENT_TEXT)
        error: LecternError | None = None
        args: list[Any] = []
        if len(body) > limit:
            error = TooLarge(f"at most {limit} characters of text fit one {request.event}")
        else:
            try:
                args = orjson.loads(body)[1:]
            except orjson.JSONDecodeError:
                # Half an emoji, for example, which JavaScript writes and JSON does not allow.
                error = BadRequest("this is not well-formed")
        if count == 0:
            return Refusal(request, error) if error else Event(request, args, len(body))
        self._waiting = _Waiting(request, args, len(body), count, [], error)
        return None

    def _attach(self, data: bytes) -> Incoming | None:
        waiting = self._waiting
        if waiting is None:
            raise PacketError("an attachment without its packet")
        waiting.missing -= 1
        waiting.size += len(data)
        if sum(map(len, waiting.attachments)) + len(data) > config.MAX_ATTACHED_BYTES:
            waiting.error = TooLarge(f"at most {config.MAX_BOARD_BYTES} bytes of board fit")
        if waiting.error is None:
            waiting.attachments.append(data)
        else:
            waiting.attachments.clear()
        if waiting.missing:
            return None
        self._waiting = None
        if waiting.error is not None:
            return Refusal(waiting.request, waiting.error)
        try:
            args = [_filled(item, waiting.attachments, _MAX_DEPTH) for item in waiting.args]
        except BadRequest as error:
            return Refusal(waiting.request, error)
        return Event(waiting.request, args, waiting.size)


def _json(text: str) -> Any:
    if not text:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as fault:
        raise PacketError("no JSON") from fault


def _filled(item: Any, attachments: list[bytes], depth: int) -> Any:
    """Put the attachments where their placeholders stand."""
    if not isinstance(item, dict | list):
        return item
    if depth == 0:
        raise BadRequest("nested too deeply")
    if isinstance(item, list):
        return [_filled(part, attachments, depth - 1) for part in item]
    if item.get("_placeholder") is True:
        number = item.get("num")
        if type(number) is not int or not 0 <= number < len(attachments):
            raise BadRequest("a placeholder without its attachment")
        return attachments[number]
    return {key: _filled(part, attachments, depth - 1) for key, part in item.items()}


def encode_event(namespace: str, event: str, *args: Any) -> list[str | bytes]:
    """Return the messages of one event: its text, then its attachments in order."""
    return _encode("2", "5", namespace, "", [event, *args])


def encode_ack(namespace: str, ack_id: int, *args: Any) -> list[str | bytes]:
    """Return the messages that acknowledge the request ``ack_id``."""
    return _encode("3", "6", namespace, str(ack_id), list(args))


def _encode(plain: str, binary: str, namespace: str, ident: str, data: Any) -> list[str | bytes]:
    attachments: list[bytes] = []

    def placeholder(value: Any) -> Any:
        if isinstance(value, bytes | bytearray | memoryview):
            attachments.append(bytes(value))
            return {"_placeholder": True, "num": len(attachments) - 1}
        raise TypeError(f"{type(value).__name__} has no place in an event")

    body = orjson.dumps(data, default=placeholder).decode()
    head = f"{binary}{len(attachments)}-" if attachments else plain
    where = "" if namespace == "/" else f"{namespace},"
    return [f"{head}{where}{ident}{body}", *attachments]
